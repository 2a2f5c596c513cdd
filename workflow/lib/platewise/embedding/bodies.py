"""The bodies of networks: from the prepared crops of cells to maps of features, of which the mean is a cell's features.

BatchNorm and not GroupNorm: GroupNorm takes out how strong each group of filters answers to a cell, which is part of
the phenotype. Measured on the rendered demo, same budget: accuracy on a held-out plate 0.24 against 0.15. Once trained,
its statistics are fixed, so the features of a cell do not depend on the cells it is embedded with.
"""

from __future__ import annotations

import torch
from torch import nn

# Multiples of 8, as GPUs like them.
_MULTIPLE = 8


def small_body(channels: int, width: int, features: int) -> nn.Sequential:
    """Return a stem that halves the resolution and three residual blocks, of which the last two halve it again.

    About 210,000 parameters with 5 channels, width 16 and 128 features.
    """
    return nn.Sequential(
        _stem(channels, width),
        ResidualBlock(width, width, stride=1),
        ResidualBlock(width, 2 * width, stride=2),
        ResidualBlock(2 * width, features, stride=2),
    )


def resnet_body(channels: int, width: int, features: int) -> nn.Sequential:
    """Return ResNet-18 (He 2016, doi:10.1109/CVPR.2016.90) for small crops: a 5x5 stem and no pooling after it.

    Four stages of two blocks with 1, 2, 4 and 8 times the width; 0.7, 2.8, 11 and 25 million parameters at the widths
    16, 32, 64 and 96.
    """
    stages = [_stem(channels, width)]
    before = width
    for stage in range(4):
        filters = width * 2**stage
        stages += [ResidualBlock(before, filters, stride=2 if stage else 1), ResidualBlock(filters, filters, stride=1)]
        before = filters
    return nn.Sequential(*stages, _projection(before, features, nn.ReLU()))


# Of EfficientNet-B0 (Tan 2019, arXiv:1905.11946): expansion, filters beside a stem of 32, blocks, kernel and stride.
# The last two strides of B0 are left out: crops of cells are small.
_STAGES = (
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 1),
    (6, 320, 1, 3, 1),
)


def efficientnet_body(channels: int, width: int, features: int) -> nn.Sequential:
    """Return EfficientNet-B0 with all filters scaled as ``width`` to 32.

    1, 3.6, 14 and 22 million parameters at the widths 16, 32, 64 and 80.
    """
    stages: list[nn.Module] = [_stem(channels, width, nn.SiLU())]
    before = width
    for expansion, filters, blocks, kernel, stride in _STAGES:
        after = max(_MULTIPLE, round(filters * width / 32 / _MULTIPLE) * _MULTIPLE)
        for block in range(blocks):
            stages.append(InvertedBlock(before, after, expansion, kernel, stride if block == 0 else 1))
            before = after
    return nn.Sequential(*stages, _projection(before, features, nn.ReLU()))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a short cut; ``stride`` 2 halves the resolution."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels_out)
        self.second = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels_out)
        self.pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, channels_out, y / stride, x / stride)."""
        inner = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(inner)) + self.shortcut(self.pool(x)))


class InvertedBlock(nn.Module):
    """A 1x1 convolution to more filters, one of each filter's own, weights of the filters, and a 1x1 back.

    MBConv with squeeze and excitation (Sandler 2018, arXiv:1801.04381; Hu 2018, arXiv:1709.01507).
    """

    def __init__(self, channels_in: int, channels_out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = channels_in * expansion
        self.expand = _unit(channels_in, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _unit(inner, inner, kernel, stride, groups=inner)
        squeezed = max(1, channels_in // 4)
        self.weigh = nn.Sequential(nn.Linear(inner, squeezed), nn.SiLU(), nn.Linear(squeezed, inner), nn.Sigmoid())
        self.project = nn.Sequential(nn.Conv2d(inner, channels_out, 1, bias=False), nn.BatchNorm2d(channels_out))
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, channels_out, y / stride, x / stride)."""
        inner = self.depthwise(self.expand(x))
        inner = inner * self.weigh(inner.mean(dim=(2, 3)))[:, :, None, None]
        out = self.project(inner)
        return x + out if self.residual else out


def _stem(channels: int, width: int, activation: nn.Module | None = None) -> nn.Sequential:
    convolution = nn.Conv2d(channels, width, 5, stride=2, padding=2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), activation or nn.ReLU())


def _projection(channels: int, features: int, activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, features, 1, bias=False), nn.BatchNorm2d(features), activation)


def _unit(channels_in: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(
        channels_in, channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.SiLU())
