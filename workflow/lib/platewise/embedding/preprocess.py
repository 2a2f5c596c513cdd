"""From stored crops to the input of the network, for training and embedding alike.

1. ``shrink_crops``: the mean of each ``factor x factor`` square.
2. ``standardise``: subtract a centre and divide by a scale, per channel. Both change with a gain and an offset of the
   camera or the stain exactly as the pixels do, so the result does not change with either.
3. ``compress``: the inverse hyperbolic sine, linear near 0 and logarithmic far from it, so that a few bright pixels do
   not rule the network.

A pixel that is zero in every channel lies outside the image (or outside the cell, with ``mask: cell``). It counts in
none of the statistics and is 0, the mean, in the result.
"""

from __future__ import annotations

import numpy as np
import torch

from platewise.errors import DataError

# Standard deviations are at least this many camera units: below it there is nothing but rounding.
SMALLEST_SCALE = 1.0


def shrink_crops(crops: np.ndarray, factor: int) -> np.ndarray:
    """Shrink crops by the mean over squares of pixels.

    Parameters
    ----------
    crops
        (n, channel, y, x) uint16.
    factor
        Side of a square; must divide both sides of the crops.

    Returns
    -------
    numpy.ndarray
        (n, channel, y / factor, x / factor) uint16, rounded. Pixels outside the image do not enter the means.

    Raises
    ------
    DataError
        If ``factor`` does not divide the size.
    """
    n, channels, height, width = crops.shape
    if height % factor or width % factor:
        raise DataError(
            f"embedding: crops of {height}x{width} pixels cannot be shrunk by {factor}. "
            "Hint: choose a `downscale` that divides the `size` of the crops."
        )
    if factor == 1:
        return crops
    squares = (n, channels, height // factor, factor, width // factor, factor)
    sums = crops.reshape(squares).sum(axis=(3, 5), dtype=np.float32)
    inside = crops.any(axis=1, keepdims=True).reshape(n, 1, *squares[2:]).sum(axis=(3, 5), dtype=np.float32)
    return np.rint(sums / np.maximum(inside, 1)).astype(np.uint16)


def crop_statistics(crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation, each (n, channel), of the pixels inside the image.

    ``crops`` is (n, channel, y, x), camera units. A crop that is zero everywhere has mean 0 and deviation 0.
    """
    inside = crops.any(dim=1, keepdim=True)
    count = inside.sum(dim=(2, 3)).clamp(min=1)
    mean = crops.sum(dim=(2, 3)) / count
    difference = (crops - mean[:, :, None, None]) * inside
    return mean, (difference.square().sum(dim=(2, 3)) / count).sqrt()


def standardise(crops: torch.Tensor, reference: torch.Tensor | None = None) -> torch.Tensor:
    """Bring every channel to a common scale.

    Parameters
    ----------
    crops
        Shrunk crops (n, channel, y, x) as float32 camera units.
    reference
        Centre and scale (n or 1, 2, channel) of the plate of each crop; left out, each crop's own mean and standard
        deviation.

    Returns
    -------
    torch.Tensor
        (n, channel, y, x) float32, 0 outside the image.
    """
    centre, scale = crop_statistics(crops) if reference is None else reference.unbind(dim=1)
    scale = scale.clamp(min=SMALLEST_SCALE)
    standard = (crops - centre[:, :, None, None]) / scale[:, :, None, None]
    return standard * crops.any(dim=1, keepdim=True)


def compress(standard: torch.Tensor) -> torch.Tensor:
    """Return the inverse hyperbolic sine of standardised crops."""
    return torch.asinh(standard)
