"""A log-logistic curve through distances at doses: EC50, and what else is compatible with the wells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import f as f_distribution

# Slopes that are looked for: below, a curve is flat over all doses; above, it is a step between two of them.
HILL = (0.3, 6.0)
# How far beyond the doses an EC50 is looked for, in powers of ten, and in how many steps.
_BEYOND, _STEPS, _SLOPES = 1.0, 241, 31
# The upper plateau lies at most so many times as high above the lower one as the largest distance: that much is left of
# a curve of slope 1.5 at a tenth of its EC50, so that no EC50 that is looked for is excluded for its plateau.
_HIGHEST = 30.0


@dataclass(frozen=True)
class Curve:
    """``bottom + (top - bottom) / (1 + (ec50 / dose) ** hill)``, with the 95 % interval of the EC50.

    ``low`` is 0 and ``high`` infinite where the wells do not exclude any EC50 below, or above, those looked for: a
    power of ten beyond the doses. ``residual`` is the residual sum of squares.
    """

    bottom: float
    top: float
    ec50: float
    hill: float
    low: float
    high: float
    residual: float

    def at(self, doses: np.ndarray) -> np.ndarray:
        """Return the curve at doses above 0."""
        return self.bottom + (self.top - self.bottom) * rise(doses, self.ec50, self.hill)


def rise(doses: np.ndarray, ec50: np.ndarray | float, hill: np.ndarray | float) -> np.ndarray:
    """Return the share of the whole rise that is reached at doses above 0: 0.5 at the EC50."""
    # As a logistic of the logarithm, which does not overflow.
    return 1 / (1 + np.exp(-np.clip(hill * (np.log(doses) - np.log(ec50)), -500, 500)))


def fit_curve(doses: np.ndarray, distances: np.ndarray, control: float, level: float = 0.95) -> Curve:
    """Fit the four-parameter log-logistic curve to wells by least squares.

    The controls count as one more dose, of nothing: their typical distance is a datum for the lower plateau, with the
    weight of as many wells as a dose has on average. So the plateau may lie elsewhere where wells at low doses say so,
    and is known where the lowest dose acts already.

    For each EC50 and slope the plateaus follow by linear least squares (Golub and Pereyra 1973), so that all of a grid
    are tried and the best is improved by `scipy.optimize.least_squares`; no start can miss the minimum. The interval is
    that of the profile likelihood: EC50s for which the residual sum of squares, everything else at its best, exceeds
    the least by no more than F allows (Bates and Watts 1988).

    Parameters
    ----------
    doses
        Above 0, ``(wells,)``, at least two different ones.
    distances
        From the controls, ``(wells,)``.
    control
        Typical distance of the controls.
    level
        Of the interval.
    """
    weight = len(doses) / len(np.unique(doses))
    logs = np.log(doses)
    lower, upper = (end + sign * _BEYOND * np.log(10) for end, sign in ((logs.min(), -1), (logs.max(), 1)))
    centres, slopes = np.linspace(lower, upper, _STEPS), np.geomspace(*HILL, _SLOPES)
    shape = rise(doses, np.exp(centres)[:, None, None], slopes[None, :, None])
    highest = _HIGHEST * max(float(distances.max()), control)
    bottom, span, residual = _plateaus(shape, distances, control, weight, highest)
    place = np.unravel_index(np.argmin(residual), residual.shape)

    def misfit(found: np.ndarray) -> np.ndarray:
        expected = found[0] + found[1] * rise(doses, np.exp(found[2]), np.exp(found[3]))
        return np.append(distances - expected, np.sqrt(weight) * (control - found[0]))

    start = np.array([bottom[place], span[place], centres[place[0]], np.log(slopes[place[1]])])
    ends = np.array([[0, 0, lower, np.log(HILL[0])], [highest, highest, upper, np.log(HILL[1])]])
    inside = np.clip(start, ends[0] + 1e-9, ends[1] - 1e-9)
    best = least_squares(misfit, inside, bounds=ends, x_scale=[1, 1, 1, 1], xtol=1e-12, ftol=1e-12, gtol=1e-12)
    # A corner of the box stays where it is.
    found = best.x if 2 * best.cost < residual[place] else start
    least = float(min(2 * best.cost, residual[place]))
    low, high = _interval(centres, residual.min(axis=1), least, len(doses) + 1 - 4, level)
    return Curve(found[0], found[0] + found[1], np.exp(found[2]), np.exp(found[3]), low, high, least)


def _plateaus(
    shape: np.ndarray, distances: np.ndarray, control: float, weight: float, highest: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lower plateau, rise above it and residual sum of squares of each shape ``(..., wells)``.

    Linear least squares of two numbers, both from 0 to ``highest``: the minimum lies inside or on an edge.
    """
    count = distances.shape[-1] + weight
    first, second = shape.sum(axis=-1), (shape**2).sum(axis=-1)
    sum_y, sum_xy = distances.sum() + weight * control, shape @ distances
    sum_yy = (distances**2).sum() + weight * control**2
    with np.errstate(divide="ignore", invalid="ignore"):
        free = (count * sum_xy - first * sum_y) / (count * second - first**2)
        spans = [np.clip(np.nan_to_num(free), 0, highest), np.clip(np.nan_to_num(sum_xy / second), 0, highest)]
    bottoms = [np.clip((sum_y - spans[0] * first) / count, 0, highest), np.zeros_like(first)]
    residuals = [
        sum_yy - 2 * b * sum_y - 2 * s * sum_xy + count * b**2 + 2 * b * s * first + s**2 * second
        for b, s in zip(bottoms, spans, strict=True)
    ]
    better = residuals[1] < residuals[0]
    choose = [np.where(better, pair[1], pair[0]) for pair in (bottoms, spans, residuals)]
    return choose[0], choose[1], np.maximum(choose[2], 0)


def _interval(
    centres: np.ndarray, profile: np.ndarray, least: float, freedom: int, level: float
) -> tuple[float, float]:
    """Return the ends of the EC50s that are not excluded, by linear interpolation of the profile."""
    most = least * (1 + f_distribution.ppf(level, 1, freedom) / freedom)
    # Noiseless data leave nothing but rounding.
    inside = profile <= most + 1e-12 * (1 + least)
    if not inside.any():
        centre = float(np.exp(centres[np.argmin(profile)]))
        return centre, centre
    first, last = np.flatnonzero(inside)[[0, -1]]
    low = 0.0 if first == 0 else _crossing(centres, profile, first - 1, first, most)
    high = np.inf if last == len(centres) - 1 else _crossing(centres, profile, last + 1, last, most)
    return low, high


def _crossing(centres: np.ndarray, profile: np.ndarray, outer: int, inner: int, most: float) -> float:
    share = (profile[outer] - most) / (profile[outer] - profile[inner])
    return float(np.exp(centres[outer] + share * (centres[inner] - centres[outer])))
