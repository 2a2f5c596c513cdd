"""A rank test of treated wells against controls of the same plates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

# Above so many steps in a stratum the normal approximation is taken; that is thousands of pairs.
_MOST_STEPS = 10**8


@dataclass(frozen=True)
class RankTest:
    """The outcome of a stratified rank test.

    Attributes
    ----------
    superiority
        Share of the pairs (treated, control) of one stratum in which the treated value is larger; ties count half.
        NaN where no stratum has both.
    p
        Two-sided; NaN where no stratum has both.
    least_p
        The smallest p that so many values could have given.
    """

    superiority: float
    p: float
    least_p: float


def stratified_rank_test(values: np.ndarray, treated: np.ndarray, strata: np.ndarray) -> RankTest:
    """Test whether treated values tend to be larger or smaller than controls of their stratum.

    The statistic is the sum of the Mann-Whitney statistics of the strata (van Elteren 1960, with every pair counting
    alike); its distribution under exchange of treated and controls within each stratum is exact, ties included. Where
    that would take too long, for large strata, it is the normal approximation with ties.

    Parameters
    ----------
    values
        One a well, finite, ``(wells,)``.
    treated
        Which of them are treated; all others are controls, ``(wells,)``.
    strata
        The plate of each, ``(wells,)``. A plate with treated wells only, or controls only, tells nothing.
    """
    parts = []
    for stratum in np.unique(strata):
        own = strata == stratum
        mine = treated[own]
        if mine.any() and not mine.all():
            # Twice the midranks: integers, also with ties.
            parts.append((np.rint(2 * rankdata(values[own])).astype(int), mine))
    if not parts:
        return RankTest(np.nan, np.nan, np.nan)
    pairs = sum(int(mine.sum() * (~mine).sum()) for _, mine in parts)
    found = sum(int(ranks[mine].sum()) - int(mine.sum()) * (int(mine.sum()) + 1) for ranks, mine in parts)
    if all(2 * len(ranks) ** 2 * int(mine.sum()) ** 2 <= _MOST_STEPS for ranks, mine in parts):
        chances = np.ones(1)
        for ranks, mine in parts:
            chances = np.convolve(chances, _chances(ranks, int(mine.sum())))
        # Twice the statistic lies from 0 to twice the number of pairs, evenly around the number of pairs.
        distance = np.abs(np.arange(len(chances)) - pairs)
        p = float(chances[distance >= abs(found - pairs)].sum())
        possible = chances > 0
        least = float(chances[possible & (distance == distance[possible].max())].sum())
    else:
        deviation = 2 * np.sqrt(sum(_variance(ranks / 2, int(mine.sum())) for ranks, mine in parts))
        # All values alike: nothing can be told.
        p = float(2 * norm.sf(abs(found - pairs) / deviation)) if deviation else 1.0
        least = float(2 * norm.sf(pairs / deviation)) if deviation else 1.0
    return RankTest(found / (2 * pairs), min(p, 1.0), min(least, 1.0))


def _chances(ranks: np.ndarray, treated: int) -> np.ndarray:
    """Return the chance of each value of twice the Mann-Whitney statistic, from 0 to twice the pairs.

    ``ranks`` are twice the midranks of a stratum; every choice of so many ``treated`` among them is as likely.
    """
    most = int(np.sort(ranks)[::-1][:treated].sum())
    ways = np.zeros((treated + 1, most + 1))
    ways[0, 0] = 1
    for number, rank in enumerate(ranks):
        for count in range(min(treated, number + 1), 0, -1):
            ways[count, rank:] += ways[count - 1, : most + 1 - rank]
        # Only their ratios matter, and their number overflows.
        ways /= max(1.0, ways.max())
    chances = ways[treated] / ways[treated].sum()
    lowest = treated * (treated + 1)
    pairs = treated * (len(ranks) - treated)
    filled = np.zeros(2 * pairs + 1)
    own = chances[lowest : lowest + 2 * pairs + 1]
    filled[: len(own)] = own
    return filled


def _variance(ranks: np.ndarray, treated: int) -> float:
    """Return the variance of the Mann-Whitney statistic of a stratum under exchange, ties included."""
    count = len(ranks)
    return treated * (count - treated) / count * float(np.var(ranks, ddof=1))
