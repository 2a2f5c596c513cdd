"""The network: a small residual network that turns the crop of a cell into features, and features into classes."""

from __future__ import annotations

import torch
from torch import nn

# BatchNorm and not GroupNorm: GroupNorm takes out how strong each group of filters answers to a cell, which is part
# of the phenotype. Measured on the rendered demo, same budget: accuracy on a held-out plate 0.24 against 0.15. Once
# trained, its statistics are fixed, so the features of a cell do not depend on the cells it is embedded with.


class CellNetwork(nn.Module):
    """Residual network for crops of single cells.

    A 5x5 stem that halves the resolution, then three residual blocks (the last two halve it again), then the mean
    over the remaining positions. About 210,000 parameters with 5 channels, width 16 and 128 features.

    Parameters
    ----------
    channels
        Number of image channels.
    width
        Filters of the stem; the second block has twice as many.
    features
        Filters of the last block: the length of a cell's feature vector.
    classes
        Number of perturbations to tell apart; 0 leaves the classifier out.
    """

    def __init__(self, channels: int, width: int, features: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.blocks = nn.Sequential(
            ResidualBlock(width, width, stride=1),
            ResidualBlock(width, 2 * width, stride=2),
            ResidualBlock(2 * width, features, stride=2),
        )
        self.classifier = nn.Linear(features, classes) if classes else None
        # Filled by a training that has adversaries; like the classifier they are not kept.
        self.adversaries = nn.ModuleDict()

    def features(self, crops: torch.Tensor) -> torch.Tensor:
        """Return features (n, features), none negative, of prepared crops (n, channel, y, x)."""
        # A plain mean: the backward pass of AdaptiveAvgPool2d is not reproducible on CUDA.
        return self.blocks(self.stem(crops)).mean(dim=(2, 3))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return class scores (n, classes) before the softmax."""
        if self.classifier is None:
            raise ValueError("this network has no classifier; ask for its features")
        return self.classifier(self.features(crops))


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


def build_network(channels: int, width: int, features: int, classes: int, seed: int) -> CellNetwork:
    """Return a network whose first weights depend on ``seed`` only; torch's own random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = CellNetwork(channels, width, features, classes)
    return network.to(memory_format=torch.channels_last)
