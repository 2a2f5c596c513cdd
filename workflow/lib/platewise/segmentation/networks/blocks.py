"""The pieces that encoders are built of. Each block tells its ``radius``: how far, in its own pixels, a pixel sees."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class ConvUnit(nn.Module):
    """Convolution, batch normalisation, rectifier."""

    def __init__(self, channels_in: int, channels: int, size: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels, size, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.radius = size // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, channels, y, x)."""
        return functional.relu(self.norm(self.convolution(x)))


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut (He 2016, doi:10.1109/CVPR.2016.90)."""

    radius = 2

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.first = ConvUnit(channels_in, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.shortcut = nn.Identity() if channels_in == channels else nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, channels, y, x)."""
        return functional.relu(self.norm(self.second(self.first(x))) + self.shortcut(x))


class DenseBlock(nn.Module):
    """Three convolutions, each of which sees all before it, then a 1x1 that joins them.

    Huang 2017, doi:10.1109/CVPR.2017.243.
    """

    radius = 3

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        growth = max(4, channels // 2)
        self.layers = nn.ModuleList(ConvUnit(channels_in + number * growth, growth) for number in range(3))
        self.join = ConvUnit(channels_in + 3 * growth, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, channels, y, x)."""
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return self.join(x)


class InceptionBlock(nn.Module):
    """Branches of several reaches side by side, beside a shortcut (Szegedy 2016, arXiv:1602.07261, in small)."""

    radius = 2

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        branch = max(4, channels // 2)
        self.narrow = ConvUnit(channels_in, branch, 1)
        self.middle = nn.Sequential(ConvUnit(channels_in, branch, 1), ConvUnit(branch, branch))
        self.wide = nn.Sequential(ConvUnit(channels_in, branch, 1), ConvUnit(branch, branch), ConvUnit(branch, branch))
        self.join = nn.Conv2d(3 * branch, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.shortcut = nn.Identity() if channels_in == channels else nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, channels, y, x)."""
        branches = torch.cat([self.narrow(x), self.middle(x), self.wide(x)], dim=1)
        return functional.relu(self.norm(self.join(branches)) + self.shortcut(x))


BLOCKS: dict[str, type[ResidualBlock] | type[DenseBlock] | type[InceptionBlock]] = {
    "resnet": ResidualBlock,
    "densenet": DenseBlock,
    "inception": InceptionBlock,
}
