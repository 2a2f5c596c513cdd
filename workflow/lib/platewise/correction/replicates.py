"""Sphering by replicates: what differs between wells that were given the same is no phenotype either."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import BATCH, PLATE
from platewise.config.correction import ReplicateCorrection
from platewise.correction.method import Corrected, CorrectionRefusedError
from platewise.correction.sphering import fit_sphering, left_out_likelihood, likeliest
from platewise.profiles.consensus import combine
from platewise.profiles.frame import is_negcon, treatment_codes

# More parts than this to leave out would add nothing to the choice of one number.
_MOST_FOLDS = 16
_NOTE = "the correction was fitted on replicates: that these agree is in part its doing"
_OTHERWISE = "use the correction `sphering` or `none`, or set when_refused: leave to go on with uncorrected profiles."


def correct_by_replicates(metadata: pd.DataFrame, values: np.ndarray, config: ReplicateCorrection) -> Corrected:
    """Sphere all wells with what replicates and controls show, and weigh directions by how well treatments repeat.

    Raises
    ------
    CorrectionRefusedError
        With fewer than ``min_controls`` control wells or ``min_differences`` independent differences of replicates, or
        if all that the shrinkage would be chosen by lies in one fold.
    """
    control = is_negcon(metadata)
    codes, _ = treatment_codes(metadata[~control].reset_index(drop=True))
    _check(int(control.sum()), len(codes) - len(np.unique(codes)), config)
    rows, folds = nuisance_rows(metadata, values, config.rows)
    facts: dict[str, object] = {"rows": len(rows)}
    zero = np.zeros(values.shape[1])
    if config.shrinkage == "auto":
        _check_folds(folds)
        likelihood = left_out_likelihood(rows, folds, mean=zero)
        shrinkage = likeliest(likelihood)
        facts["likelihood"] = {str(share): value for share, value in likelihood.items()}
    else:
        shrinkage = float(config.shrinkage)
    facts["shrinkage"] = shrinkage
    weights = fit_sphering(rows, shrinkage, mean=zero).weights
    origin = values[control].mean(axis=0)
    if config.weigh_by_reliability:
        weighing, reliability = reliable_directions((values[~control] - origin) @ weights.T, codes)
        weights = weighing @ weights
        facts["reliability"] = float(reliability.sum())
    if config.origin == "treated":
        origin = mean_treatment(values[~control], codes, metadata.loc[~control, BATCH].to_numpy(dtype=str))
    return Corrected((values - origin) @ weights.T, facts, _NOTE)


def nuisance_rows(metadata: pd.DataFrame, values: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of mean 0 that no treatment has a part in, each an independent draw of the nuisance.

    Parameters
    ----------
    metadata
        Of the wells.
    values
        ``(wells, features)``.
    kind
        ``replicates``: `contrasts` of the wells of each treatment. ``both``: also the negative controls minus their
        mean, stretched by sqrt(n / (n - 1)) because that mean was estimated.

    Returns
    -------
    rows
        ``(rows, features)``.
    folds
        What each row is to be left out with, ``(rows,)``: its batch (of a treatment in several, the first). In a
        campaign of one batch, parts of the plates for controls and of the treatments for replicates.
    """
    control = is_negcon(metadata)
    batches = metadata[BATCH].to_numpy(dtype=str)
    several = len(np.unique(batches)) > 1
    codes, _ = treatment_codes(metadata[~control].reset_index(drop=True))
    rows, treatment = contrasts(values[~control], codes)
    first = np.unique(codes, return_index=True)[1]
    folds = batches[~control][first][treatment] if several else _parts(treatment)
    if kind == "replicates":
        return rows, folds
    count = int(control.sum())
    deviations = (values[control] - values[control].mean(axis=0)) * np.sqrt(count / (count - 1))
    own = batches[control] if several else _parts(metadata.loc[control, PLATE].to_numpy(dtype=str))
    return np.concatenate([deviations, rows]), np.concatenate([own, folds])


