# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""From masks in boxes to a label image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from platewise.jit import kernel

# A nucleus of which better ones leave less than this share is one of those, found again.
_LEAST_SHARE = 0.5


def paste_masks(
    masks: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32], shape: tuple[int, int]
) -> npt.NDArray[np.int32]:
    """Put masks into an image. Where several claim a pixel, the first one has it.

    Parameters
    ----------
    masks
        (n, size, size) probabilities, the best mask first; a pixel belongs to the object from one half on.
    boxes
        (n, 4) where each mask lies, in pixels of the image to make.
    shape
        (y, x) of the image to make.

    Returns
    -------
    label
        (y, x) int32: 0, or 1 + position of the mask. Masks of which less than half is left are left out.
    """
    label = np.zeros(shape, np.int32)
    _paste(masks, boxes.astype(np.float64), _LEAST_SHARE, label)
    return label


@kernel
def _paste(masks, boxes, least, label):
    height, width = label.shape
    size = masks.shape[1]
    for number in range(len(masks)):
        y0, x0, y1, x1 = boxes[number]
        if not (y1 > y0 and x1 > x0):
            continue
        # Between the middle of the outermost cells and half a cell beyond the box, masks fade to 0.
        top = max(0, int(np.floor(y0 - (y1 - y0) / (2 * size))))
        left = max(0, int(np.floor(x0 - (x1 - x0) / (2 * size))))
        bottom = min(height, int(np.ceil(y1 + (y1 - y0) / (2 * size))))
        right = min(width, int(np.ceil(x1 + (x1 - x0) / (2 * size))))
        wanted = 0
        free = 0
        for turn in range(2):
            for y in range(top, bottom):
                row = (y + 0.5 - y0) / (y1 - y0) * size - 0.5
                for x in range(left, right):
                    if label[y, x] != 0 and turn == 1:
                        continue
                    column = (x + 0.5 - x0) / (x1 - x0) * size - 0.5
                    if _value(masks[number], row, column) < 0.5:
                        continue
                    if turn == 1:
                        label[y, x] = number + 1
                    else:
                        wanted += 1
                        free += label[y, x] == 0
            if free < least * wanted:
                break


@kernel
def _value(mask, row, column):
    """The mask between its cells, bilinear; outside it is 0."""
    size = mask.shape[0]
    y, x = int(np.floor(row)), int(np.floor(column))
    total = 0.0
    for i in range(2):
        for j in range(2):
            if 0 <= y + i < size and 0 <= x + j < size:
                share = (1 - abs(row - y - i)) * (1 - abs(column - x - j))
                total += share * mask[y + i, x + j]
    return total
