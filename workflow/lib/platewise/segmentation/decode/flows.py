# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Objects from flows: every pixel is led along the flow, and those that end in one place are one object.

After Stringer 2021 (doi:10.1038/s41592-020-01018-x), with compiled loops and another way to tell places apart.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from platewise.jit import kernel
from platewise.segmentation.decode.basins import find_basins
from platewise.segmentation.decode.tidy import keep, tidy
from platewise.segmentation.targets import centre_flow

Map = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]
Pixels = npt.NDArray[np.int64]

# Longest way that a pixel is led, in typical diameters; most rest long before.
_REACH = 6
# Width over which end points count as near, in typical diameters.
_SPREAD = 0.04
# Larger objects, in typical areas, are fields out of focus or without light: no nucleus is ten times as wide as the
# others, and to check its flow would take minutes.
_LARGEST = 100
# Two places are one where the density of end points between them is at least this share of the lower of their peaks.
_PASS = 0.5


def decode_flows(
    foreground: Map, flow: Map, threshold: float, minimum_area: float, flow_error: float, diameter: float
) -> Label:
    """Read objects from a flow.

    Parameters
    ----------
    foreground
        (y, x) probability that the pixel lies in an object.
    flow
        (2, y, x) rows and columns of the unit vector that leads to the object's centre.
    threshold
        Least probability of a pixel of an object.
    minimum_area
        Least area of an object in pixels.
    flow_error
        Objects with a larger ``flow_errors`` are dropped, but for small ones that the image's border cuts; infinite
        drops none.
    diameter
        Typical diameter of an object in pixels.

    Returns
    -------
    label
        (y, x) int32, numbers 1..n in the order of first pixels; none has more than 100 typical areas.
    """
    mask = foreground > threshold
    ends = follow_flow(flow, mask, steps=math.ceil(_REACH * diameter))
    label = np.zeros(mask.shape, np.int32)
    label[mask] = gather(ends, mask.shape, diameter)
    label = tidy(label, minimum_area)
    label = keep(label, np.bincount(label.ravel()) <= _LARGEST * math.pi * (diameter / 2) ** 2)
    if math.isinf(flow_error):
        return label
    return keep(label, _cut(label, diameter) | (flow_errors(label, flow) <= flow_error))


def follow_flow(flow: Map, mask: npt.NDArray[np.bool_], steps: int) -> Pixels:
    """Lead every pixel of the mask along the flow, a step of the flow's own length at a time.

    A pixel is led itself until it is 4 pixels off or rests; from there on it goes where the nearest pixel goes.
    So no way is walked twice, and the places where pixels rest are as exact as if each had walked alone.

    Parameters
    ----------
    flow
        (2, y, x), interpolated between pixels; taken for 0 outside the mask, so that no pixel is led far out.
    mask
        (y, x) the pixels to lead.
    steps
        A pixel that does not come to rest walks at most so many steps by itself.

    Returns
    -------
    ends
        (n,) for each pixel of the mask, in raster order, the flat index of the nearest pixel to where it rests.
    """
    pairs = np.ascontiguousarray(np.moveaxis(np.where(mask, flow, np.float32(0)), 0, 2), np.float32)
    pixels = np.flatnonzero(mask)
    goal = np.arange(mask.size)
    goal[pixels] = _walk(pairs, pixels, steps)
    ends = goal[pixels]
    # Each round doubles the way; more rounds than this only go around in circles.
    for _ in range(math.ceil(math.log2(max(sum(mask.shape), 2)))):
        further = goal[ends]
        if np.array_equal(further, ends):
            break
        goal[pixels] = ends = further
    return ends


def gather(ends: Pixels, shape: tuple[int, int], diameter: float) -> Label:
    """Tell places apart: each is a hill in the smoothed density of end points.

    Hills that a ridge joins are one place. Unlike a search for peaks within a fixed window this needs no least number
    of pixels, so that objects of every size are found, and no ridge of a long object is cut into pieces.

    Parameters
    ----------
    ends
        (n,) flat indices of end points.
    shape
        (y, x) of the image.
    diameter
        Typical diameter of an object in pixels.

    Returns
    -------
    places
        (n,) int32: the number of each end point's place, from 1.
    """
    count = np.bincount(ends, minlength=shape[0] * shape[1]).reshape(shape)
    density = ndi.gaussian_filter(count.astype(np.float32), max(0.5, _SPREAD * diameter), mode="constant", truncate=2)
    near = density > 0
    places, _ = find_basins(np.log(density, where=near, out=np.zeros_like(density)), near, -math.log(_PASS))
    return places.ravel()[ends]


def flow_errors(label: Label, flow: Map) -> npt.NDArray[np.float64]:
    """Return how far the flow is from the one that each object's shape implies.

    Parameters
    ----------
    label
        (y, x) label image with the numbers 1..n.
    flow
        (2, y, x) predicted flow.

    Returns
    -------
    errors
        (n + 1,) the mean over an object's pixels of the squared difference to ``centre_flow`` (Cellpose's flow error);
        0 for the background.
    """
    square = ((centre_flow(label) - flow) ** 2).sum(axis=0)
    square[label == 0] = 0
    return np.bincount(label.ravel(), square.ravel()) / np.maximum(np.bincount(label.ravel()), 1)


def _cut(label: Label, diameter: float) -> npt.NDArray[np.bool_]:
    """Tell for each number whether the object is cut by the image's border and no larger than a typical one.

    The flow of such an object leads to a centre that its part in sight does not tell.
    """
    cut = np.zeros(label.max() + 1, bool)
    cut[np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])] = True
    return cut & (np.bincount(label.ravel()) <= math.pi * (diameter / 2) ** 2)


@kernel
def _walk(pairs, pixels, steps):
    height, width = pairs.shape[:2]
    ends = np.empty(len(pixels), np.int64)
    for p in range(len(pixels)):
        row, col = pixels[p] // width, pixels[p] % width
        y, x = float(row), float(col)
        last_y, last_x = y, x
        for step in range(steps):
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            down, across = y - top, x - left
            a, b = (1 - down) * (1 - across), (1 - down) * across
            c, d = down * (1 - across), down * across
            dy = a * pairs[top, left, 0] + b * pairs[top, right, 0]
            dx = a * pairs[top, left, 1] + b * pairs[top, right, 1]
            dy += c * pairs[bottom, left, 0] + d * pairs[bottom, right, 0]
            dx += c * pairs[bottom, left, 1] + d * pairs[bottom, right, 1]
            new_y, new_x = min(max(y + dy, 0.0), height - 1.0), min(max(x + dx, 0.0), width - 1.0)
            # Two steps together: around a centre pixels may jump to and fro.
            rests = step > 0 and abs(new_y - last_y) < 0.01 and abs(new_x - last_x) < 0.01
            last_y, last_x, y, x = y, x, new_y, new_x
            if rests or (y - row) ** 2 + (x - col) ** 2 >= 16:
                break
        ends[p] = int(y + 0.5) * width + int(x + 0.5)
    return ends
