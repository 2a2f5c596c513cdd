"""The network: features at four resolutions, boxes proposed from them, and what is in each box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from platewise.segmentation.maskrcnn import losses
from platewise.segmentation.maskrcnn.anchors import make_anchors
from platewise.segmentation.maskrcnn.boxes import areas
from platewise.segmentation.maskrcnn.proposals import propose_boxes
from platewise.segmentation.maskrcnn.roi_align import roi_align
from platewise.segmentation.maskrcnn.targets import boxes_of
from platewise.segmentation.networks.blocks import ConvUnit
from platewise.segmentation.networks.decoders import PyramidDecoder
from platewise.segmentation.networks.encoder import STRIDE, Encoder, Family

# Pixels of the image that a pixel of each level of features covers.
STRIDES = (2, 4, 8, 16)
# Sides of the anchors at each level, for nuclei of 20 pixels. From 8 to 64 in steps of a factor 1.4, so that every
# square has an anchor that overlaps it by 0.7; most nuclei belong to the second level, whose places lie close.
ANCHOR_SIZES = ((), (8.0, 11.3, 16.0, 22.6), (32.0, 45.3), (64.0,))
# Cells of a box in each direction that its score and its mask are read from, and of the mask.
BOX_CELLS, MASK_CELLS, MASK_SIZE = 7, 14, 28
# A box of this side has about 16 pixels of features in each direction at the finest level; larger ones go to coarser.
_FINEST = 32.0
_HIDDEN = 128
_MASK_CHANNELS = 32


class MaskRcnn(nn.Module):
    """Encoder and feature pyramid, and three heads: proposals, boxes, masks. About 1.1 million parameters.

    Parameters
    ----------
    channels_in
        Channels of images.
    encoder
        Family of blocks.
    width
        Channels at full resolution.

    Attributes
    ----------
    stride
        Sides of images must be multiples of it.
    reach
        How many pixels to each side a pixel of the features, and an anchor's score, sees at most.
    """

    stride = STRIDE

    def __init__(self, channels_in: int = 3, encoder: Family = "resnet", width: int = 16) -> None:
        super().__init__()
        self.encoder = Encoder(channels_in, encoder, width)
        # A level at the image's own resolution would double the memory.
        self.decoder = PyramidDecoder(self.encoder.channels[1:])
        self.proposal_head = ProposalHead(self.decoder.channels)
        self.box_head = BoxHead(self.decoder.channels)
        self.mask_head = MaskHead(self.decoder.channels)
        self.reach = self.encoder.reach + self.decoder.reach + STRIDE

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the features (n, channels, y / stride, x / stride) of each level of `STRIDES`."""
        return self.decoder.pyramid(self.encoder(images)[1:])

    def propose(self, features: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what is said of the anchors, given features (n, c, y, x), level by level.

        Returns
        -------
        anchors, scores, codes
            (a, 4); (n, a) logits, is there a nucleus?; (n, a, 4) where its box is, relative to the anchor.
        """
        scores, codes, boxes = [], [], []
        for number, (level, stride, sizes) in enumerate(zip(features, STRIDES, ANCHOR_SIZES, strict=True)):
            if sizes:
                score, code = self.proposal_head(level, number)
                scores.append(score.float())
                codes.append(code.float())
                boxes.append(make_anchors(level.shape[2:], stride, sizes, level.device))
        return torch.cat(boxes), torch.cat(scores, dim=1), torch.cat(codes, dim=1)

    def classify(self, pooled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (n,), is it a nucleus?, and codes (n, 4) from the boxes' `pool`ed features (n, c, 7, 7)."""
        scores, codes = self.box_head(pooled)
        return scores.float(), codes.float()

    def outline(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return the masks (n, 28, 28) in boxes, logits, from the boxes' `pool`ed features (n, c, 14, 14)."""
        return self.mask_head(pooled).float()

    def targets(self, label: npt.NDArray[np.int32], diameter: float) -> npt.NDArray[np.int32]:
        """Return what `loss` needs of a (y, x) label image: the label image itself, whatever the ``diameter``."""
        return label

    def loss(
        self, images: torch.Tensor, targets: list[npt.NDArray[np.int32]], rng: np.random.Generator
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of a batch (n, c, y, x) with label images (y, x), and its parts.

        ``rng`` draws the anchors, boxes and masks that are learned from.
        """
        levels = self.features(images)
        found, numbers = zip(*map(boxes_of, targets), strict=True)
        truth = [torch.from_numpy(boxes).to(images.device) for boxes in found]
        parts, proposed = self._learn_proposals(levels, truth, images.shape[2:], rng)
        features = [[level[row] for level in levels] for row in range(len(images))]
        drawn = [losses.draw_proposals(boxes, own, rng) for boxes, own in zip(proposed, truth, strict=True)]
        scores, codes = self.classify(_pool_all(features, drawn, BOX_CELLS))
        parts["class"] = losses.score_loss(scores, drawn)
        parts["box"] = losses.box_loss(codes, drawn, truth)
        drawn = [losses.draw_masks(part, rng) for part in drawn]
        parts["mask"] = scores.new_zeros(())
        if any(len(part.boxes) for part in drawn):
            masks = self.outline(_pool_all(features, drawn, MASK_CELLS))
            parts["mask"] = losses.mask_loss(masks, drawn, targets, numbers)
        return torch.stack(list(parts.values())).sum(), {name: part.detach() for name, part in parts.items()}

    def _learn_proposals(
        self, levels: list[torch.Tensor], truth: list[torch.Tensor], shape: tuple[int, int], rng: np.random.Generator
    ) -> tuple[dict[str, torch.Tensor], list[torch.Tensor]]:
        """Return the losses of the anchors, and the boxes (k, 4) that are proposed for each image."""
        anchors, scores, codes = self.propose(levels)
        drawn = [losses.draw_anchors(anchors, boxes, rng) for boxes in truth]
        score, code = (
            torch.cat([values[part.rows] for values, part in zip(all_values, drawn, strict=True)])
            for all_values in (scores, codes)
        )
        parts = {"objectness": losses.score_loss(score, drawn), "anchor": losses.box_loss(code, drawn, truth)}
        with torch.no_grad():
            # The true boxes are proposed as well: at first, no other proposal is any good.
            proposed = [
                torch.cat([propose_boxes(anchors, *pair, shape)[0], boxes])
                for *pair, boxes in zip(scores, codes, truth, strict=True)
            ]
        return parts, proposed


class ProposalHead(nn.Module):
    """A convolution that all levels share, then for each level what is said of its anchors."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)
        self.outputs = nn.ModuleList(nn.Conv2d(channels, 5 * len(sizes), 1) for sizes in ANCHOR_SIZES if sizes)
        self.outputs_of = [sum(map(bool, ANCHOR_SIZES[:number])) for number in range(len(ANCHOR_SIZES))]

    def forward(self, features: torch.Tensor, level: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores (n, anchors) and codes (n, anchors, 4) of one level, in the order of `anchors`."""
        raw = self.outputs[self.outputs_of[level]](functional.relu(self.convolution(features)))
        raw = raw.permute(0, 2, 3, 1).reshape(len(raw), -1, 5)
        return raw[..., 0], raw[..., 1:]


class BoxHead(nn.Module):
    """Two full layers, then the score of a box and its code."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * BOX_CELLS**2, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, 5),
        )

    def forward(self, pooled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores (n,) and codes (n, 4) of features (n, c, 7, 7)."""
        raw = self.layers(pooled)
        return raw[:, 0], raw[:, 1:]


class MaskHead(nn.Module):
    """Three convolutions, then twice the resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvUnit(channels, _MASK_CHANNELS),
            ConvUnit(_MASK_CHANNELS, _MASK_CHANNELS),
            ConvUnit(_MASK_CHANNELS, _MASK_CHANNELS),
            nn.ConvTranspose2d(_MASK_CHANNELS, _MASK_CHANNELS, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(_MASK_CHANNELS, 1, 1),
        )

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return logits (n, 28, 28) of features (n, c, 14, 14)."""
        return self.layers(pooled)[:, 0]


def _pool_all(features: Sequence[Sequence[torch.Tensor]], drawn: Sequence[losses.Drawn], cells: int) -> torch.Tensor:
    """Return the features of the drawn boxes of all images, one image after the other."""
    return torch.cat([pool(of, part.boxes, cells) for of, part in zip(features, drawn, strict=True)])


def pool(features: Sequence[torch.Tensor], boxes: torch.Tensor, cells: int) -> torch.Tensor:
    """Return the features (n, c, cells, cells) of boxes (n, 4) of one image, each from the level for its size."""
    level = level_of(boxes)
    pooled = features[0].new_zeros((len(boxes), len(features[0]), cells, cells), dtype=torch.float32)
    for number, (part, stride) in enumerate(zip(features, STRIDES, strict=True)):
        chosen = torch.nonzero(level == number)[:, 0]
        if len(chosen):
            pooled = pooled.index_copy(0, chosen, roi_align(part, boxes[chosen], stride, cells))
    return pooled


def level_of(boxes: torch.Tensor) -> torch.Tensor:
    """Return the level (n,) that boxes (n, 4) are read from: the finest below 32 pixels, then one a doubling."""
    size = areas(boxes).clamp(min=1).sqrt()
    return (torch.log2(size / _FINEST).floor().long() + 1).clamp(0, len(STRIDES) - 1)
