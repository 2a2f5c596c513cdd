"""Random changes to training crops. Every random number comes from one numpy generator, on whichever device."""

from __future__ import annotations

import numpy as np
import torch

from platewise.config.embedding import AugmentConfig


def augment(crops: torch.Tensor, config: AugmentConfig, rng: np.random.Generator) -> torch.Tensor:
    """Turn, move and re-stain standardised crops (n, channel, y, x) at random; see ``AugmentConfig``."""
    if config.turns:
        crops = turn(crops, rng.integers(0, 8, len(crops)))
    if config.shift:
        crops = shift(crops, rng.integers(-config.shift, config.shift + 1, (len(crops), 2)))
    gain = rng.uniform(1 - config.gain, 1 + config.gain, crops.shape[:2])
    offset = rng.uniform(-config.offset, config.offset, crops.shape[:2])
    return restain(crops, gain, offset)


def turn(crops: torch.Tensor, ways: np.ndarray) -> torch.Tensor:
    """Apply to each crop one of the eight symmetries of the square.

    ``ways`` (n,) counts from 0 to 7: the number of quarter turns, plus 4 for a mirror image of the result.
    """
    turned = torch.empty_like(crops)
    for way in np.unique(ways):
        rows = torch.from_numpy(np.flatnonzero(ways == way)).to(crops.device)
        some = torch.rot90(crops[rows], int(way) % 4, dims=(2, 3))
        turned[rows] = some.flip(3) if way >= 4 else some
    return turned


def shift(crops: torch.Tensor, by: np.ndarray) -> torch.Tensor:
    """Move the content of each crop by ``by`` (n, 2) pixels down and to the right; what comes in is 0."""
    reach = int(np.abs(by).max(initial=0))
    height, width = crops.shape[2:]
    padded = torch.nn.functional.pad(crops, (reach, reach, reach, reach))
    moved = torch.empty_like(crops)
    for row, (down, right) in enumerate(reach - by):
        moved[row] = padded[row, :, down : down + height, right : right + width]
    return moved


def restain(crops: torch.Tensor, gain: np.ndarray, offset: np.ndarray) -> torch.Tensor:
    """Multiply each channel of each crop by ``gain`` and add ``offset``, both (n, channel).

    A pixel that is 0 in every channel lies outside the image (or the mask), and stays 0: so it is when cells are
    embedded.
    """
    gain, offset = (
        torch.from_numpy(values.astype(np.float32))[:, :, None, None].to(crops.device) for values in (gain, offset)
    )
    return (crops * gain + offset) * crops.any(dim=1, keepdim=True)
