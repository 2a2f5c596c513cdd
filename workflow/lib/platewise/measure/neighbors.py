# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Group Neighbors: how crowded a nucleus or a cell lies (MeasureObjectNeighbors). Objects at the border count.

NumberOfNeighbors: objects with a pixel within the distance of one of ours; PercentTouching: share of the outline that
lies within the distance plus a half of another object. Both per distance, 1 pixel along the axes for ``Adjacent``.
FirstClosestDistance and SecondClosestDistance run from centre to centre, AngleBetweenNeighbors is the angle between
these two, in degrees; they do not depend on the distance and carry the suffix of the first one.

Where we differ on purpose: what needs one neighbour or two is NaN in a field that has fewer, where CellProfiler writes
0 (which would read as very close); the closest objects' numbers are left out: they are names, not measurements (module
`cellprofiler` has them).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from platewise.config.measure import NeighborsGroup
from platewise.jit import kernel
from platewise.measure.objects import Compartment, Objects
from platewise.measure.outline import outline


def measure(compartment: Compartment, channels: Sequence[str], settings: NeighborsGroup) -> NDArray[np.float64]:
    """Return ``(objects, features)``; distances in pixels, angles in degrees, PercentTouching in percent."""
    objects = compartment.objects
    on_outline = outline(objects)
    tables = [closest_neighbors(object_centers(objects))]
    for distance in settings.distances:
        reach = 1 if distance == "Adjacent" else int(distance)
        tables.append(_touching(objects.labels, objects.starts, objects.rows, objects.cols, on_outline, reach))
    return np.concatenate(tables, axis=1)


def closest_neighbors(centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(objects, 3)``: distance of the closest and second closest centre, and the angle between the two.

    Parameters
    ----------
    centers
        ``(objects, 2)`` row and column; NaN for an empty object, which is nobody's neighbour.
    """
    order = two_closest(centers)
    steps = np.where((order >= 0)[..., None], centers[order] - centers[:, None], np.nan)
    distances = np.hypot(steps[..., 0], steps[..., 1])
    with np.errstate(invalid="ignore"):  # two objects with the same centre have no angle
        cosine = (steps[:, 0] * steps[:, 1]).sum(axis=1) / distances.prod(axis=1)
    return np.column_stack([distances, np.degrees(np.arccos(np.clip(cosine, -1, 1)))])


def two_closest(centers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return ``(objects, 2)`` the indices of the closest and second closest of ``(objects, 2)`` centres; -1 for none.

    Of several that are as close the first is taken. NaN is nobody's neighbour.
    """
    count = len(centers)
    steps = centers[None] - centers[:, None]
    distances = np.hypot(steps[..., 0], steps[..., 1])
    np.fill_diagonal(distances, np.inf)
    distances[np.isnan(distances)] = np.inf
    order = np.full((count, 2), -1)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :2]
    order[:, : nearest.shape[1]] = np.where(np.isfinite(np.take_along_axis(distances, nearest, axis=1)), nearest, -1)
    return order


def object_centers(objects: Objects) -> NDArray[np.float64]:
    """Return ``(objects, 2)`` row and column of each object's centre of mass; NaN for an empty one."""
    sums = [np.bincount(objects.owners, weights=at, minlength=objects.count) for at in (objects.rows, objects.cols)]
    return np.column_stack(sums) / np.where(objects.areas > 0, objects.areas, np.nan)[:, None]


@kernel
def _touching(labels, starts, rows, cols, on_outline, reach):
    """Number of neighbours and percent of the outline that touches."""
    count = len(starts) - 1
    out = np.full((count, 2), np.nan)
    seen = np.full(count + 1, -1)
    for k in range(count):
        if starts[k + 1] == starts[k]:
            continue
        neighbors, touching, length = 0, 0, 0
        for p in range(starts[k], starts[k + 1]):
            # The pixel of an object that is nearest to another object always lies on the outline.
            if on_outline[p]:
                found, touches = _look_around(labels, k, rows[p], cols[p], reach, seen)
                neighbors += found
                touching += touches
                length += 1
        out[k, 0], out[k, 1] = neighbors, 100.0 * touching / length
    return out


@kernel
def _look_around(labels, k, row, col, reach, seen):
    """Neighbours first seen from this pixel, and whether another object lies within ``reach`` + 0.5."""
    found, touches = 0, 0
    for r in range(max(row - reach, 0), min(row + reach + 1, labels.shape[0])):
        for c in range(max(col - reach, 0), min(col + reach + 1, labels.shape[1])):
            other = labels[r, c]
            if other == 0 or other == k + 1:
                continue
            square = (r - row) ** 2 + (c - col) ** 2
            if square <= (reach + 0.5) ** 2:
                touches = 1
            if square <= reach**2 and seen[other] != k:
                seen[other] = k
                found += 1
    return found, touches
