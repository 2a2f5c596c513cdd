"""Objects as polygons along the edges of their pixels, and polygons as pixels: there and back without a change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.draw import polygon as inside_of

# (k, 2) corners x, y of a closed line, the first not repeated. Pixel (row 0, column 0) is the square from 0, 0 to 1, 1.
Ring = npt.NDArray[np.float64]
# The outer ring, then those of the holes.
Polygon = list[Ring]


def trace_objects(label: npt.NDArray[np.integer]) -> Iterator[tuple[int, list[Polygon]]]:
    """Yield the number and the polygons of every object of a (y, x) label image, in order of number.

    An object has a polygon for each piece; pixels that touch at a corner only are two pieces. No ring touches itself,
    so that every polygon is valid for programs that are strict about it, such as those built on JTS.
    """
    for number, box in enumerate(ndi.find_objects(label), 1):
        if box is None:
            continue
        shift = np.array([box[1].start, box[0].start], dtype=np.float64)
        polygons = trace_mask(label[box] == number)
        yield number, [[ring + shift for ring in polygon] for polygon in polygons]


def trace_mask(mask: npt.NDArray[np.bool_]) -> list[Polygon]:
    """Return the polygons of a (y, x) mask, in the order of their first pixels."""
    pieces, count = ndi.label(mask)
    outer: list[Ring] = [np.zeros((0, 2))] * count
    holes: list[list[Ring]] = [[] for _ in range(count)]
    for corners in _rings(_edges(mask)):
        piece = pieces[_pixel_beside(corners[0], corners[1])] - 1
        ring = _without_straight(np.array(corners, dtype=np.float64))
        if _signed_area(ring) > 0:
            outer[piece] = ring
        else:
            holes[piece].append(ring)
    return [[ring, *own] for ring, own in zip(outer, holes, strict=True)]


def fill_polygons(
    polygons: Sequence[Polygon], shape: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the rows and columns of the pixels whose centres lie in any of the polygons and not in their holes.

    Parameters
    ----------
    polygons
        Of one object.
    shape
        Of the image (y, x); what lies outside is cut off.
    """
    filled = np.zeros((0, 2), dtype=np.int64)
    for outer, *holes in polygons:
        pixels = _pixels_inside(outer, shape)
        for hole in holes:
            pixels = _without(pixels, _pixels_inside(hole, shape), shape)
        filled = np.concatenate([filled, pixels])
    filled = np.unique(filled, axis=0)
    return filled[:, 0], filled[:, 1]


def _pixels_inside(ring: Ring, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    rows, columns = inside_of(ring[:, 1] - 0.5, ring[:, 0] - 0.5, shape)
    return np.stack([rows, columns], axis=1)


def _without(
    pixels: npt.NDArray[np.int64], taken: npt.NDArray[np.int64], shape: tuple[int, int]
) -> npt.NDArray[np.int64]:
    places, holes = (np.ravel_multi_index(tuple(part.T), shape) for part in (pixels, taken))
    return pixels[~np.isin(places, holes)]


def _edges(mask: npt.NDArray[np.bool_]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return where the sides between object and background lead from each corner, the object on their right."""
    padded = np.pad(mask, 1)
    inside, above, left = padded[1:, 1:], padded[:-1, 1:], padded[1:, :-1]
    steps: dict[tuple[int, int], list[tuple[int, int]]] = {}
    sides = (
        (inside & ~above, (0, 0), (1, 0)),  # upper side: to the right
        (above & ~inside, (1, 0), (0, 0)),  # lower side: to the left
        (inside & ~left, (0, 1), (0, 0)),  # left side: up
        (left & ~inside, (0, 0), (0, 1)),  # right side: down
    )
    for side, start, end in sides:
        for y, x in np.argwhere(side).tolist():
            steps.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    return steps


def _rings(steps: dict[tuple[int, int], list[tuple[int, int]]]) -> Iterator[list[tuple[int, int]]]:
    """Follow all sides; whenever a corner is met again, the way since then is a ring of its own."""
    for start in sorted(steps):
        path, place = [start], {start: 0}
        while steps[path[-1]]:
            corner = steps[path[-1]].pop()
            if corner in place:
                ring = path[place[corner] :]
                yield ring
                del path[place[corner] + 1 :]
                for passed in ring[1:]:
                    del place[passed]
            else:
                place[corner] = len(path)
                path.append(corner)


def _pixel_beside(start: tuple[int, int], end: tuple[int, int]) -> tuple[int, int]:
    """Return row and column of the pixel on the right of a side."""
    (x, y), (to_x, to_y) = start, end
    return (y if to_x > x or to_y > y else y - 1), (x if to_x > x or to_y < y else x - 1)


def _without_straight(ring: Ring) -> Ring:
    """Keep the corners at which the line turns."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    return ring[(before != after).any(axis=1)]


def _signed_area(ring: Ring) -> float:
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
