# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Group AreaShape: size and shape, as CellProfiler's MeasureObjectSizeShape (skimage's region properties) has them.

Where we differ on purpose:

- An object of one pixel (no perimeter, no enclosing circle) has NaN for FormFactor, Compactness and the Zernike
  moments instead of 0 or infinity.
- An object without a longer axis (a square, a disk) has orientation 0 instead of 45 or -45 degrees.
- The corners of the bounding box are left out: they say where a cell lies, not what it looks like (module
  `cellprofiler` has them).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from platewise.config.measure import AreaShapeGroup
from platewise.jit import kernel
from platewise.measure.distance import distance_to_edge
from platewise.measure.hull import center_hulls, convex_areas, enclosing_circles, feret_diameters
from platewise.measure.names import AREA_SHAPE
from platewise.measure.objects import Compartment, Objects
from platewise.measure.zernike import zernike_magnitudes


def measure(compartment: Compartment, channels: Sequence[str], settings: AreaShapeGroup) -> NDArray[np.float64]:
    """Return ``(objects, features)``; lengths in pixels, areas in pixels, orientation in degrees from the y axis."""
    objects = compartment.objects
    hulls = center_hulls(objects)
    columns = {**_sizes(objects), **_axes(objects), **_radii(objects)}
    columns["MinFeretDiameter"], columns["MaxFeretDiameter"] = feret_diameters(hulls).T
    columns["ConvexArea"] = convex_areas(objects)
    columns["Solidity"] = columns["Area"] / columns["ConvexArea"]
    shapes = np.column_stack([columns[name] for name in AREA_SHAPE])
    zernike = zernike_magnitudes(objects, enclosing_circles(hulls), settings.zernike_degree)
    return np.concatenate([shapes, zernike], axis=1)


def _sizes(objects: Objects) -> dict[str, NDArray[np.float64]]:
    area = np.where(objects.areas > 0, objects.areas, np.nan)
    perimeter, euler, box = _outlines(objects.labels, objects.starts, objects.rows, objects.cols)
    round_area = np.where(perimeter > 0, perimeter, np.nan) ** 2 / (4 * np.pi)
    return {
        "Area": area,
        "BoundingBoxArea": box,
        "Compactness": round_area / area,
        "EquivalentDiameter": np.sqrt(4 * area / np.pi),
        "EulerNumber": euler,
        "Extent": area / box,
        "FormFactor": area / round_area,
        "Perimeter": perimeter,
    }


def _axes(objects: Objects) -> dict[str, NDArray[np.float64]]:
    """Return centre, and the ellipse with the object's second moments."""
    row, col, rr, cc, rc = _moments(objects.starts, objects.rows, objects.cols).T
    spread = np.sqrt(((rr - cc) / 2) ** 2 + rc**2)
    large, small = (rr + cc) / 2 + spread, np.maximum((rr + cc) / 2 - spread, 0)
    with np.errstate(invalid="ignore"):
        eccentricity = np.where(large > 0, np.sqrt(1 - small / large), np.where(np.isnan(large), np.nan, 0.0))
    return {
        "Center_X": col,
        "Center_Y": row,
        "MajorAxisLength": 4 * np.sqrt(large),
        "MinorAxisLength": 4 * np.sqrt(small),
        "Eccentricity": eccentricity,
        "Orientation": np.degrees(np.arctan2(2 * rc, rr - cc)) / 2,
    }


def _radii(objects: Objects) -> dict[str, NDArray[np.float64]]:
    radii = _radius_statistics(objects.starts, distance_to_edge(objects, border_is_edge=True))
    return dict(zip(("MaximumRadius", "MeanRadius", "MedianRadius"), radii.T, strict=True))


@kernel
def _moments(starts, rows, cols):
    """Centre row and column, then the central second moments rr, cc, rc."""
    count = len(starts) - 1
    out = np.full((count, 5), np.nan)
    for k in range(count):
        begin, end = starts[k], starts[k + 1]
        if end == begin:
            continue
        row, col = rows[begin:end].mean(), cols[begin:end].mean()
        rr, cc, rc = 0.0, 0.0, 0.0
        for p in range(begin, end):
            dr, dc = rows[p] - row, cols[p] - col
            rr += dr * dr
            cc += dc * dc
            rc += dr * dc
        n = end - begin
        out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4] = row, col, rr / n, cc / n, rc / n
    return out


@kernel
def _radius_statistics(starts, distances):
    count = len(starts) - 1
    out = np.full((count, 3), np.nan)
    for k in range(count):
        own = distances[starts[k] : starts[k + 1]]
        if len(own):
            out[k, 0], out[k, 1], out[k, 2] = own.max(), own.mean(), np.median(own)
    return out


@kernel
def _outlines(labels, starts, rows, cols):
    """Perimeter, Euler number and area of the bounding box."""
    count = len(starts) - 1
    perimeter, euler, box = np.full(count, np.nan), np.full(count, np.nan), np.full(count, np.nan)
    for k in range(count):
        begin, end = starts[k], starts[k + 1]
        if end == begin:
            continue
        length = 0.0
        for p in range(begin, end):
            if _is_edge(labels, k + 1, rows[p], cols[p]):
                length += _edge_length(labels, k + 1, rows[p], cols[p])
        top, bottom = rows[begin:end].min(), rows[begin:end].max()
        left, right = cols[begin:end].min(), cols[begin:end].max()
        perimeter[k] = length
        euler[k] = _euler_number(labels, k + 1, top, bottom, left, right)
        box[k] = (bottom - top + 1) * (right - left + 1)
    return perimeter, euler, box


@kernel
def _own(labels, label, row, col):
    return 0 <= row < labels.shape[0] and 0 <= col < labels.shape[1] and labels[row, col] == label


@kernel
def _is_edge(labels, label, row, col):
    """Whether the pixel is the object's and one of its 4 neighbours is not."""
    if not _own(labels, label, row, col):
        return False
    return not (
        _own(labels, label, row - 1, col)
        and _own(labels, label, row + 1, col)
        and _own(labels, label, row, col - 1)
        and _own(labels, label, row, col + 1)
    )


@kernel
def _edge_length(labels, label, row, col):
    """Length an edge pixel adds to the perimeter, by its edge neighbours (Benkrid & Crookes 2000, as in skimage)."""
    straight, diagonal = 0, 0
    for dr in range(-1, 2):
        for dc in range(-1, 2):
            if (dr != 0 or dc != 0) and _is_edge(labels, label, row + dr, col + dc):
                if dr == 0 or dc == 0:
                    straight += 1
                else:
                    diagonal += 1
    if straight in (2, 3) and diagonal <= 2:
        return 1.0
    if (straight, diagonal) in ((0, 2), (1, 3)):
        return np.sqrt(2.0)
    if straight == 1 and diagonal in (1, 2):
        return (1 + np.sqrt(2.0)) / 2
    return 0.0


@kernel
def _euler_number(labels, label, top, bottom, left, right):
    """Pieces minus holes, pieces joined by corners being one (Gray 1971, bit quads)."""
    one, three, diagonal = 0, 0, 0
    for row in range(top - 1, bottom + 1):
        b, d = False, False  # the column left of the box holds nothing
        for col in range(left - 1, right + 1):
            a, c = b, d
            b, d = _own(labels, label, row, col + 1), _own(labels, label, row + 1, col + 1)
            filled = int(a) + int(b) + int(c) + int(d)
            if filled == 1:
                one += 1
            elif filled == 3:
                three += 1
            elif filled == 2 and a == d:
                diagonal += 1
    return (one - three - 2 * diagonal) / 4
