# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Exact Euclidean distance of each pixel of an object to the nearest pixel outside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from platewise.jit import kernel
from platewise.measure.objects import Objects


def distance_to_edge(objects: Objects, *, border_is_edge: bool) -> NDArray[np.float64]:
    """Return ``(pixels,)`` the distance, in pixels, from each pixel's centre to the nearest centre outside its object.

    Parameters
    ----------
    objects
        The objects.
    border_is_edge
        Whether an object ends at the border of the image (CellProfiler's MeasureObjectSizeShape) or is taken to go on
        beyond it (its MeasureObjectIntensityDistribution). An object that fills the whole image always ends there.
    """
    height, width = objects.labels.shape
    fills_image = bool(objects.count) and int(objects.areas.max()) == height * width
    return _distances(objects.labels, objects.starts, objects.rows, objects.cols, border_is_edge or fills_image)


@kernel
def _distances(labels, starts, rows, cols, border_is_edge):
    out = np.empty(len(rows), np.float64)
    for k in range(len(starts) - 1):
        begin, end = starts[k], starts[k + 1]
        if end > begin:
            _one_object(labels, k + 1, rows[begin:end], cols[begin:end], border_is_edge, out[begin:end])
    return out


@kernel
def _one_object(labels, label, rows, cols, border_is_edge, out):
    top, left = rows.min() - 1, cols.min() - 1
    height, width = rows.max() - top + 2, cols.max() - left + 2
    far = height + width + 1
    column = np.empty((height, width), np.int64)  # distance to the nearest outside pixel of the same column
    for x in range(width):
        _scan_column(labels, label, top, left + x, border_is_edge, far, column[:, x])
    for p in range(len(rows)):
        out[p] = np.sqrt(_nearest(column[rows[p] - top], cols[p] - left))


@kernel
def _scan_column(labels, label, top, col, border_is_edge, far, out):
    gap = far
    for y in range(len(out)):
        gap = 0 if _outside(labels, label, top + y, col, border_is_edge) else min(gap + 1, far)
        out[y] = gap
    gap = far
    for y in range(len(out) - 1, -1, -1):
        gap = 0 if out[y] == 0 else min(gap + 1, far)
        out[y] = min(out[y], gap)


@kernel
def _outside(labels, label, row, col, border_is_edge):
    if row < 0 or col < 0 or row >= labels.shape[0] or col >= labels.shape[1]:
        return border_is_edge
    return labels[row, col] != label


@kernel
def _nearest(column_distances, x):
    best = column_distances[x] ** 2
    step = 1
    # Columns farther off than the best distance so far cannot hold a nearer pixel.
    while step * step < best and (x - step >= 0 or x + step < len(column_distances)):
        if x - step >= 0:
            best = min(best, step * step + column_distances[x - step] ** 2)
        if x + step < len(column_distances):
            best = min(best, step * step + column_distances[x + step] ** 2)
        step += 1
    return best
