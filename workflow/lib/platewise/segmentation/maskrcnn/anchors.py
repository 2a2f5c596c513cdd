"""Anchors: the boxes of fixed sizes at every place of the features, of which the network says how well they fit."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def make_anchors(shape: tuple[int, int], stride: int, sizes: Sequence[float], device: torch.device) -> torch.Tensor:
    """Return the anchors of one level of features.

    Parameters
    ----------
    shape
        (y, x) of the features.
    stride
        Pixels of the image that a pixel of the features covers in each direction; the anchors lie in its middle.
    sizes
        Sides of the squares, in pixels of the image.
    device
        Where to make them.

    Returns
    -------
    boxes
        (y * x * sizes, 4) in the order of rows, columns, sizes; at the border they reach out of the image.
    """
    rows, columns = ((torch.arange(length, device=device) + 0.5) * stride for length in shape)
    half = torch.tensor(sizes, device=device, dtype=torch.float32) / 2
    y, x, half = torch.meshgrid(rows, columns, half, indexing="ij")
    return torch.stack([y - half, x - half, y + half, x + half], dim=3).reshape(-1, 4)
