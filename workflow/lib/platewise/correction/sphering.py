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
        Mean of the controls, ``(features,)``.
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
        # Ties go to the larger shrinkage, which changes the profiles less.
        shrinkage = max(reversed(SHRINKAGES), key=lambda share: likelihood[share])
        facts["likelihood"] = {str(share): value for share, value in likelihood.items()}
    else:
        shrinkage = float(config.shrinkage)
    facts["shrinkage"] = shrinkage
    fitted = fit_sphering(controls, shrinkage)
    return Corrected((values - fitted.centre) @ fitted.weights.T, facts)


def fit_sphering(controls: np.ndarray, shrinkage: float) -> Sphering:
    """Fit ZCA-cor on controls.

    With V the controls' variances and P their correlations, S_shrunk = V^1/2 ((1 - shrinkage) P + shrinkage I) V^1/2
    and W = ((1 - shrinkage) P + shrinkage I)^-1/2 V^-1/2: the inverse square root of the shrunk correlation, on
    standardised features. A feature that is constant among controls keeps its scale.

    Parameters
    ----------
    controls
        ``(controls, features)``.
    shrinkage
        Share of the identity, 0 to 1.

    Raises
    ------
    CorrectionRefusedError
        If S_shrunk cannot be inverted (no shrinkage and too few controls).
    """
    centre, deviation, correlation = _moments(controls)
    sizes, axes = np.linalg.eigh(correlation)
    sizes = (1 - shrinkage) * sizes + shrinkage
    if sizes[0] <= _SINGULAR * sizes[-1]:
        raise CorrectionRefusedError(
            f"sphering: {len(controls)} negative controls span fewer directions than {controls.shape[1]} features, and "
            f"shrinkage is {shrinkage:g}. Hint: set a larger shrinkage, or `auto`."
        )
    root = (axes / np.sqrt(sizes)) @ axes.T
    shrunk = (axes * sizes) @ axes.T
    return Sphering(centre, root / deviation, shrunk * np.outer(deviation, deviation))


def left_out_likelihood(
    controls: np.ndarray, plates: np.ndarray, shrinkages: Sequence[float] = SHRINKAGES
) -> dict[float, float]:
    """Return how well each shrinkage predicts the controls of plates left out.

    For each plate, mean, variances and correlations are estimated from the controls of all other plates, and its own
    controls are judged by the normal density with that mean and S_shrunk.

    Returns
    -------
    likelihood
        Mean log-density of a control well, without its constant term, by shrinkage.
    """
    totals = dict.fromkeys(shrinkages, 0.0)
    for plate in sorted(set(plates)):
        out = plates == plate
        centre, deviation, correlation = _moments(controls[~out])
        sizes, axes = np.linalg.eigh(correlation)
        scores = ((controls[out] - centre) / deviation @ axes) ** 2
        for share in shrinkages:
            shrunk = np.maximum((1 - share) * sizes + share, np.finfo(float).tiny)
            density = -0.5 * ((scores / shrunk).sum(axis=1) + np.log(shrunk).sum()) - np.log(deviation).sum()
            totals[share] += float(density.sum())
    return {share: total / len(controls) for share, total in totals.items()}


def _moments(controls: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centre = controls.mean(axis=0)
    deviation = controls.std(axis=0, ddof=1)
    deviation = np.where(deviation > 0, deviation, 1.0)
    standard = (controls - centre) / deviation
    correlation = standard.T @ standard / (len(controls) - 1)
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
