"""How large the objects of an image are: a small network that every engine asks before it looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from torch import nn
from torch.nn import functional

from platewise.device import full_float32, halve_on_oom
from platewise.segmentation.diameter import object_diameter
from platewise.segmentation.models import load_model, shipped_model
from platewise.segmentation.networks.blocks import ConvUnit, ResidualBlock
from platewise.segmentation.networks.decoders import double
from platewise.segmentation.resample import resize_image

Image = npt.NDArray[np.float32]

# Diameters are predicted as powers of two of this one, in pixels.
REFERENCE = 20.0
# Larger images are shrunk to this side for the look: objects of 4 to 120 pixels are then told apart.
LOOK_SIDE = 768
# So much of what a look shows must be foreground before its size is believed, in pixels of the look: two nuclei of ten
# pixels. A share would miss the last cells of a field.
_LEAST_FOREGROUND = 150


class ScaleNetwork(nn.Module):
    """Predicts, for every 8 x 8 pixels, how much of them is foreground and how large the objects there are.

    Parameters
    ----------
    channels_in
        3.
    width
        Channels at half the resolution.
    """

    stride = 32

    def __init__(self, channels_in: int = 3, width: int = 16) -> None:
        super().__init__()
        counts = (width, 2 * width, 4 * width, 4 * width, 4 * width)
        self.stem = nn.Conv2d(channels_in, width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(map(ResidualBlock, (width, *counts[:-1]), counts))
        self.merge = nn.ModuleList(ConvUnit(4 * width, 4 * width) for _ in range(2))
        self.head = nn.Conv2d(4 * width, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, 2, y / 8, x / 8): foreground score and log2 of the diameter over `REFERENCE`."""
        x = functional.relu(self.stem(x))
        features = []
        for level, block in enumerate(self.blocks):
            x = block(functional.max_pool2d(x, 2) if level else x)
            features.append(x)
        for merge, skip in zip(self.merge, features[3:1:-1], strict=True):
            x = merge(double(x) + skip)
        return self.head(x)

    def targets(self, label: npt.NDArray[np.int32], diameter: float) -> npt.NDArray[np.float32]:
        """Return (2, y / 8, x / 8): share of foreground, and what to say of the size.

        Parameters
        ----------
        label
            (y, x) label image of a crop.
        diameter
            Typical diameter of the objects of the whole image, in pixels of the crop; NaN if there are none. It is the
            answer where the crop shows fewer than three whole objects; else it is theirs, which can be seen.
        """
        height, width = (side // 8 * 8 for side in label.shape)
        inside = (label[:height, :width] > 0).reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3))
        size = np.full(inside.shape, np.log2(_diameter_in_sight(label, diameter) / REFERENCE))
        return np.stack([inside, np.nan_to_num(size)]).astype(np.float32)

    def loss(
        self, images: torch.Tensor, targets: list[npt.NDArray[np.float32]], rng: np.random.Generator
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a batch (n, c, y, x) and its parts; ``rng`` is not used by this network."""
        truth = torch.from_numpy(np.stack(targets)).to(images.device, non_blocking=True)
        raw = self(images).float()
        inside = truth[:, 0]
        foreground = functional.binary_cross_entropy_with_logits(raw[:, 0], inside)
        size = (inside * (raw[:, 1] - truth[:, 1]).abs()).sum() / inside.sum().clamp(min=1)
        return foreground + size, {"foreground": foreground.detach(), "size": size.detach()}


class ScaleEstimator:
    """Estimates the typical diameter of the objects of images."""

    def __init__(self, device: torch.device | None = None, weights: Path | None = None) -> None:
        _, network = load_model(weights or shipped_model("scale", "nuclei"), "scale", "nuclei")
        self.network = network.to(device or torch.device("cpu"), memory_format=torch.channels_last)

    def diameters(self, images: Sequence[Image]) -> list[float]:
        """Return the typical diameter in pixels of the objects in each (3, y, x) standardised image; NaN for none."""
        return [estimate_diameter(self.network, image) for image in images]


def estimate_diameter(network: ScaleNetwork, image: Image) -> float:
    """Return the typical diameter in pixels of the objects in a (3, y, x) standardised image; NaN if it shows none.

    The second look, at the size that the first one found, is nearer to what the network knows best.
    """
    factor = min(1.0, LOOK_SIDE / max(image.shape[1:]))
    first = _look(network, image, factor)
    if math.isnan(first):
        return first
    again = float(np.clip(REFERENCE / first, factor / 8, min(4.0, 2 * LOOK_SIDE / max(image.shape[1:]))))
    second = _look(network, image, again)
    return first if math.isnan(second) else second


@torch.no_grad()
def _look(network: ScaleNetwork, image: Image, factor: float) -> float:
    """Estimate the diameter, in pixels of ``image``, from a copy that is ``factor`` times as large."""
    height, width = (max(1, round(side * factor)) for side in image.shape[1:])
    # Grey images are three times the same.
    parts = image[:1] if np.array_equal(image[0], image[1]) and np.array_equal(image[0], image[2]) else image
    seen = np.broadcast_to(resize_image(parts, (height, width)), (3, height, width))
    sides = (
        -(-height // ScaleNetwork.stride) * ScaleNetwork.stride,
        -(-width // ScaleNetwork.stride) * ScaleNetwork.stride,
    )
    seen = np.pad(seen, ((0, 0), (0, sides[0] - height), (0, sides[1] - width)))
    device = next(network.parameters()).device
    batch = torch.from_numpy(seen[None]).to(device).contiguous(memory_format=torch.channels_last)
    with full_float32():
        # There is no batch to halve: an error says what to do.
        foreground, size = halve_on_oom(lambda _: network(batch), 1).result[0].cpu().numpy()
    rows, columns = -(-height // 8), -(-width // 8)
    share = expit(foreground[:rows, :columns])
    share = np.where(share > 0.25, share, 0)
    if share.sum() * 8 * 8 < _LEAST_FOREGROUND:
        return math.nan
    return REFERENCE * 2 ** weighted_median(size[:rows, :columns].ravel(), share.ravel()) / factor


def weighted_median(values: npt.NDArray[np.float32], weights: npt.NDArray[np.float32]) -> float:
    """Return the value at which half of the weight lies below."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _diameter_in_sight(label: npt.NDArray[np.int32], otherwise: float) -> float:
    """Return the median diameter of the objects that the border does not cut, if there are three at least."""
    whole = label.copy()
    whole[np.isin(label, np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]))] = 0
    return object_diameter(whole) if np.unique(whole).size > 3 else otherwise
