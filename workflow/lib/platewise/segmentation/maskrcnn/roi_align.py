"""RoIAlign: the features of a box, sampled on a grid of fixed size, whatever the size of the box."""

from __future__ import annotations

import torch
from torch.nn import functional

from platewise.segmentation.maskrcnn.operators import torchvision_operators

# Samples in each direction whose mean is one value.
_SAMPLES = 2


def roi_align(features: torch.Tensor, boxes: torch.Tensor, stride: int, size: int) -> torch.Tensor:
    """Return the features inside boxes of one image (He 2017; with the half pixel put right, "aligned").

    Each box is cut into ``size`` x ``size`` cells; a cell's value is the mean of 2 x 2 samples, each interpolated
    bilinearly between the middles of the features' pixels.

    Parameters
    ----------
    features
        (c, y, x).
    boxes
        (n, 4) in pixels of the image, inside it.
    stride
        Pixels of the image that a pixel of the features covers.
    size
        Cells in each direction.

    Returns
    -------
    aligned
        (n, c, size, size).
    """
    # In half precision, places in a large image would be wrong by pixels.
    features = features.float()
    # What a training gives must not depend on what else is installed.
    operators = None if torch.is_grad_enabled() else torchvision_operators()
    if operators is None:
        return align_here(features, boxes, stride, size)
    return operators.roi_align(features[None], [boxes[:, [1, 0, 3, 2]]], size, 1 / stride, _SAMPLES, aligned=True)


def align_here(features: torch.Tensor, boxes: torch.Tensor, stride: int, size: int) -> torch.Tensor:
    """Do what `roi_align` does, without torchvision: bilinear sampling of the whole image at the boxes' grids."""
    height, width = features.shape[1:]
    steps = (torch.arange(size * _SAMPLES, device=boxes.device) + 0.5) / (size * _SAMPLES)
    rows = _places(boxes[:, 0], boxes[:, 2], steps, stride, height)
    columns = _places(boxes[:, 1], boxes[:, 3], steps, stride, width)
    shape = (len(boxes), len(steps), len(steps))
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], dim=3)
    # All boxes below each other, as one tall image of samples.
    sampled = functional.grid_sample(
        features[None], grid.reshape(1, -1, len(steps), 2), padding_mode="zeros", align_corners=True
    )
    samples = sampled[0].unflatten(2, (size, _SAMPLES)).unflatten(1, (len(boxes), size, _SAMPLES))
    return samples.mean(dim=(3, 5)).transpose(0, 1)


def _places(low: torch.Tensor, high: torch.Tensor, steps: torch.Tensor, stride: int, length: int) -> torch.Tensor:
    """Return where samples lie, (n, samples), as ``grid_sample`` counts: -1 first pixel's middle, 1 the last one's."""
    pixels = (low[:, None] + (high - low)[:, None] * steps) / stride - 0.5
    return pixels.clamp(0, length - 1) * (2 / max(length - 1, 1)) - 1
