# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""What networks are trained to say of every pixel, made from a label image.

All functions take a ``(y, x)`` integer label image; 0 is background, numbers may have gaps, objects may touch. An
object in several pieces (8-connected) counts as several: no flow can cross the gap between them. Where the border of
the image cuts an object, its centre is that of the part in sight, but the cut is no rim: distances are as if the object
went on.

The **centre** of an object is its pixel nearest to the median of its rows and columns, the first in raster order of
several; it lies in the object whatever its shape, and moves little when the outline does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from platewise.jit import kernel
from platewise.measure.distance import distance_to_edge
from platewise.measure.objects import Objects, list_objects
from platewise.segmentation.pieces import number_pieces

Label = npt.NDArray[np.integer]
Map = npt.NDArray[np.float32]

BACKGROUND, INSIDE, BOUNDARY = 0, 1, 2


def centre_flow(label: Label) -> Map:
    """Return the direction in which each pixel is led to its object's centre.

    Heat is put in at the centre, once a step, and spreads in the object by 3 x 3 averages, while everything outside is
    kept at 0; after twice the height and width of the object's box in steps, the flow is the gradient of log(1 + heat),
    with length 1 (Stringer 2021, doi:10.1038/s41592-020-01018-x). Unlike the straight direction it bends around
    concave outlines and leads away from the rim.

    Parameters
    ----------
    label
        (y, x) label image.

    Returns
    -------
    flow
        (2, y, x) float32: rows and columns of a unit vector; 0 outside, and where the heat has no slope (an object of
        one pixel, the centre of a symmetric one).
    """
    objects = _pieces(label)
    flow = np.zeros((2, *objects.labels.shape), np.float32)
    _diffuse(objects.starts, objects.rows, objects.cols, _centres(objects.starts, objects.rows, objects.cols), flow)
    return flow


def centre_direction(label: Label) -> Map:
    """Return the unit vector from each pixel straight to its object's centre (Uhrig 2016, arXiv:1604.05096).

    Parameters
    ----------
    label
        (y, x) label image.

    Returns
    -------
    direction
        (2, y, x) float32: rows and columns; 0 outside and at the centres.
    """
    objects = _pieces(label)
    owner = np.repeat(np.arange(objects.count), objects.areas)
    centres = _centres(objects.starts, objects.rows, objects.cols)[owner]
    away = np.stack([centres[:, 0] - objects.rows, centres[:, 1] - objects.cols])
    direction = np.zeros((2, *objects.labels.shape), np.float32)
    direction[:, objects.rows, objects.cols] = away / np.maximum(np.hypot(*away), 1)
    return direction


def centre_distance(label: Label) -> Map:
    """Return how deep each pixel lies in its object: the Euclidean distance to the nearest pixel of another, scaled.

    "Another" is background or another object, so objects that touch have rims of their own. The distance is divided by
    the object's largest, as Naylor 2019 (doi:10.1109/TMI.2018.2865709) and Mesmer (Greenwald 2022,
    doi:10.1038/s41587-021-01094-0) do in their ways: objects of every size have the same peak.

    Parameters
    ----------
    label
        (y, x) label image.

    Returns
    -------
    distance
        (y, x) float32: 1 at an object's deepest pixels, 1 / (its depth in pixels) along its rim, 0 outside.
    """
    objects = _pieces(label)
    depth, deepest = _depths(objects)
    distance = np.zeros(objects.labels.shape, np.float32)
    distance[objects.rows, objects.cols] = depth / deepest
    return distance


def three_classes(label: Label, width: float = 2.0) -> npt.NDArray[np.uint8]:
    """Return background, inside and boundary (Caicedo 2019, doi:10.1002/cyto.a.23863).

    Boundary is: pixels of objects at most ``width`` from the nearest pixel of another object or background, but for the
    deepest pixels of each object, which are always inside; and background pixels with two or more objects among their
    8 neighbours, the gaps of one pixel that objects are hardest to part at.

    Parameters
    ----------
    label
        (y, x) label image.
    width
        Width of the rim in pixels; 1 is the pixels with a 4-neighbour outside.

    Returns
    -------
    classes
        (y, x) uint8: 0 background, 1 inside, 2 boundary.
    """
    objects = _pieces(label)
    depth, deepest = _depths(objects)
    classes = np.zeros(objects.labels.shape, np.uint8)
    rim = (depth <= width) & (depth < deepest)
    classes[objects.rows, objects.cols] = np.where(rim, BOUNDARY, INSIDE)
    # The pieces' numbers would take two pieces of one object for two objects.
    classes[_squeezed(np.ascontiguousarray(label, np.int32))] = BOUNDARY
    return classes


