# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""What every decoder does at the end: whole objects without holes, none too small, numbered in order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from platewise.jit import kernel
from platewise.segmentation.pieces import number_pieces

Label = npt.NDArray[np.int32]


def tidy(label: npt.NDArray[np.integer], minimum_area: float) -> Label:
    """Keep the largest piece of each object, fill its holes and drop what is too small.

    Parameters
    ----------
    label
        (y, x) label image; numbers may have gaps, objects may be in pieces (8-connected).
    minimum_area
        Least area of an object in pixels, its holes counted.

    Returns
    -------
    label
        (y, x) int32 with the numbers 1..n in the order of first pixels. A hole is background (4-connected) that touches
        one object and nothing else, neither another object nor the border.
    """
    pieces, count = number_pieces(label)
    owner = np.zeros(count + 1, np.int64)
    owner[pieces] = label
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    # The largest piece of each object; of equal ones the first.
    order = np.lexsort((np.arange(count + 1), -areas, owner))
    largest = order[np.r_[True, np.diff(owner[order]) > 0]]
    whole = keep(pieces, np.isin(np.arange(count + 1), largest))
    _fill_holes(whole)
    return keep(whole, np.bincount(whole.ravel()) >= minimum_area)


def keep(label: Label, chosen: npt.NDArray[np.bool_]) -> Label:
    """Return the objects for which ``chosen[number]`` is true, numbered 1..n in the order of their old numbers."""
    chosen = chosen.copy()
    chosen[0] = False
    return np.where(chosen, np.cumsum(chosen), 0).astype(np.int32)[label]


@kernel
def _fill_holes(label):
    """Fill holes in place."""
    height, width = label.shape
    seen = np.zeros((height, width), np.bool_)
    found_rows = np.empty(height * width, np.int32)
    found_cols = np.empty(height * width, np.int32)
    for top in range(height):
        for left in range(width):
            if label[top, left] != 0 or seen[top, left]:
                continue
            seen[top, left] = True
            found_rows[0], found_cols[0], found = top, left, 1
            done, around, is_hole = 0, 0, True
            while done < found:
                row, col = found_rows[done], found_cols[done]
                done += 1
                for dr, dc in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                    r, c = row + dr, col + dc
                    if r < 0 or c < 0 or r >= height or c >= width:
                        is_hole = False
                    elif label[r, c] == 0:
                        if not seen[r, c]:
                            seen[r, c] = True
                            found_rows[found], found_cols[found] = r, c
                            found += 1
                    elif around == 0:
                        around = label[r, c]
                    elif label[r, c] != around:
                        is_hole = False
            if is_hole:
                for k in range(found):
                    label[found_rows[k], found_cols[k]] = around
