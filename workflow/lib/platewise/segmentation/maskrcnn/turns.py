"""Boxes and masks in mirrored and turned copies of an image (see `platewise.segmentation.flips`)."""

from __future__ import annotations

import torch

from platewise.segmentation.flips import Turn

Shape = tuple[int, int]


def turned_shape(shape: Shape, turn: Turn) -> Shape:
    """Return the (y, x) shape of the turned copy of an image of a (y, x) shape."""
    return (shape[1], shape[0]) if turn.exchange else shape


def turn_boxes(boxes: torch.Tensor, turn: Turn, shape: Shape) -> torch.Tensor:
    """Return where boxes (n, 4) of an image of a (y, x) shape lie in its turned copy."""
    exchanged = boxes[:, [1, 0, 3, 2]] if turn.exchange else boxes
    return _mirror(exchanged, turn, turned_shape(shape, turn))


def boxes_back(boxes: torch.Tensor, turn: Turn, shape: Shape) -> torch.Tensor:
    """Return where boxes (n, 4) of the turned copy lie in the image of a (y, x) shape: the inverse of `turn_boxes`."""
    mirrored = _mirror(boxes, turn, turned_shape(shape, turn))
    return mirrored[:, [1, 0, 3, 2]] if turn.exchange else mirrored


def masks_back(masks: torch.Tensor, turn: Turn) -> torch.Tensor:
    """Return masks (n, y, x) of the turned copy as they are in the image."""
    axes = [axis for axis, mirrored in ((1, turn.rows), (2, turn.columns)) if mirrored]
    upright = masks.flip(axes) if axes else masks
    return upright.transpose(1, 2) if turn.exchange else upright


def _mirror(boxes: torch.Tensor, turn: Turn, shape: Shape) -> torch.Tensor:
    y0, x0, y1, x1 = boxes.unbind(dim=1)
    if turn.rows:
        y0, y1 = shape[0] - y1, shape[0] - y0
    if turn.columns:
        x0, x1 = shape[1] - x1, shape[1] - x0
    return torch.stack([y0, x0, y1, x1], dim=1)
