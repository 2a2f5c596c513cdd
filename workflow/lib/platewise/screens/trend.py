"""Whether a number rises with the dose: the Jonckheere-Terpstra test, exact."""

from __future__ import annotations

from functools import cache
from math import comb

import numpy as np
from scipy.stats import norm

# With more values than this the normal approximation is as good, and quicker.
MOST_EXACT = 60


def trend_p_value(values: np.ndarray, levels: np.ndarray) -> float:
    """Return p of the Jonckheere-Terpstra test that values rise with their level, one-sided.

    The statistic counts the pairs of values at different levels of which that at the higher level is larger; equal ones
    count half. p is the share of all ways to deal the values out to the levels that give at least as many (Jonckheere
    1954), so that it holds whatever the values' distribution, and needs no controls. Where values are equal it is
    rather too large. Beyond ``MOST_EXACT`` values the normal approximation is used.

    Parameters
    ----------
    values
        ``(wells,)``.
    levels
        Such as doses, ``(wells,)``; only their order counts.

    Returns
    -------
    p
        Above 0, at most 1; 1 with fewer than two levels.
    """
    names, groups = np.unique(levels, return_inverse=True)
    if len(names) < 2:
        return 1.0
    sizes = tuple(np.bincount(groups).tolist())
    statistic = _concordant(values, groups)
    if len(values) > MOST_EXACT:
        return float(norm.sf((statistic - 0.5 - _mean(sizes)) / np.sqrt(_variance(sizes))))
    upper = np.cumsum(_distribution(sizes)[::-1])[::-1]
    return float(min(1.0, upper[int(np.floor(statistic))]))


def least_trend_p(sizes: tuple[int, ...]) -> float:
    """Return the smallest p that groups of these sizes can have: that of the one perfect order."""
    total, ways = 0, 1
    for size in sizes:
        total += size
        ways *= comb(total, size)
    return 1 / ways


def _concordant(values: np.ndarray, groups: np.ndarray) -> float:
    larger = (values[None, :] > values[:, None]) + 0.5 * (values[None, :] == values[:, None])
    return float(larger[groups[:, None] < groups[None, :]].sum())


def _distribution(sizes: tuple[int, ...]) -> np.ndarray:
    """Return the probability of every value of the statistic, from 0, under the null.

    It is the sum of the Mann-Whitney statistics of each group against all groups before it, which are independent
    (Harding 1984).
    """
    found, before = np.ones(1), sizes[0]
    for size in sizes[1:]:
        found = np.convolve(found, _arrangements(before, size) / comb(before + size, size))
        before += size
    return found


@cache
def _arrangements(first: int, second: int) -> np.ndarray:
    """Return in how many orders of two groups the Mann-Whitney statistic has each value, from 0."""
    if first == 0 or second == 0:
        return np.ones(1)
    # The largest value belongs to the second group and exceeds all of the first, or belongs to the first.
    found = np.zeros(first * second + 1)
    found[first:] += _arrangements(first, second - 1)
    found[: (first - 1) * second + 1] += _arrangements(first - 1, second)
    return found


def _mean(sizes: tuple[int, ...]) -> float:
    return (sum(sizes) ** 2 - sum(size**2 for size in sizes)) / 4


def _variance(sizes: tuple[int, ...]) -> float:
    total = sum(sizes)
    return (total**2 * (2 * total + 3) - sum(size**2 * (2 * size + 3) for size in sizes)) / 72
