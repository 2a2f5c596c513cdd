"""Features of whole images, made tile by tile and put together, so that boxes are found in the image as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from platewise.segmentation.maskrcnn.network import STRIDES, MaskRcnn
from platewise.segmentation.tiles import TileRunner

Array = npt.NDArray[np.float32]


class FeatureRunner:
    """Runs the first half of a `MaskRcnn` over images of any size and number.

    All features of an image are in memory at once: about 85 bytes a pixel at a width of 16.

    Parameters
    ----------
    network
        The network; it is moved to the device.
    tile, batch, device, half
        See `TileRunner`.
    """

    def __init__(
        self, network: MaskRcnn, tile: int, batch: int, device: torch.device | None = None, half: bool = False
    ) -> None:
        self._stride = network.stride
        self._runner = TileRunner(_BlockNetwork(network), tile // network.stride, batch, device, half)

    @property
    def halvings(self) -> int:
        """How often a batch had to be halved for want of memory."""
        return self._runner.halvings

    def run(self, images: Iterable[Array]) -> Iterator[tuple[int, list[torch.Tensor]]]:
        """Yield each image's place among ``images`` (c, y, x) and its features (c, y, x), level by level, on the CPU.

        They cover the image and, below and to the right of it, up to the next multiple of the network's stride.
        """
        for number, raw in self._runner.run(self._blocks(image) for image in images):
            yield number, _levels(torch.from_numpy(raw), self._stride)

    def _blocks(self, image: Array) -> Array:
        """Return (c * stride * stride, y / stride, x / stride): each pixel is a block of the image."""
        padding = [(0, -side % self._stride) for side in image.shape[1:]]
        padded = np.pad(image, [(0, 0), *padding], mode="symmetric")
        return functional.pixel_unshuffle(torch.from_numpy(padded), self._stride).numpy()


class _BlockNetwork(nn.Module):
    """The first half of a network, from blocks to blocks: what a `TileRunner` can cut up and put together."""

    stride = 1

    def __init__(self, network: MaskRcnn) -> None:
        super().__init__()
        self.network = network
        self.reach = math.ceil(network.reach / network.stride)

    def forward(self, blocks: torch.Tensor) -> torch.Tensor:
        """Return all levels' features of (n, c * stride * stride, y, x) blocks as (n, k, y, x)."""
        side = self.network.stride
        levels = self.network.features(functional.pixel_shuffle(blocks, side))
        parts = [functional.pixel_unshuffle(level, side // own) for level, own in zip(levels, STRIDES, strict=True)]
        return torch.cat(parts, dim=1)


def _levels(blocks: torch.Tensor, side: int) -> list[torch.Tensor]:
    """Take apart what `_BlockNetwork` put together for one image (k, y, x)."""
    shares = [(side // own) ** 2 for own in STRIDES]
    channels = len(blocks) // sum(shares)
    parts = blocks.split([channels * share for share in shares])
    return [functional.pixel_shuffle(part, side // own) for part, own in zip(parts, STRIDES, strict=True)]