def _pieces(label: Label) -> Objects:
    pieces, count = number_pieces(label)
    return list_objects(pieces, np.arange(1, count + 1))


def _depths(objects: Objects) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return, for each pixel, its distance from outside the object, and the largest of its object."""
    depth = distance_to_edge(objects, border_is_edge=False)
    if objects.count == 0:
        return depth, depth
    return depth, np.repeat(np.maximum.reduceat(depth, objects.starts[:-1]), objects.areas)


@kernel
def _centres(starts, rows, cols):
    """(objects, 2): the pixel nearest to the median row and column."""
    count = len(starts) - 1
    centres = np.empty((count, 2), np.int64)
    for k in range(count):
        begin, end = starts[k], starts[k + 1]
        middle_row, middle_col = np.median(rows[begin:end]), np.median(cols[begin:end])
        best = np.inf
        for p in range(begin, end):
            square = (rows[p] - middle_row) ** 2 + (cols[p] - middle_col) ** 2
            if square < best:
                best = square
                centres[k, 0], centres[k, 1] = rows[p], cols[p]
    return centres


@kernel
def _diffuse(starts, rows, cols, centres, flow):
    """Write the flow of every object, each in a box of its own with a rim of zeros."""
    for k in range(len(starts) - 1):
        begin, end = starts[k], starts[k + 1]
        top, left = rows[begin:end].min() - 1, cols[begin:end].min() - 1
        height, width = rows[begin:end].max() - top + 2, cols[begin:end].max() - left + 2
        share = np.zeros((height, width))  # 1/9 inside: the average, and nothing outside, in one multiplication
        for p in range(begin, end):
            share[rows[p] - top, cols[p] - left] = 1 / 9
        heat = _heat(share, centres[k, 0] - top, centres[k, 1] - left)
        for p in range(begin, end):
            row, col = rows[p] - top, cols[p] - left
            down = np.log1p(heat[row + 1, col]) - np.log1p(heat[row - 1, col])
            right = np.log1p(heat[row, col + 1]) - np.log1p(heat[row, col - 1])
            slope = np.sqrt(down * down + right * right)
            # In the centre of a symmetric object the slope is rounding errors, which must not become a direction.
            if slope > 1e-9 * np.log1p(heat[row, col]):
                flow[0, rows[p], cols[p]] = down / slope
                flow[1, rows[p], cols[p]] = right / slope


@kernel
def _heat(share, row, col):
    height, width = share.shape
    heat, after = np.zeros((height, width)), np.zeros((height, width))
    columns = np.empty(width)  # sums of three pixels above each other
    before, behind = columns[:-2], columns[2:]
    for _ in range(2 * (height - 2 + width - 2)):
        heat[row, col] += 1
        for y in range(1, height - 1):
            above, here, below = heat[y - 1], heat[y], heat[y + 1]
            for x in range(width):
                columns[x] = above[x] + here[x] + below[x]
            to, part, middle = after[y, 1:-1], share[y, 1:-1], columns[1:-1]
            for x in range(width - 2):
                to[x] = (before[x] + middle[x] + behind[x]) * part[x]
        heat, after = after, heat
    return heat


@kernel
def _squeezed(label):
    """Background pixels with two or more objects among their 8 neighbours."""
    height, width = label.shape
    found = np.zeros((height, width), np.bool_)
    for row in range(height):
        for col in range(width):
            if label[row, col] > 0:
                continue
            first = 0
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(col - 1, 0), min(col + 2, width)):
                    if label[r, c] > 0:
                        if first == 0:
                            first = label[r, c]
                        elif label[r, c] != first:
                            found[row, col] = True
    return found
