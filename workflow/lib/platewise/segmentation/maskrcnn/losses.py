"""What the network is trained for: proposals, boxes and masks, all at once (He 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from platewise.segmentation.maskrcnn.boxes import encode
from platewise.segmentation.maskrcnn.targets import mask_targets, match, sample

# Overlaps (IoU) with an object below which an anchor, and a proposal, is nothing, and from which it is that object.
_ANCHORS = (0.3, 0.5)
_PROPOSALS = (0.5, 0.5)
# Boxes of each image that are learned from, and the largest share of objects among them.
_ANCHOR_SAMPLE = (256, 0.5)
_PROPOSAL_SAMPLE = (96, 0.34)
# Masks of each image that are learned from.
_MASKS = 16


@dataclass(frozen=True)
class Drawn:
    """The boxes of one image that are learned from, those of objects first.

    Attributes
    ----------
    boxes
        (n, 4) anchors or proposals.
    rows
        (n,) where they come from.
    owners
        (k,) which true box each of the first k belongs to.
    """

    boxes: torch.Tensor
    rows: torch.Tensor
    owners: torch.Tensor


def draw_anchors(anchors: torch.Tensor, truth: torch.Tensor, rng: np.random.Generator) -> Drawn:
    """Draw anchors (n, 4) to learn from, given the true boxes (m, 4); every object has one at least."""
    return _draw(anchors, match(anchors, truth, *_ANCHORS, rescue=True), _ANCHOR_SAMPLE, rng)


def draw_proposals(proposals: torch.Tensor, truth: torch.Tensor, rng: np.random.Generator) -> Drawn:
    """Draw proposals (n, 4) to learn from, given the true boxes (m, 4)."""
    return _draw(proposals, match(proposals, truth, *_PROPOSALS, rescue=False), _PROPOSAL_SAMPLE, rng)


def _draw(boxes: torch.Tensor, owner: torch.Tensor, how: tuple[int, float], rng: np.random.Generator) -> Drawn:
    objects, nothing = sample(owner, *how, rng)
    rows = torch.cat([objects, nothing])
    return Drawn(boxes[rows], rows, owner[objects])


def score_loss(scores: torch.Tensor, drawn: Sequence[Drawn]) -> torch.Tensor:
    """Return the cross entropy of the logits (n,) of the boxes drawn in all images: object or nothing."""
    truth = [(torch.arange(len(part.rows), device=part.rows.device) < len(part.owners)).float() for part in drawn]
    return _mean(functional.binary_cross_entropy_with_logits(scores, torch.cat(truth), reduction="none"))


def box_loss(codes: torch.Tensor, drawn: Sequence[Drawn], truth: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the error of the codes (n, 4) of those drawn boxes that belong to an object: squared up to 1, then linear.

    ``truth`` are the true boxes (m, 4) of each image.
    """
    wanted = [
        encode(boxes[part.owners], part.boxes[: len(part.owners)]) for part, boxes in zip(drawn, truth, strict=True)
    ]
    of_image = codes.split([len(part.rows) for part in drawn])
    found = [code[: len(part.owners)] for code, part in zip(of_image, drawn, strict=True)]
    return _mean(functional.smooth_l1_loss(torch.cat(found), torch.cat(wanted), reduction="none"))


def draw_masks(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Draw some of the boxes that belong to an object, to learn their masks."""
    count = len(drawn.owners)
    rows = torch.from_numpy(np.sort(rng.permutation(count)[:_MASKS])).to(drawn.rows.device)
    return Drawn(drawn.boxes[rows], rows, drawn.owners[rows])


def mask_loss(
    masks: torch.Tensor,
    drawn: Sequence[Drawn],
    labels: Sequence[npt.NDArray[np.integer]],
    numbers: Sequence[npt.NDArray[np.integer]],
) -> torch.Tensor:
    """Return the cross entropy of the masks (n, size, size), logits, of all images' drawn boxes.

    ``numbers`` (m,) are the labels' numbers of the true boxes.
    """
    wanted = [
        mask_targets(label, number[part.owners.cpu().numpy()], part.boxes.cpu().numpy(), masks.shape[-1])
        for part, label, number in zip(drawn, labels, numbers, strict=True)
    ]
    truth = torch.from_numpy(np.concatenate(wanted)).to(masks.device)
    return _mean(functional.binary_cross_entropy_with_logits(masks, truth, reduction="none"))


def _mean(values: torch.Tensor) -> torch.Tensor:
    """The mean; 0, with a gradient of 0, when there is nothing."""
    return values.mean() if values.numel() else values.sum()
