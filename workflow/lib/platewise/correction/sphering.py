"""Sphering: the directions in which negative controls vary are scaled down, whatever made them vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.columns import PLATE
from platewise.config.correction import SpheringCorrection
from platewise.correction.method import Corrected, CorrectionRefusedError
from platewise.profiles.frame import is_negcon

# Shares of the identity tried by `auto`. 0 is not among them: with fewer controls than features it has no inverse.
SHRINKAGES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
# Eigenvalues below this share of the largest are directions without any variation.
_SINGULAR = 1e-10


# Controls that must be left to estimate from when the plate with most of them is left out.
_LEAST_LEFT = 3


@dataclass(frozen=True)
class Sphering:
    """A fitted ZCA-cor transform (Kessy, Lewin and Strimmer 2018): ``(x - centre) @ weights.T``.

    Attributes
    ----------
    centre
        Mean of the rows it was fitted on, ``(features,)``.
    weights
        W, ``(features, features)``.
    covariance
        S_shrunk, the covariance that W makes the identity: ``W S_shrunk W' = I``.
    """

    centre: np.ndarray
    weights: np.ndarray
    covariance: np.ndarray


def correct_by_sphering(metadata: pd.DataFrame, values: np.ndarray, config: SpheringCorrection) -> Corrected:
    """Sphere all wells with what the campaign's negative controls show.

    Raises
    ------
    CorrectionRefusedError
        With fewer than ``min_controls`` control wells, or with controls on a single plate when the shrinkage is chosen.
    """
    control = is_negcon(metadata)
    controls, plates = values[control], metadata.loc[control, PLATE].to_numpy()
    _check(len(controls), np.unique(plates, return_counts=True)[1], config)
    facts: dict[str, object] = {"controls": len(controls)}
    if config.shrinkage == "auto":
        likelihood = left_out_likelihood(controls, plates)
        shrinkage = likeliest(likelihood)
        facts["likelihood"] = {str(share): value for share, value in likelihood.items()}
    else:
        shrinkage = float(config.shrinkage)
    facts["shrinkage"] = shrinkage
    fitted = fit_sphering(controls, shrinkage)
    return Corrected((values - fitted.centre) @ fitted.weights.T, facts)


def fit_sphering(rows: np.ndarray, shrinkage: float, mean: np.ndarray | None = None) -> Sphering:
    """Fit ZCA-cor on rows that vary by nuisance alone, such as controls.

    With V the rows' variances and P their correlations, S_shrunk = V^1/2 ((1 - shrinkage) P + shrinkage I) V^1/2
    and W = ((1 - shrinkage) P + shrinkage I)^-1/2 V^-1/2: the inverse square root of the shrunk correlation, on
    standardised features. A feature that is constant among the rows keeps its scale.

    Parameters
    ----------
    rows
        ``(rows, features)``.
    shrinkage
        Share of the identity, 0 to 1.
    mean
        The rows' mean where it is known, ``(features,)``; estimated otherwise.

    Raises
    ------
    CorrectionRefusedError
        If S_shrunk cannot be inverted (no shrinkage and too few rows).
    """
    centre, deviation, correlation = _moments(rows, mean)
    sizes, axes = np.linalg.eigh(correlation)
    sizes = (1 - shrinkage) * sizes + shrinkage
    if sizes[0] <= _SINGULAR * sizes[-1]:
        raise CorrectionRefusedError(
            f"sphering: {len(rows)} rows to fit on span fewer directions than {rows.shape[1]} features, and "
            f"shrinkage is {shrinkage:g}. Hint: set a larger shrinkage, or `auto`."
        )
    root = (axes / np.sqrt(sizes)) @ axes.T
    shrunk = (axes * sizes) @ axes.T
    return Sphering(centre, root / deviation, shrunk * np.outer(deviation, deviation))


def left_out_likelihood(
    rows: np.ndarray,
    folds: np.ndarray,
    shrinkages: Sequence[float] = SHRINKAGES,
    mean: np.ndarray | None = None,
) -> dict[float, float]:
    """Return how well each shrinkage predicts the rows that are left out, one fold after the other.

    For each fold, mean, variances and correlations are estimated from the rows of all others, and its own are judged by
    the normal density with that mean and S_shrunk.

    Parameters
    ----------
    rows
        ``(rows, features)``.
    folds
        What each row is left out with, such as its plate, ``(rows,)``.
    shrinkages
        The candidates.
    mean
        The rows' mean where it is known, ``(features,)``.

    Returns
    -------
    likelihood
        Mean log-density of a row, without its constant term, by shrinkage.
    """
    totals = dict.fromkeys(shrinkages, 0.0)
    for fold in np.unique(folds):
        out = folds == fold
        centre, deviation, correlation = _moments(rows[~out], mean)
        sizes, axes = np.linalg.eigh(correlation)
        scores = ((rows[out] - centre) / deviation @ axes) ** 2
        for share in shrinkages:
            shrunk = np.maximum((1 - share) * sizes + share, np.finfo(float).tiny)
            density = -0.5 * ((scores / shrunk).sum(axis=1) + np.log(shrunk).sum()) - np.log(deviation).sum()
            totals[share] += float(density.sum())
    return {share: total / len(rows) for share, total in totals.items()}


def likeliest(likelihood: dict[float, float]) -> float:
    """Return the shrinkage with the largest likelihood; ties go to the larger one, which changes profiles less."""
    return max(sorted(likelihood, reverse=True), key=lambda share: likelihood[share])


def _moments(rows: np.ndarray, mean: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centre = rows.mean(axis=0) if mean is None else mean
    # A mean that was estimated costs one degree of freedom.
    degrees = len(rows) - (mean is None)
    deviation = np.sqrt(((rows - centre) ** 2).sum(axis=0) / degrees)
    deviation = np.where(deviation > 0, deviation, 1.0)
    standard = (rows - centre) / deviation
    correlation = standard.T @ standard / degrees
    # A constant feature correlates with nothing, and with itself fully.
    np.fill_diagonal(correlation, 1.0)
    return centre, deviation, correlation


def _check(controls: int, by_plate: np.ndarray, config: SpheringCorrection) -> None:
    if controls < config.min_controls:
        raise CorrectionRefusedError(
            f"correction sphering: found {controls} negative control wells; expected at least {config.min_controls} "
            "(min_controls). Hint: mark more wells as negative controls, use the correction `none`, or set "
            "when_refused: leave to go on with uncorrected profiles."
        )
    left = controls - by_plate.max()
    if left < _LEAST_LEFT and config.shrinkage == "auto":
        raise CorrectionRefusedError(
            f"correction sphering: found {left} negative controls beside those of one plate ({len(by_plate)} plates in "
            f"all); expected at least {_LEAST_LEFT}, because the shrinkage is chosen by plates left out. Hint: set "
            "shrinkage to a number, use the correction `none`, or set when_refused: leave to go on with uncorrected "
            "profiles."
        )
