# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Convex hulls, and what follows from them: Feret diameters, convex area, smallest enclosing circle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platewise.jit import kernel
from platewise.measure.objects import Objects


@dataclass(frozen=True)
class Hulls:
    """Hull vertices of each object: ``rows[starts[k]:starts[k + 1]]``, in order around the hull, none on a straight."""

    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]


def center_hulls(objects: Objects) -> Hulls:
    """Return the convex hulls of the centres of the pixels."""
    return Hulls(*_hulls(objects.starts, objects.rows, objects.cols, False))


def convex_areas(objects: Objects) -> NDArray[np.float64]:
    """Return ``(objects,)`` how many pixel centres lie in the hull of the middles of the pixels' four sides.

    As in scikit-image's ``convex_hull_image`` with offset coordinates; centres on the hull's edge count.
    """
    hulls = Hulls(*_hulls(objects.starts, objects.rows, objects.cols, True))
    return _count_inside(hulls.starts, hulls.rows, hulls.cols)


def feret_diameters(hulls: Hulls) -> NDArray[np.float64]:
    """Return ``(objects, 2)``: the least width between parallel lines, and the largest distance of two vertices."""
    return _ferets(hulls.starts, hulls.rows, hulls.cols)


def enclosing_circles(hulls: Hulls) -> NDArray[np.float64]:
    """Return ``(objects, 3)``: centre row, centre column and radius of the smallest circle around all pixel centres.

    Chrystal's algorithm (1885), as CellProfiler has it, from the same side on: take a side of the hull, look for the
    vertex that sees it under the smallest angle, and exchange an end of the side for it until the angles at all three
    are acute or the circle over the side holds everything. The last bits of the radius are then CellProfiler's, too.
    """
    return _circles(hulls.starts, hulls.rows, hulls.cols)


@kernel
def _hulls(starts, rows, cols, sides):
    """Hulls of pixel centres, or with ``sides`` of the pixels' side middles in doubled coordinates (exact integers)."""
    count = len(starts) - 1
    out_starts = np.zeros(count + 1, np.int64)
    capacity = 16
    for k in range(count):
        if starts[k + 1] > starts[k]:  # at most two points on each line
            capacity += 4 * (rows[starts[k + 1] - 1] - rows[starts[k]] + 1) + 8
    out_rows = np.empty(capacity, np.int64)
    out_cols = np.empty(capacity, np.int64)
    for k in range(count):
        begin, end = starts[k], starts[k + 1]
        size = 0
        if end > begin:
            point_rows, point_cols = _extremes(rows[begin:end], cols[begin:end], sides)
            at = out_starts[k]
            size = _chain(point_rows, point_cols, out_rows[at:], out_cols[at:])
        out_starts[k + 1] = out_starts[k] + size
    total = out_starts[count]
    return out_starts, out_rows[:total].copy(), out_cols[:total].copy()


@kernel
def _extremes(rows, cols, sides):
    """First and last point of each line, sorted by row then column; only they can be vertices."""
    scale = 2 if sides else 1
    top = scale * rows[0] - (1 if sides else 0)
    lines = scale * rows[-1] + (1 if sides else 0) - top + 1
    low = np.full(lines, np.iinfo(np.int64).max)
    high = np.full(lines, np.iinfo(np.int64).min)
    for p in range(len(rows)):
        line, col = scale * rows[p] - top, scale * cols[p]
        reach = 1 if sides else 0
        low[line] = min(low[line], col - reach)
        high[line] = max(high[line], col + reach)
        if sides:
            for near in (line - 1, line + 1):
                low[near] = min(low[near], col)
                high[near] = max(high[near], col)
    point_rows = np.empty(2 * lines, np.int64)
    point_cols = np.empty(2 * lines, np.int64)
    size = 0
    for line in range(lines):
        if low[line] <= high[line]:
            point_rows[size], point_cols[size] = top + line, low[line]
            size += 1
            if high[line] > low[line]:
                point_rows[size], point_cols[size] = top + line, high[line]
                size += 1
    return point_rows[:size], point_cols[:size]


@kernel
def _chain(rows, cols, out_rows, out_cols):
    """Andrew's monotone chain; returns the number of vertices written."""
    n = len(rows)
    if n == 1:
        out_rows[0], out_cols[0] = rows[0], cols[0]
        return 1
    size = 0
    for p in range(n):
        size = _push(rows[p], cols[p], out_rows, out_cols, size, 0)
    lower = size - 1
    for p in range(n - 2, -1, -1):
        size = _push(rows[p], cols[p], out_rows, out_cols, size, lower)
    return size - 1  # the last vertex is the first again


@kernel
def _push(row, col, out_rows, out_cols, size, floor):
    while size - floor >= 2:
        dr, dc = out_rows[size - 1] - out_rows[size - 2], out_cols[size - 1] - out_cols[size - 2]
        er, ec = row - out_rows[size - 2], col - out_cols[size - 2]
        if dr * ec - dc * er > 0:
            break
        size -= 1
    out_rows[size], out_cols[size] = row, col
    return size + 1


