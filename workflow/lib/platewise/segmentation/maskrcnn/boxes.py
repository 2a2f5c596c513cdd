"""Boxes: areas, overlaps, cutting to an image, and their code relative to other boxes."""

from __future__ import annotations

import math

import torch

# Typical size of a box's code, row and column then height and width: what networks predict is about 1 (Girshick 2015).
_SPREAD = (0.1, 0.1, 0.2, 0.2)
# A box is this much larger than the one that its code belongs to at most: an untrained network must not overflow.
_LARGEST = math.log(16.0)


def areas(boxes: torch.Tensor) -> torch.Tensor:
    """Return the areas (n,) of boxes (n, 4)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def pairwise_iou(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return the intersection over union (n, m) of every box (n, 4) with every other (m, 4); 0 where both are empty."""
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    union = areas(boxes)[:, None] + areas(others)[None, :] - shared
    return shared / union.clamp(min=torch.finfo(shared.dtype).tiny)


def clip(boxes: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Cut boxes (n, 4) to an image of a (y, x) shape."""
    height, width = shape
    return torch.stack([boxes[:, 0::2].clamp(0, height), boxes[:, 1::2].clamp(0, width)], dim=2).flatten(1)


def encode(boxes: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Return the code of boxes (n, 4) relative to reference boxes (n, 4), none of them empty.

    Shift of the centre as a share of the reference's sides, logarithm of the ratio of the sides (Girshick 2014,
    doi:10.1109/CVPR.2014.81), each divided by its typical size.

    Returns
    -------
    codes
        (n, 4): row, column, height, width.
    """
    centre, sides = _centre_and_sides(boxes)
    reference_centre, reference_sides = _centre_and_sides(reference)
    codes = torch.cat([(centre - reference_centre) / reference_sides, torch.log(sides / reference_sides)], dim=1)
    return codes / codes.new_tensor(_SPREAD)


def decode(codes: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Return the boxes (n, 4) that codes (n, 4) mean: the inverse of `encode`, growth limited to 16 times."""
    codes = codes * codes.new_tensor(_SPREAD)
    reference_centre, reference_sides = _centre_and_sides(reference)
    centre = reference_centre + codes[:, :2] * reference_sides
    half = reference_sides * torch.exp(codes[:, 2:].clamp(max=_LARGEST)) / 2
    return torch.cat([centre - half, centre + half], dim=1)


def _centre_and_sides(boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
