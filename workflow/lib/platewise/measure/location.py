# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Group Location: where an object and its staining lie, in pixels from the upper left. Never part of a profile.

Of several brightest pixels the first in raster order is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from platewise.config.measure import LocationGroup
from platewise.jit import kernel
from platewise.measure.objects import Compartment


def measure(compartment: Compartment, channels: Sequence[str], settings: LocationGroup) -> NDArray[np.float64]:
    """Return ``(objects, features)`` in pixels."""
    objects = compartment.objects
    ones = np.ones(len(objects.rows), np.float32)
    tables = [_positions(objects.starts, objects.rows, objects.cols, ones)[:, :2]]
    tables += [_positions(objects.starts, objects.rows, objects.cols, values) for values in compartment.values]
    return np.concatenate(tables, axis=1)


@kernel
def _positions(starts, rows, cols, values):
    """X and Y of the centre of mass, then of the brightest pixel."""
    count = len(starts) - 1
    out = np.full((count, 4), np.nan)
    for k in range(count):
        if starts[k + 1] == starts[k]:
            continue
        total, row, col = 0.0, 0.0, 0.0
        best = starts[k]
        for p in range(starts[k], starts[k + 1]):
            total += values[p]
            row += rows[p] * values[p]
            col += cols[p] * values[p]
            if values[p] > values[best]:
                best = p
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = col / total, row / total, cols[best], rows[best]
    return out
