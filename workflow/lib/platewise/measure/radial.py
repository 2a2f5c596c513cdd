# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Group RadialDistribution: how a stain is spread from the middle of an object to its edge.

The middle is the pixel farthest from the edge; each pixel's place is ``d / (d + e + 0.001)`` with ``d`` its way to the
middle within the object (steps of 1 and sqrt 2) and ``e`` its distance to the edge, cut into equal rings. The border of
the image is no edge here. FracAtD is a ring's share of the stain, MeanFrac that share over the ring's share of the
pixels, RadialCV the coefficient of variation of the mean over the ring's eight wedges
(MeasureObjectIntensityDistribution).

Where we differ on purpose: of several pixels equally far from the edge the first in raster order is the middle
(CellProfiler takes whichever its sort returns, so its values may move between versions); sums run in double precision.
Pixels without a way to the middle (an object in two pieces) are left out, as in CellProfiler.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from platewise.config.measure import RadialDistributionGroup
from platewise.jit import kernel
from platewise.measure.distance import distance_to_edge
from platewise.measure.objects import Compartment, Objects


def measure(
    compartment: Compartment, channels: Sequence[str], settings: RadialDistributionGroup
) -> NDArray[np.float64]:
    """Return ``(objects, features)``; shares and ratios without unit."""
    to_edge = distance_to_edge(compartment.objects, border_is_edge=False)
    middles = middle_pixels(compartment.objects, to_edge)
    return radial_distribution(compartment, to_edge, middles, settings.bins)


def middle_pixels(objects: Objects, to_edge: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return ``(objects,)`` the index, in the pixel list, of the pixel farthest from the edge; -1 if there is none."""
    return _farthest(objects.starts, to_edge)


def radial_distribution(
    compartment: Compartment, to_edge: NDArray[np.float64], middles: NDArray[np.int64], bins: int
) -> NDArray[np.float64]:
    """Return FracAtD, MeanFrac and RadialCV of each channel around given ``middles`` (indices into the pixel list)."""
    objects = compartment.objects
    from_middle = _way_to_middle(objects.labels, objects.starts, objects.rows, objects.cols, middles)
    # inf marks a pixel without a way; it falls in no ring.
    reached = np.isfinite(from_middle)
    place = np.zeros(len(to_edge))
    place[reached] = from_middle[reached] / (from_middle[reached] + to_edge[reached] + 0.001)
    rings = np.where(reached, (place * bins).astype(np.int64), -1)
    wedges = _wedges(objects.starts, objects.rows, objects.cols, middles)
    tables = [_distribution(objects.starts, values, rings, wedges, bins) for values in compartment.values]
    return np.concatenate(tables, axis=1)


@kernel
def _farthest(starts, to_edge):
    out = np.full(len(starts) - 1, -1, np.int64)
    for k in range(len(out)):
        if starts[k + 1] > starts[k]:
            out[k] = starts[k] + np.argmax(to_edge[starts[k] : starts[k + 1]])
    return out


@kernel
def _way_to_middle(labels, starts, rows, cols, middles):
    """Shortest 8-connected way within the object: sweeps forth and back until nothing gets shorter."""
    height, width = labels.shape
    ways = np.full((height, width), np.inf)
    out = np.empty(len(rows), np.float64)
    for k in range(len(starts) - 1):
        begin, end = starts[k], starts[k + 1]
        if end == begin:
            continue
        ways[rows[middles[k]], cols[middles[k]]] = 0.0
        changed = True
        while changed:
            changed = False
            for p in range(begin, end):
                changed |= _shorten(labels, ways, rows[p], cols[p], -1)
            for p in range(end - 1, begin - 1, -1):
                changed |= _shorten(labels, ways, rows[p], cols[p], 1)
        for p in range(begin, end):
            out[p] = ways[rows[p], cols[p]]
    return out


@kernel
def _shorten(labels, ways, row, col, side):
    """Try the four neighbours that a sweep has just passed; ``side`` -1: those above and to the left."""
    label = labels[row, col]
    diagonal = np.sqrt(2.0)
    best = ways[row, col]
    if 0 <= col + side < labels.shape[1] and labels[row, col + side] == label:
        best = min(best, ways[row, col + side] + 1.0)
    if 0 <= row + side < labels.shape[0]:
        for dc in range(-1, 2):
            if 0 <= col + dc < labels.shape[1] and labels[row + side, col + dc] == label:
                best = min(best, ways[row + side, col + dc] + (1.0 if dc == 0 else diagonal))
    # Sums of the same steps in another order differ in the last bits; that is no shorter way.
    if best < ways[row, col] - 1e-9:
        ways[row, col] = best
        return True
    return False


@kernel
def _wedges(starts, rows, cols, middles):
    """Number of the eighth, 0 to 7, in which a pixel lies as seen from the middle."""
    out = np.zeros(len(rows), np.int64)
    for k in range(len(starts) - 1):
        for p in range(starts[k], starts[k + 1]):
            dr, dc = rows[p] - rows[middles[k]], cols[p] - cols[middles[k]]
            out[p] = int(dr > 0) + 2 * int(dc > 0) + 4 * int(abs(dr) > abs(dc))
    return out


@kernel
def _distribution(starts, values, rings, wedges, bins):
    count = len(starts) - 1
    out = np.full((count, 3 * bins), np.nan)
    for k in range(count):
        if starts[k + 1] == starts[k]:
            continue
        sums = np.zeros((bins, 8))
        pixels = np.zeros((bins, 8))
        for p in range(starts[k], starts[k + 1]):
            if rings[p] >= 0:
                sums[rings[p], wedges[p]] += values[p]
                pixels[rings[p], wedges[p]] += 1
        for ring in range(bins):
            share, pixel_share = sums[ring].sum() / sums.sum(), pixels[ring].sum() / pixels.sum()
            out[k, ring] = share
            out[k, bins + ring] = share / pixel_share if pixel_share > 0 else 0.0
            out[k, 2 * bins + ring] = _variation(sums[ring], pixels[ring])
    return out


@kernel
def _variation(sums, pixels):
    """Coefficient of variation of the wedges' means; wedges without pixels are left out, 0 if all are."""
    filled = pixels > 0
    if not filled.any():
        return 0.0
    means = sums[filled] / pixels[filled]
    return means.std() / means.mean()
