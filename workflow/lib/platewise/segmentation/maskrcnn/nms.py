# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Non-maximum suppression: of boxes that overlap, keep the best."""

from __future__ import annotations

import numpy as np
import torch

from platewise.jit import kernel
from platewise.segmentation.maskrcnn.operators import torchvision_operators

# Buckets in each direction at most: boxes much smaller than the image must not need much memory.
_BUCKETS = 1024


def suppress(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return which boxes are kept: in the order of falling score, each that overlaps no kept one by more than that.

    Parameters
    ----------
    boxes
        (n, 4).
    scores
        (n,); of equal ones, the first comes first.
    threshold
        Largest intersection over union of two kept boxes.

    Returns
    -------
    kept
        (k,) int64 positions, by falling score.
    """
    operators = torchvision_operators()
    return suppress_here(boxes, scores, threshold) if operators is None else operators.nms(boxes, scores, threshold)


def suppress_here(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Do what `suppress` does, without torchvision, on the CPU."""
    order = torch.argsort(scores, descending=True, stable=True)
    kept = _greedy(boxes[order].cpu().numpy(), threshold, _BUCKETS)
    return order[torch.from_numpy(kept).to(order.device)]


@kernel
def _greedy(boxes, threshold, buckets):
    """Positions of the kept boxes; ``boxes`` (n, 4) come in the order of falling score.

    Kept boxes are listed by the bucket that their middle lies in. Buckets are as large as the largest box, so a box
    can only overlap those in its own and the eight buckets around: the time grows with the number of boxes, not with
    its square.
    """
    count = len(boxes)
    kept = np.empty(count, np.int64)
    if count == 0:
        return kept
    middle = np.empty((count, 2), np.float64)
    place = np.empty((count, 2), np.int64)
    number = np.empty(2, np.int64)
    for axis in range(2):
        middle[:, axis] = (boxes[:, axis] + boxes[:, axis + 2]) / 2
        low = middle[:, axis].min()
        side = max((boxes[:, axis + 2] - boxes[:, axis]).max(), (middle[:, axis].max() - low) / buckets, 1e-6)
        place[:, axis] = ((middle[:, axis] - low) / side).astype(np.int64) + 1
        number[axis] = place[:, axis].max() + 2
    first = np.full((number[0], number[1]), -1, np.int64)
    following = np.full(count, -1, np.int64)
    found = 0
    for here in range(count):
        y0, x0, y1, x1 = boxes[here]
        area = (y1 - y0) * (x1 - x0)
        free = True
        for row in range(place[here, 0] - 1, place[here, 0] + 2):
            for column in range(place[here, 1] - 1, place[here, 1] + 2):
                other = first[row, column]
                while free and other >= 0:
                    top, left, bottom, right = boxes[other]
                    height = max(min(y1, bottom) - max(y0, top), np.float32(0))
                    width = max(min(x1, right) - max(x0, left), np.float32(0))
                    shared = height * width
                    free = not shared / (area + (bottom - top) * (right - left) - shared) > threshold
                    other = following[other]
        if free:
            row, column = place[here]
            following[here] = first[row, column]
            first[row, column] = here
            kept[found] = here
            found += 1
    return kept[:found]
