# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""The connected pieces of label images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from platewise.jit import kernel


def number_pieces(label: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int32], int]:
    """Give every 8-connected piece of every object a number of its own.

    Parameters
    ----------
    label
        (y, x) label image; 0 is background.

    Returns
    -------
    pieces, count
        (y, x) int32 label image with the numbers 1..count, in the order of first pixels.
    """
    return _number(np.ascontiguousarray(label, np.int32))


@kernel
def _number(label):
    height, width = label.shape
    pieces = np.zeros((height, width), np.int32)
    waiting_rows = np.empty(height * width, np.int32)
    waiting_cols = np.empty(height * width, np.int32)
    count = 0
    for top in range(height):
        for left in range(width):
            if label[top, left] <= 0 or pieces[top, left] != 0:
                continue
            count += 1
            pieces[top, left] = count
            waiting_rows[0], waiting_cols[0], waiting = top, left, 1
            while waiting > 0:
                waiting -= 1
                row, col = waiting_rows[waiting], waiting_cols[waiting]
                for r in range(max(row - 1, 0), min(row + 2, height)):
                    for c in range(max(col - 1, 0), min(col + 2, width)):
                        if pieces[r, c] == 0 and label[r, c] == label[top, left]:
                            pieces[r, c] = count
                            waiting_rows[waiting], waiting_cols[waiting] = r, c
                            waiting += 1
    return pieces, count
