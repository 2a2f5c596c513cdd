"""From an image to features at five resolutions: the part that U-Nets, feature pyramids and Mask R-CNN share."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from platewise.segmentation.networks.blocks import BLOCKS, ConvUnit

Family = Literal["resnet", "densenet", "inception"]

# Resolutions below the image's own, and channels at each resolution as multiples of the width.
HALVINGS = 4
GROWTH = (1, 2, 4, 6, 8)
STRIDE = 2**HALVINGS


class Encoder(nn.Module):
    """Blocks of one family, with the resolution halved between them.

    Attributes
    ----------
    channels
        Of the features, from the finest to the coarsest.
    reach
        How many pixels of the image, to each side, a pixel of the coarsest features sees at most.
    """

    def __init__(self, channels_in: int, family: Family, width: int) -> None:
        super().__init__()
        self.channels = tuple(width * growth for growth in GROWTH)
        self.stem = ConvUnit(channels_in, width)
        before = (width, *self.channels[:-1])
        self.blocks = nn.ModuleList(map(BLOCKS[family], before, self.channels))
        # Each halving rounds by up to the coarser pixel.
        self.reach = self.stem.radius + sum(block.radius * 2**level for level, block in enumerate(self.blocks))
        self.reach += sum(2**level for level in range(1, HALVINGS + 1))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return features, finest first, of (n, c, y, x) images whose sides are multiples of `STRIDE`."""
        features = []
        x = self.stem(x)
        for level, block in enumerate(self.blocks):
            x = block(functional.max_pool2d(x, 2) if level else x)
            features.append(x)
        return features
