"""A rank test of treated wells against controls of the same plates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import norm, rankdata

# Above so many steps in a stratum (with 7,000 wells of which one is treated, or 120 of which 60 are), or so many pairs
# of a treated and a control well in all, the normal approximation is taken. That is late, since one odd value among
# equal ones is nothing like normal.
_MOST_STEPS = 10**8
_MOST_PAIRS = 30_000


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
    ranks, mine = _ranked(values[:, None], treated, strata)
    if not ranks:
        return RankTest(np.nan, np.nan, np.nan)
    sizes = _sizes(mine)
    pairs = _pairs(sizes)
    found = _statistics(ranks, mine)
    p, least = _p_values(found, _pattern(own[:, 0] for own in ranks), sizes)
    return RankTest(float(found[0]) / (2 * pairs), float(p[0]), least)


def stratified_p_values(values: np.ndarray, treated: np.ndarray, strata: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p of ``stratified_rank_test`` of many features, and the least that each could have had.

    The distribution depends on the numbers of wells and on which ranks are shared only, so that features without equal
    values have one together, and what was computed for a treatment serves the next.

    Parameters
    ----------
    values
        Finite, ``(wells, features)``.
    treated, strata
        As there, ``(wells,)``.

    Returns
    -------
    p, least_p
        ``(features,)`` each; NaN where no stratum has both kinds of wells.
    """
    ranks, mine = _ranked(values, treated, strata)
    if not ranks:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    sizes = _sizes(mine)
    found = _statistics(ranks, mine)
    together = np.concatenate([np.sort(own, axis=0) for own in ranks])
    alike: dict[bytes, list[int]] = {}
    for number, column in enumerate(together.T):
        alike.setdefault(column.tobytes(), []).append(number)
    ends = np.cumsum([len(own) for own in ranks])[:-1]
    p, least = (np.empty(values.shape[1]) for _ in range(2))
    for features in alike.values():
        pattern = _pattern(np.split(together[:, features[0]], ends))
        p[features], least[features] = _p_values(found[features], pattern, sizes)
    return p, least


def _ranked(values: np.ndarray, treated: np.ndarray, strata: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return twice the midranks, integers also with ties, ``(wells, features)``, of each stratum that has both kinds.

    And which of its wells are treated, ``(wells,)``.
    """
    ranks, kinds = [], []
    for stratum in np.unique(strata):
        own = strata == stratum
        mine = treated[own]
        if mine.any() and not mine.all():
            ranks.append(np.rint(2 * rankdata(values[own], axis=0)).astype(np.int32))
            kinds.append(mine)
    return ranks, kinds


def _sizes(mine: Sequence[np.ndarray]) -> tuple[tuple[int, int], ...]:
    """Return of each stratum how many wells it has, and how many of them are treated."""
    return tuple((len(own), int(own.sum())) for own in mine)


def _pairs(sizes: Sequence[tuple[int, int]]) -> int:
    return sum(treated * (count - treated) for count, treated in sizes)


def _statistics(ranks: Sequence[np.ndarray], mine: Sequence[np.ndarray]) -> np.ndarray:
    """Return twice the summed Mann-Whitney statistics, ``(features,)``: from 0 to twice the pairs."""
    least = sum(int(own.sum()) * (int(own.sum()) + 1) for own in mine)
    return sum(own[treated].sum(axis=0, dtype=np.int64) for own, treated in zip(ranks, mine, strict=True)) - least


def _is_small(sizes: Sequence[tuple[int, int]]) -> bool:
    """Return whether the exact distribution can be had in a second."""
    steps = [2 * count**2 * min(treated, count - treated) ** 2 for count, treated in sizes]
    return max(steps) <= _MOST_STEPS and _pairs(sizes) <= _MOST_PAIRS


def _pattern(ranks: Iterable[np.ndarray]) -> tuple[bytes, ...]:
    """Return the sorted ranks of each stratum as something to look up by."""
    return tuple(np.sort(own).astype(np.int32).tobytes() for own in ranks)


def _p_values(
    found: np.ndarray, pattern: tuple[bytes, ...], sizes: tuple[tuple[int, int], ...]
) -> tuple[np.ndarray, float]:
    """Return p of each of the statistics ``found``, whose ranks are alike, and the least p that there can be."""
    pairs = _pairs(sizes)
    if _is_small(sizes):
        tails = _tails(pattern, tuple(treated for _, treated in sizes))
        return tails[np.abs(found - pairs)], float(tails[tails > 0].min())
    variances = [
        _variance(np.frombuffer(own, np.int32) / 2, treated) for own, (_, treated) in zip(pattern, sizes, strict=True)
    ]
    deviation = 2 * np.sqrt(sum(variances))
    if not deviation:
        # All values alike: nothing can be told.
        return np.ones(len(found)), 1.0
    return np.minimum(2 * norm.sf(np.abs(found - pairs) / deviation), 1.0), float(2 * norm.sf(pairs / deviation))


def _tails(pattern: tuple[bytes, ...], treated: tuple[int, ...]) -> np.ndarray:
    """Return the chance that twice the summed statistic lies so far or farther from its mean, the number of pairs.

    ``(pairs + 1,)``, for each distance from 0 to the number of pairs.
    """
    chances = np.ones(1)
    for own, count in zip(pattern, treated, strict=True):
        chances = np.convolve(chances, _chances(own, count))
    pairs = len(chances) // 2
    folded = chances[pairs:].copy()
    folded[1:] += chances[:pairs][::-1]
    return np.minimum(folded[::-1].cumsum()[::-1], 1.0)


@lru_cache(maxsize=2**10)
def _chances(pattern: bytes, treated: int) -> np.ndarray:
    """Return the chance of each value of twice the Mann-Whitney statistic, from 0 to twice the pairs.

    ``pattern`` are twice the midranks of a stratum, int32 and sorted; every choice of so many ``treated`` among them is
    as likely.
    """
    ranks = np.frombuffer(pattern, np.int32)
    # Of the kind with fewer wells: what the one has won the other has lost.
    fewer = min(treated, len(ranks) - treated)
    most = int(ranks[len(ranks) - fewer :].sum())
    ways = np.zeros((fewer + 1, most + 1))
    ways[0, 0] = 1
    for number, rank in enumerate(ranks):
        for count in range(min(fewer, number + 1), 0, -1):
            ways[count, rank:] += ways[count - 1, : most + 1 - rank]
        # Only their ratios matter, and their number overflows.
        ways /= max(1.0, ways.max())
    chances = ways[fewer] / ways[fewer].sum()
    lowest = fewer * (fewer + 1)
    pairs = fewer * (len(ranks) - fewer)
    filled = np.zeros(2 * pairs + 1)
    own = chances[lowest : lowest + 2 * pairs + 1]
    filled[: len(own)] = own
    return filled if fewer == treated else filled[::-1]


def _variance(ranks: np.ndarray, treated: int) -> float:
    """Return the variance of the Mann-Whitney statistic of a stratum under exchange, ties included."""
    count = len(ranks)
    return treated * (count - treated) / count * float(np.var(ranks, ddof=1))