def contrasts(values: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return orthonormal differences between the rows of each group (Helmert's).

    The k-th of a group is (mean of its first k rows - the next) * sqrt(k / (k + 1)). If the rows of a group vary
    independently around a mean of their own with covariance S, its n - 1 contrasts are independent, of mean 0 and
    covariance S, and the sum of their squares is that of the rows' deviations from the group's mean.

    Parameters
    ----------
    values
        ``(rows, features)``.
    codes
        Group of each row, from 0, ``(rows,)``.

    Returns
    -------
    differences
        ``(rows - groups, features)``.
    group
        Of each difference, ``(rows - groups,)``.
    """
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    sizes = sizes[sizes > 0]
    starts = np.cumsum(sizes) - sizes
    found, groups = [np.empty((0, values.shape[1]))], [np.empty(0, dtype=codes.dtype)]
    for size in np.unique(sizes[sizes > 1]):
        # Groups of one size are stacked.
        places = order[starts[sizes == size][:, None] + np.arange(size)]
        found.append((_helmert(size) @ values[places]).reshape(-1, values.shape[1]))
        groups.append(np.repeat(codes[places[:, 0]], size - 1))
    return np.concatenate(found), np.concatenate(groups)


def reliable_directions(values: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights for directions by the share of the treatments' variation that is not noise.

    Along each principal axis of the treatments' mean profiles (about 0), their second moment is that of the treatments
    plus that of the noise in means of n wells. The weight is 1 - noise / whole, or 0: the reliability of test theory
    (Spearman 1904; Lord and Novick 1968), and the shrinkage of a best linear predictor (Henderson 1975) of the
    treatment behind a mean. Axes are chosen where the means vary most, by chance too: where no treatment moves
    anything, up to half of them keep a weight (0.2 at most with 1,000 treatments of 3 wells and 20 features, 0.8 with
    103 treatments and 205 features).

    Parameters
    ----------
    values
        Treated wells with the controls at 0, ``(wells, features)``.
    codes
        Treatment of each well, from 0, ``(wells,)``.

    Returns
    -------
    weights
        Symmetric, eigenvalues 0 to 1, ``(features, features)``: profiles are multiplied by it.
    reliability
        Its eigenvalues, ``(features,)``.
    """
    sizes = np.bincount(codes)
    means = combine(values, codes, len(sizes), "mean")
    noise = contrasts(values, codes)[0]
    whole, axes = np.linalg.eigh(means.T @ means / len(means))
    # Noise of a mean of n wells has 1/n of the variance; the mean of 1/n, for all treatments together.
    of_means = ((noise @ axes) ** 2).mean(axis=0) * (1 / sizes).mean()
    reliability = np.clip(1 - of_means / np.maximum(whole, np.finfo(float).tiny), 0, 1)
    return (axes * reliability) @ axes.T, reliability


def mean_treatment(values: np.ndarray, codes: np.ndarray, batches: np.ndarray) -> np.ndarray:
    """Return the mean over batches of the mean over their treatments, ``(features,)``.

    A treatment in several batches counts in the first of its wells. No batch and no treatment counts for more because
    it has more wells.
    """
    first = np.unique(codes, return_index=True)[1]
    names, batch = np.unique(batches[first], return_inverse=True)
    treatments = combine(values, codes, len(first), "mean")
    return combine(treatments, batch.ravel(), len(names), "mean").mean(axis=0)


def _helmert(size: int) -> np.ndarray:
    matrix = np.zeros((size - 1, size))
    for k in range(1, size):
        matrix[k - 1, :k] = 1 / np.sqrt(k * (k + 1))
        matrix[k - 1, k] = -np.sqrt(k / (k + 1))
    return matrix


def _parts(labels: np.ndarray) -> np.ndarray:
    number = np.unique(labels, return_inverse=True)[1].ravel()
    return np.array([f"part {index % _MOST_FOLDS}" for index in number], dtype=object)


def _check_folds(folds: np.ndarray) -> None:
    if len(np.unique(folds)) < 2:
        raise CorrectionRefusedError(
            f"correction replicates: found all {len(folds)} differences to learn from in one fold ({folds[0]}); "
            "expected replicates in several batches or, in a campaign of one, several treatments with replicates, "
            f"because the shrinkage is chosen by leaving folds out. Hint: set shrinkage to a number, {_OTHERWISE}"
        )


def _check(controls: int, differences: int, config: ReplicateCorrection) -> None:
    if controls < config.min_controls:
        raise CorrectionRefusedError(
            f"correction replicates: found {controls} negative control wells; expected at least {config.min_controls} "
            f"(min_controls). Hint: mark more wells as negative controls, {_OTHERWISE}"
        )
    if differences < config.min_differences:
        raise CorrectionRefusedError(
            f"correction replicates: found {differences} treated wells beyond the first of their treatment; expected "
            f"at least {config.min_differences} (min_differences). Hint: give treatments replicate wells, {_OTHERWISE}"
        )
