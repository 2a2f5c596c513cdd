# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Group Intensity: brightness of each channel within and on the outline of an object (MeasureObjectIntensity).

Intensities are camera counts over ``full_scale``. Quartiles, median and MAD interpolate at the fractional index
``n q`` of the sorted pixels, as CellProfiler does (numpy would take ``(n - 1) q``). Sums run in double precision.
An object without outline pixels (it fills the image) has NaN for the Edge features, where CellProfiler has 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from platewise.config.measure import IntensityGroup
from platewise.jit import kernel
from platewise.measure.objects import Compartment
from platewise.measure.outline import inner_boundary


def measure(compartment: Compartment, channels: Sequence[str], settings: IntensityGroup) -> NDArray[np.float64]:
    """Return ``(objects, features)``; intensities as a share of full scale, MassDisplacement in pixels."""
    objects = compartment.objects
    edge = inner_boundary(objects)
    tables = [
        _measure_channel(objects.starts, objects.rows, objects.cols, values, _ordered(objects.starts, values), edge)
        for values in compartment.values
    ]
    return np.concatenate(tables, axis=1)


def _ordered(starts: NDArray[np.int64], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sort the pixels within each object; numpy's vectorised sort is several times faster than numba's."""
    out = values.copy()
    for begin, end in pairwise(starts):
        out[begin:end].sort()
    return out


@kernel
def _measure_channel(starts, rows, cols, values, ordered, edge):
    count = len(starts) - 1
    out = np.full((count, 15), np.nan)
    for k in range(count):
        begin, end = starts[k], starts[k + 1]
        if end == begin:
            continue
        own = values[begin:end]
        _moments(own, out[k, 0:5])
        _quantiles(ordered[begin:end], out[k, 5:9])
        out[k, 9] = _mass_displacement(rows[begin:end], cols[begin:end], own, out[k, 0])
        on_edge = own[edge[begin:end]]
        if len(on_edge):
            _moments(on_edge, out[k, 10:15])
    return out


@kernel
def _moments(values, out):
    """Sum, mean, standard deviation, minimum, maximum."""
    total, low, high = 0.0, values[0], values[0]
    for value in values:
        total += value
        low, high = min(low, value), max(high, value)
    mean = total / len(values)
    squares = 0.0
    for value in values:
        squares += (value - mean) ** 2
    out[0], out[1], out[2], out[3], out[4] = total, mean, np.sqrt(squares / len(values)), low, high


@kernel
def _quantiles(ordered, out):
    """Lower quartile, median, upper quartile, median absolute deviation."""
    for i in range(3):
        out[i] = _quantile(ordered, (i + 1) / 4)
    out[3] = _quantile(_deviations(ordered, out[1]), 0.5)


@kernel
def _deviations(ordered, center):
    """Distances from ``center``, ascending: a merge of the values above with those below, read backwards."""
    out = np.empty(len(ordered), np.float64)
    above = np.searchsorted(ordered, center)
    below = above - 1
    for i in range(len(out)):
        take_above = below < 0 or (above < len(ordered) and ordered[above] - center < center - ordered[below])
        if take_above:
            out[i] = ordered[above] - center
            above += 1
        else:
            out[i] = center - ordered[below]
            below -= 1
    return out


@kernel
def _quantile(ordered, share):
    at = len(ordered) * share
    low = int(at)
    if low >= len(ordered) - 1:
        return float(ordered[-1])
    return ordered[low] * (1 - (at - low)) + ordered[low + 1] * (at - low)


@kernel
def _mass_displacement(rows, cols, values, total):
    row, col, bright_row, bright_col = 0.0, 0.0, 0.0, 0.0
    for p in range(len(values)):
        row += rows[p]
        col += cols[p]
        bright_row += rows[p] * values[p]
        bright_col += cols[p] * values[p]
    n = len(values)
    return np.hypot(bright_row / total - row / n, bright_col / total - col / n)
