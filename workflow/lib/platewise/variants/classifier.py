"""Whether a classifier tells cells of a variant from cells of its wild type, on plates that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from platewise.variants.exchanges import exchanges

# Strength of the ridge, fixed beforehand: of about as many cells as features, most are noise.
_REGULARISATION = 0.01
# Standardised values beyond this are artefacts, and would outweigh everything in a linear model.
_MOST_DEVIATIONS = 10.0


@dataclass(frozen=True)
class CellTest:
    """How well cells are told apart.

    Attributes
    ----------
    auc
        Area under the ROC curve of the held-out cells, mean over plates; 0.5 is chance, below it chance, too.
    null
        The same for wild-type wells, some of which are called mutant, ``(splits,)``.
    p
        Share of the null, with the real value counted in, that is as large.
    least_p
        The smallest p that so many splits could have given.
    """

    auc: float
    null: np.ndarray
    p: float
    least_p: float


def tell_cells_apart(
    cells: np.ndarray,
    wells: np.ndarray,
    mutant: np.ndarray,
    plates: np.ndarray,
    splits: int,
    rng: np.random.Generator,
) -> CellTest:
    """Train a logistic regression on all plates but one and test it there, plate by plate; and do so for the null.

    The null is of wild-type wells alone: on each plate half of them, at most as many as the variant has there, are
    called mutant. It has fewer wells than the real comparison, varies more for that, and errs on the safe side.

    Parameters
    ----------
    cells
        Features ``(cells, features)``; NaN counts as the plate's mean. They are standardised plate by plate over both
        kinds together, so that neither batch nor label is in it.
    wells
        The well of each cell, from 0, ``(cells,)``.
    mutant, plates
        Of each well, ``(wells,)``.
    splits
        Most splits of wild-type wells.
    rng
        For those at random.

    Returns
    -------
    CellTest
        NaN where fewer than two plates have both kinds; without a null where fewer than two plates have two wild-type
        wells.
    """
    prepared = standardise(cells, plates[wells])
    auc = held_out_auc(prepared, wells, mutant, plates)
    if np.isnan(auc):
        return CellTest(auc, np.zeros(0), np.nan, np.nan)
    called = np.zeros(len(mutant), dtype=bool)
    for plate in np.unique(plates):
        normal = np.flatnonzero((plates == plate) & ~mutant)
        count = min(len(normal) // 2, int((mutant & (plates == plate)).sum()))
        called[normal[:count]] = True
    # Cells of wild-type wells only; wells keep their numbers.
    rows = ~mutant[wells]
    own = np.flatnonzero(~mutant)
    drawn, ways = exchanges(called[own], plates[own], splits, rng)
    alone = standardise(cells[rows], plates[wells[rows]])
    null = []
    for chosen in drawn:
        pseudo = np.zeros(len(mutant), dtype=bool)
        pseudo[own[chosen]] = True
        null.append(held_out_auc(alone, wells[rows], pseudo, plates))
    values = np.array(null)[np.isfinite(null)]
    if not len(values):
        return CellTest(auc, values, np.nan, np.nan)
    p = (int((values >= auc - 1e-12).sum()) + 1) / (len(values) + 1)
    return CellTest(auc, values, float(p), 1 / (min(ways, splits) + 1))


def held_out_auc(cells: np.ndarray, wells: np.ndarray, mutant: np.ndarray, plates: np.ndarray) -> float:
    """Return the mean over plates of the AUC of a classifier that was trained on the others; NaN without two.

    Every well counts alike in training, however many cells it has; only plates with both kinds count.
    """
    label, origin = mutant[wells], plates[wells]
    usable = [plate for plate in np.unique(origin) if len(np.unique(label[origin == plate])) == 2]
    if len(usable) < 2:
        return float("nan")
    kept = np.isin(origin, usable)
    weights = 1 / np.bincount(wells, minlength=len(mutant))[wells].clip(1)
    found = []
    for plate in usable:
        test = kept & (origin == plate)
        train = kept & ~test
        model = LogisticRegression(C=_REGULARISATION, class_weight="balanced", max_iter=300)
        model.fit(cells[train], label[train], sample_weight=weights[train] / weights[train].mean())
        found.append(roc_auc_score(label[test], model.decision_function(cells[test])))
    return float(np.mean(found))


def standardise(cells: np.ndarray, plates: np.ndarray) -> np.ndarray:
    """Return features with mean 0 and standard deviation 1 on each plate, clipped to 10; what is missing is 0."""
    out = np.zeros(cells.shape, dtype=np.float64)
    for plate in np.unique(plates):
        own = cells[plates == plate].astype(np.float64)
        known = np.isfinite(own)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, own, 0).sum(axis=0) / count
        centred = np.where(known, own - mean, 0)
        spread = np.sqrt((centred**2).sum(axis=0) / count)
        out[plates == plate] = centred / np.where(spread > 0, spread, 1)
    return np.clip(out, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
