"""Networks that say of every pixel what it belongs to: ``unet``, ``fpn`` and ``flow``."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit, softmax
from torch import nn

from platewise.segmentation.maps import Maps
from platewise.segmentation.networks import losses
from platewise.segmentation.networks.blocks import ConvUnit
from platewise.segmentation.networks.decoders import PyramidDecoder, UnetDecoder
from platewise.segmentation.networks.encoder import STRIDE, Encoder, Family
from platewise.segmentation.targets import centre_direction, centre_distance, centre_flow, three_classes

DenseKind = Literal["unet", "fpn", "flow"]
# Outputs: three classes; foreground, distance and direction; foreground and flow.
OUTPUTS: dict[str, int] = {"unet": 3, "fpn": 4, "flow": 3}
# Flows are learned at five times their length, as Cellpose does it: their error counts as much as the foreground's.
FLOW_SCALE = 5.0


class DenseNetwork(nn.Module):
    """Encoder, decoder and a head.

    Parameters
    ----------
    kind
        What is predicted, and with it the decoder: `fpn` has a feature pyramid, the others that of a U-Net.
    channels_in
        3 for images of nuclei (grey images three times the same), 2 for cells (nucleus, cell).
    encoder
        Family of blocks.
    width
        Channels at full resolution.

    Attributes
    ----------
    stride
        Sides of images must be multiples of it.
    reach
        How many pixels to each side a pixel of the output sees at most.
    """

    stride = STRIDE

    def __init__(self, kind: DenseKind, channels_in: int = 3, encoder: Family = "resnet", width: int = 16) -> None:
        super().__init__()
        self.kind = kind
        self.encoder = Encoder(channels_in, encoder, width)
        self.decoder = (PyramidDecoder if kind == "fpn" else UnetDecoder)(self.encoder.channels)
        self.head = nn.Sequential(
            ConvUnit(self.decoder.channels, self.decoder.channels),
            nn.Conv2d(self.decoder.channels, OUTPUTS[kind], 1),
        )
        self.reach = self.encoder.reach + self.decoder.reach + 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return raw outputs (n, k, y, x) of images (n, c, y, x)."""
        return self.head(self.decoder(self.encoder(x)))

    def maps(self, raw: npt.NDArray[np.float32]) -> Maps:
        """Return what raw outputs (k, y, x) of one image mean."""
        if self.kind == "unet":
            _, inside, boundary = softmax(raw, axis=0)
            return Maps(foreground=inside + boundary, boundary=boundary)
        foreground = expit(raw[0])
        if self.kind == "fpn":
            # Directions help to learn what parts objects; read by the distances, objects are found better and faster.
            return Maps(foreground=foreground, distance=np.clip(raw[1], 0, 1))
        return Maps(foreground=foreground, flow=raw[1:] / FLOW_SCALE)

    def targets(self, label: npt.NDArray[np.int32], diameter: float) -> npt.NDArray[np.float32]:
        """Return what the network should say of a (y, x) label image: (k, y, x); it does not depend on ``diameter``."""
        if self.kind == "unet":
            return three_classes(label)[None].astype(np.float32)
        foreground = (label > 0)[None].astype(np.float32)
        if self.kind == "fpn":
            return np.concatenate([foreground, centre_distance(label)[None], centre_direction(label)])
        return np.concatenate([foreground, FLOW_SCALE * centre_flow(label)])

    def loss(
        self, images: torch.Tensor, targets: list[npt.NDArray[np.float32]], rng: np.random.Generator
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a batch (n, c, y, x) and its parts; ``rng`` is not used by this network."""
        truth = torch.from_numpy(np.stack(targets)).to(images.device, non_blocking=True)
        parts = losses.LOSSES[self.kind](self(images).float(), truth)
        return torch.stack(list(parts.values())).sum(), {name: part.detach() for name, part in parts.items()}
