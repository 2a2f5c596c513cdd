# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Group Correlation: how two channels go together within an object (MeasureColocalization).

Correlation is Pearson's. The others look at pixels that reach ``threshold`` percent of the object's own maximum, in one
channel (sums ``S``) or in both (sums ``S'``): Overlap ``S'(ab) / sqrt(S'(aa) S'(bb))``, K ``S'(ab) / S'(aa)`` (Manders
1993), Manders ``S'(a) / S(a)``, RWC ``S'(a w) / S(a)`` with ``w = 1 - |rank a - rank b| / R`` (Singan 2011). Ranks are
dense and, as in CellProfiler, taken over all objects of the compartment in the field, ``R`` the number of ranks of the
channel that has more. Names with two orders (``K_A_B``, ``K_B_A``) name ``a`` first.

Where we differ on purpose: sums run in double precision (the threshold is compared in float32 as in CellProfiler); a
ratio without pixels is NaN throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from platewise.config.measure import CorrelationGroup
from platewise.jit import kernel
from platewise.measure.objects import Compartment


def measure(compartment: Compartment, channels: Sequence[str], settings: CorrelationGroup) -> NDArray[np.float64]:
    """Return ``(objects, features)``, without unit; no columns for a single channel."""
    starts, values = compartment.objects.starts, compartment.values
    share = np.float32(settings.threshold / 100)
    ranks = [dense_ranks(channel) for channel in values]
    tables = [np.empty((compartment.objects.count, 0))]
    tables += [
        _measure_pair(starts, values[a], values[b], ranks[a], ranks[b], share)
        for a, b in combinations(range(len(values)), 2)
    ]
    return np.concatenate(tables, axis=1)


def dense_ranks(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return for each value how many distinct smaller values there are."""
    order = np.argsort(values)
    rises = np.diff(values[order], prepend=values[order[:1]]) != 0
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.cumsum(rises)
    return ranks


@kernel
def _measure_pair(starts, first, second, first_ranks, second_ranks, share):
    count = len(starts) - 1
    out = np.full((count, 8), np.nan)
    if len(first) == 0:
        return out
    ranks = max(first_ranks.max(), second_ranks.max()) + 1
    for k in range(count):
        begin, end = starts[k], starts[k + 1]
        if end == begin:
            continue
        a, b = first[begin:end], second[begin:end]
        out[k, 0] = _pearson(a, b)
        _colocalization(a, b, first_ranks[begin:end], second_ranks[begin:end], ranks, share, out[k, 1:])
    return out


@kernel
def _pearson(a, b):
    mean_a, mean_b = 0.0, 0.0
    for p in range(len(a)):
        mean_a += a[p]
        mean_b += b[p]
    mean_a /= len(a)
    mean_b /= len(a)
    aa, bb, ab = 0.0, 0.0, 0.0
    for p in range(len(a)):
        da, db = a[p] - mean_a, b[p] - mean_b
        aa += da * da
        bb += db * db
        ab += da * db
    return ab / (np.sqrt(aa) * np.sqrt(bb))


@kernel
def _colocalization(a, b, ranks_a, ranks_b, ranks, share, out):
    least_a, least_b = share * a.max(), share * b.max()
    all_a, all_b = 0.0, 0.0
    both_a, both_b, both_aa, both_bb, both_ab = 0.0, 0.0, 0.0, 0.0, 0.0
    weighted_a, weighted_b = 0.0, 0.0
    for p in range(len(a)):
        x, y = np.float64(a[p]), np.float64(b[p])
        if a[p] >= least_a:
            all_a += x
        if b[p] >= least_b:
            all_b += y
        if a[p] >= least_a and b[p] >= least_b:
            weight = 1.0 - abs(ranks_a[p] - ranks_b[p]) / ranks
            both_a += x
            both_b += y
            both_aa += x * x
            both_bb += y * y
            both_ab += x * y
            weighted_a += x * weight
            weighted_b += y * weight
    out[0] = both_ab / np.sqrt(both_aa * both_bb)
    out[1], out[2] = both_ab / both_aa, both_ab / both_bb
    out[3], out[4] = both_a / all_a, both_b / all_b
    out[5], out[6] = weighted_a / all_a, weighted_b / all_b
