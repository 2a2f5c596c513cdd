"""From features at several resolutions back to one map at the image's own."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from platewise.segmentation.networks.blocks import ConvUnit
from platewise.segmentation.networks.encoder import HALVINGS


def double(x: torch.Tensor) -> torch.Tensor:
    """Double the resolution; every pixel is repeated, so that nothing depends on where a tile begins."""
    return functional.interpolate(x, scale_factor=2, mode="nearest")


class UnetDecoder(nn.Module):
    """Up, beside the encoder's features of that resolution, and two convolutions (Ronneberger 2015)."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels[0]
        self.steps = nn.ModuleList(
            nn.Sequential(ConvUnit(fine + coarse, fine), ConvUnit(fine, fine)) for fine, coarse in pairwise(channels)
        )
        self.reach = sum((2 + 1) * 2**level for level in range(HALVINGS))

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Return (n, channels, y, x)."""
        x = features[-1]
        for step, skip in zip(reversed(self.steps), reversed(features[:-1]), strict=True):
            x = step(torch.cat([skip, double(x)], dim=1))
        return x


class PyramidDecoder(nn.Module):
    """Feature pyramid (Lin 2017, doi:10.1109/CVPR.2017.106), its levels added up at the image's own resolution."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = 2 * channels[0]
        self.laterals = nn.ModuleList(nn.Conv2d(count, self.channels, 1) for count in channels)
        self.smooth = nn.ModuleList(ConvUnit(self.channels, self.channels) for _ in channels)
        self.reach = sum(2 * 2**level for level in range(HALVINGS + 1))

    def pyramid(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the levels, finest first, each with ``channels`` channels."""
        levels = [self.laterals[-1](features[-1])]
        for lateral, skip in zip(reversed(self.laterals[:-1]), reversed(features[:-1]), strict=True):
            levels.append(lateral(skip) + double(levels[-1]))
        return [smooth(level) for smooth, level in zip(self.smooth, reversed(levels), strict=True)]

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Return (n, channels, y, x)."""
        levels = self.pyramid(features)
        x = levels[-1]
        for level in reversed(levels[:-1]):
            x = level + double(x)
        return x
