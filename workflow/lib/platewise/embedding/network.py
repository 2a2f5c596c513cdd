"""The network: turns the crop of a cell into features, and features into what it is trained to say."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from platewise.config.embedding import NetworkKind
from platewise.embedding.bodies import efficientnet_body, resnet_body, small_body

BODIES = {"small": small_body, "resnet": resnet_body, "efficientnet": efficientnet_body}


class CellNetwork(nn.Module):
    """A network for crops of single cells: a body, the mean over its positions, and a head for what it is to learn.

    Parameters
    ----------
    kind
        Of the body, see `bodies`.
    channels
        Number of image channels.
    width
        Filters of the body's first layer.
    features
        Filters of its last: the length of a cell's feature vector.
    make_head
        Makes the head for so many features: a classifier, or a projection. It is not kept; None leaves it out.
    """

    def __init__(
        self,
        kind: NetworkKind,
        channels: int,
        width: int,
        features: int,
        make_head: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.body = BODIES[kind](channels, width, features)
        self.head = None if make_head is None else make_head(features)
        # Filled by a training that has adversaries; like the head they are not kept.
        self.adversaries = nn.ModuleDict()

    def features(self, crops: torch.Tensor) -> torch.Tensor:
        """Return features (n, features), none negative, of prepared crops (n, channel, y, x)."""
        # A plain mean: the backward pass of AdaptiveAvgPool2d is not reproducible on CUDA.
        return self.body(crops).mean(dim=(2, 3))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return what the head says of prepared crops: of a classifier scores (n, classes) before the softmax."""
        if self.head is None:
            raise ValueError("this network has no head; ask for its features")
        return self.head(self.features(crops))


def build_network(
    kind: NetworkKind,
    channels: int,
    width: int,
    features: int,
    seed: int,
    make_head: Callable[[int], nn.Module] | None = None,
) -> CellNetwork:
    """Return a network whose first weights depend on ``seed`` only; torch's own random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = CellNetwork(kind, channels, width, features, make_head)
    return network.to(memory_format=torch.channels_last)
