"""Whether a linear classifier can tell from a well's profile which plate or batch it lies in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platewise.evaluation.intervals import wilson_interval
from platewise.evaluation.items import CannotScoreError

_FOLDS = 5


@dataclass(frozen=True)
class Probe:
    """How well held-out wells are told.

    Attributes
    ----------
    accuracy, low, high
        Balanced accuracy and its 95 % interval (``mean_share_interval``).
    chance
        The accuracy of guessing.
    held_out
        What was held out together: ``plates`` or ``wells``.
    codes, correct
        Label of each well that was told, from 0, and whether it was told right, ``(told wells,)``.
    """

    accuracy: float
    low: float
    high: float
    chance: float
    held_out: str
    codes: np.ndarray
    correct: np.ndarray


def probe(values: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, seed: int) -> Probe:
    """Cross-validate a linear discriminant (Ledoit-Wolf shrinkage) on standardised features.

    Parameters
    ----------
    values
        ``(wells, features)``.
    labels
        What to tell, ``(wells,)``; labels with one well are left out.
    groups
        Wells of one group are held out together where every label has two groups or more (plates, when the label is the
        batch: a known plate would give its batch away), ``(wells,)``; None holds out wells.
    seed
        Of the folds.

    Raises
    ------
    CannotScoreError
        If fewer than two labels have two wells, or what is left to learn from is not more than a well a label.
    """
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    kept = counts[codes] >= 2
    values, labels = values[kept], labels[kept]
    groups = None if groups is None else groups[kept]
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise CannotScoreError("fewer than two with two comparable wells each")
    if not np.ptp(values, axis=0).any():
        raise CannotScoreError("all profiles are equal")
    folds, held_out = _folds(values, codes, groups, counts, seed)
    if any(len(train) <= len(names) for train, _ in folds):
        raise CannotScoreError("too few comparable wells to learn from and to hold out")
    correct = _held_out_predictions(values, codes, folds) == codes
    hits = np.bincount(codes, weights=correct)
    low, high = mean_share_interval(hits, counts)
    return Probe(float((hits / counts).mean()), low, high, 1 / len(names), held_out, codes, correct)


def mean_share_interval(hits: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of independent shares, from Wilson's interval of each.

    The distances of its ends from the mean are the root of the summed squares of those of each share, divided by the
    number of shares (Zou and Donner 2008, doi:10.1002/sim.3095). Unlike that of resamples it has a width where all are
    right, or all wrong.

    Parameters
    ----------
    hits, counts
        How many of how many, ``(shares,)``.
    """
    shares = hits / counts
    ends = np.array([wilson_interval(int(hit), int(count)) for hit, count in zip(hits, counts, strict=True)])
    below, above = np.sqrt(((ends - shares[:, None]) ** 2).sum(axis=0)) / len(shares)
    return float(shares.mean() - below), float(shares.mean() + above)


def _folds(
    values: np.ndarray, codes: np.ndarray, groups: np.ndarray | None, counts: np.ndarray, seed: int
) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if groups is not None:
        fewest = min(len(set(groups[codes == code])) for code in range(len(counts)))
        if fewest >= 2:
            splitter = StratifiedGroupKFold(min(_FOLDS, fewest), shuffle=True, random_state=seed)
            folds = list(splitter.split(values, codes, groups))
            # A fold may by chance take all plates of a batch; then wells are held out instead.
            if all(len(np.unique(codes[train])) == len(counts) for train, _ in folds):
                return folds, "plates"
    splitter = StratifiedKFold(min(_FOLDS, int(counts.min())), shuffle=True, random_state=seed)
    return list(splitter.split(values, codes)), "wells"


def _held_out_predictions(
    values: np.ndarray, codes: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predicted = np.full(len(codes), -1)
    for train, test in folds:
        count = len(np.unique(codes))
        # Equal priors: the score is balanced, so the guess must be.
        discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(count, 1 / count))
        model = make_pipeline(StandardScaler(), discriminant).fit(values[train], codes[train])
        predicted[test] = model.predict(values[test])
    return predicted
