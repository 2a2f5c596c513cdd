# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Which pixels of an object lie on its outline, in the two senses CellProfiler uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from platewise.jit import kernel
from platewise.measure.objects import Objects


def inner_boundary(objects: Objects) -> NDArray[np.bool_]:
    """Return ``(pixels,)`` True where a 4-neighbour has another label; the border of the image is no boundary.

    This is ``skimage.segmentation.find_boundaries(mode="inner")``, used by the Edge features of MeasureObjectIntensity.
    """
    return _boundary(objects.labels, objects.rows, objects.cols, False, False)


def outline(objects: Objects) -> NDArray[np.bool_]:
    """Return ``(pixels,)`` True where an 8-neighbour has another label or the pixel lies on the image's border.

    This is the outline of CellProfiler's MeasureObjectNeighbors.
    """
    return _boundary(objects.labels, objects.rows, objects.cols, True, True)


@kernel
def _boundary(labels, rows, cols, diagonals, border_counts):
    height, width = labels.shape
    out = np.zeros(len(rows), np.bool_)
    for p in range(len(rows)):
        for dr in range(-1, 2):
            for dc in range(-1, 2):
                if not diagonals and dr != 0 and dc != 0:
                    continue
                row, col = rows[p] + dr, cols[p] + dc
                if row < 0 or col < 0 or row >= height or col >= width:
                    out[p] |= border_counts
                elif labels[row, col] != labels[rows[p], cols[p]]:
                    out[p] = True
    return out