@kernel
def _ferets(starts, rows, cols):
    count = len(starts) - 1
    out = np.full((count, 2), np.nan)
    for k in range(count):
        begin, n = starts[k], starts[k + 1] - starts[k]
        if n == 0:
            continue
        longest, narrowest = 0.0, np.inf
        for i in range(n):
            a, b = begin + i, begin + (i + 1) % n
            dr, dc = float(rows[b] - rows[a]), float(cols[b] - cols[a])
            side = np.sqrt(dr * dr + dc * dc)
            width = 0.0
            for j in range(begin, begin + n):
                er, ec = rows[j] - rows[a], cols[j] - cols[a]
                longest = max(longest, np.sqrt(float(er * er + ec * ec)))
                if side > 0:
                    width = max(width, abs(dr * ec - dc * er) / side)
            narrowest = min(narrowest, width)
        out[k, 0], out[k, 1] = narrowest, longest
    return out


@kernel
def _count_inside(starts, rows, cols):
    """Pixel centres (even rows and columns of the doubled coordinates) within each hull."""
    count = len(starts) - 1
    out = np.full(count, np.nan)
    for k in range(count):
        begin, end = starts[k], starts[k + 1]
        if end == begin:
            continue
        total = 0
        for row in range(rows[begin:end].min() + 1, rows[begin:end].max(), 2):
            low, high = _crossing(rows[begin:end], cols[begin:end], row)
            # Crossings are fractions with denominators far below 1e6: the tolerance only absorbs rounding.
            total += int(np.floor(high / 2 + 1e-9)) - int(np.ceil(low / 2 - 1e-9)) + 1
        out[k] = total
    return out


@kernel
def _crossing(rows, cols, row):
    low, high = np.inf, -np.inf
    n = len(rows)
    for i in range(n):
        j = (i + 1) % n
        r0, r1 = rows[i], rows[j]
        if (r0 <= row <= r1) or (r1 <= row <= r0):
            if r0 == r1:
                low, high = min(low, cols[i], cols[j]), max(high, cols[i], cols[j])
            else:
                col = cols[i] + (cols[j] - cols[i]) * (row - r0) / (r1 - r0)
                low, high = min(low, col), max(high, col)
    return low, high


@kernel
def _circles(starts, rows, cols):
    count = len(starts) - 1
    out = np.full((count, 3), np.nan)
    for k in range(count):
        begin, end = starts[k], starts[k + 1]
        if end > begin:
            first = _leftmost(rows[begin:end], cols[begin:end])
            around = (first - np.arange(end - begin)) % (end - begin) + begin
            out[k, 0], out[k, 1], out[k, 2] = _smallest_circle(rows[around] * 1.0, cols[around] * 1.0)
    return out


@kernel
def _leftmost(rows, cols):
    """Vertex at the left; of two, the upper."""
    best = 0
    for i in range(len(rows)):
        if cols[i] < cols[best] or (cols[i] == cols[best] and rows[i] < rows[best]):
            best = i
    return best


@kernel
def _smallest_circle(rows, cols):
    n = len(rows)
    if n == 1:
        return rows[0], cols[0], 0.0
    one, two = 0, 1
    # Every exchange makes the circle larger, so that none comes back; the bound is for rounding.
    for _ in range(n * n):
        apex, narrowest, at_one, at_two = -1, np.pi / 2, 0.0, 0.0
        for vertex in range(n):
            if vertex != one and vertex != two:
                first = _angle(rows, cols, one, two, vertex)
                second = _angle(rows, cols, two, one, vertex)
                if np.pi - first - second < narrowest:
                    apex, narrowest, at_one, at_two = vertex, np.pi - first - second, first, second
        if apex < 0:
            break
        if at_one <= np.pi / 2 and at_two <= np.pi / 2:
            return _through_three(rows, cols, one, two, apex)
        if at_one > np.pi / 2:
            one = apex
        else:
            two = apex
    radius = np.sqrt((rows[one] - rows[two]) ** 2 + (cols[one] - cols[two]) ** 2) / 2
    return (rows[one] + rows[two]) / 2, (cols[one] + cols[two]) / 2, radius


@kernel
def _angle(rows, cols, at, one, two):
    """Angle at a vertex between the ways to two others."""
    r1, c1, r2, c2 = rows[one] - rows[at], cols[one] - cols[at], rows[two] - rows[at], cols[two] - cols[at]
    return np.arccos((r1 * r2 + c1 * c2) / np.sqrt((r1 * r1 + c1 * c1) * (r2 * r2 + c2 * c2)))


@kernel
def _through_three(rows, cols, i, j, k):
    """Circumscribed circle; its radius is the first vertex's distance from the centre."""
    si, sj, sk = rows[i] ** 2 + cols[i] ** 2, rows[j] ** 2 + cols[j] ** 2, rows[k] ** 2 + cols[k] ** 2
    divisor = 2 * (cols[i] * (rows[j] - rows[k]) + cols[j] * (rows[k] - rows[i]) + cols[k] * (rows[i] - rows[j]))
    col = (si * (rows[j] - rows[k]) + sj * (rows[k] - rows[i]) + sk * (rows[i] - rows[j])) / divisor
    row = (si * (cols[k] - cols[j]) + sj * (cols[i] - cols[k]) + sk * (cols[j] - cols[i])) / divisor
    return row, col, np.sqrt((rows[i] - row) ** 2 + (cols[i] - col) ** 2)
