"""From features to nuclei: boxes of the whole image, judged, cleared of doubles, and outlined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from platewise.segmentation.flips import Turn
from platewise.segmentation.maskrcnn.boxes import clip, decode
from platewise.segmentation.maskrcnn.network import BOX_CELLS, MASK_CELLS, MaskRcnn, pool
from platewise.segmentation.maskrcnn.nms import suppress
from platewise.segmentation.maskrcnn.proposals import OVERLAP, propose_boxes
from platewise.segmentation.maskrcnn.turns import Shape, boxes_back, masks_back, turn_boxes, turned_shape

# Boxes whose features are in memory at a time.
_BOXES, _MASKS = 1024, 256


@dataclass(frozen=True)
class Look:
    """One way the network saw an image: turned, with the features (c, y, x) of the turned image, level by level."""

    turn: Turn
    features: Sequence[torch.Tensor]


@dataclass(frozen=True)
class Detections:
    """Nuclei of one image, the surest first.

    Attributes
    ----------
    boxes
        (n, 4) float32 in pixels of the image that the network saw.
    scores
        (n,) float32 probabilities.
    masks
        (n, 28, 28) float32 probabilities of the pixels of each box.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    masks: npt.NDArray[np.float32]


@torch.inference_mode()
def detect(
    network: MaskRcnn, looks: Sequence[Look], shape: Shape, score_threshold: float, overlap_threshold: float
) -> Detections:
    """Find the nuclei of one image.

    Every look proposes boxes; all looks judge and outline all of them, and their answers are averaged.

    Parameters
    ----------
    network
        Ready to predict.
    looks
        At least one, their features on the network's device.
    shape
        (y, x) of the image that the network saw, not turned.
    score_threshold
        Least probability of a nucleus.
    overlap_threshold
        Of boxes that overlap by more than this (IoU), only the surest is kept.
    """
    boxes = _propose(network, looks, shape)
    judged = [_judge(network, looks, part, shape) for part in boxes.split(_BOXES)]
    scores, boxes = (torch.cat(values) for values in zip(*judged, strict=True))
    sure = scores >= score_threshold
    scores, boxes = scores[sure], boxes[sure]
    kept = suppress(boxes, scores, overlap_threshold)
    scores, boxes = scores[kept], boxes[kept]
    masks = torch.cat([_outline(network, looks, part, shape) for part in boxes.split(_MASKS)])
    return Detections(*(values.cpu().numpy() for values in (boxes, scores, masks)))


def _propose(network: MaskRcnn, looks: Sequence[Look], shape: Shape) -> torch.Tensor:
    """Return the boxes (n, 4) that the looks propose, doubles taken out."""
    boxes, scores = [], []
    for look in looks:
        anchors, logits, codes = network.propose([level[None] for level in look.features])
        found = propose_boxes(anchors, logits[0], codes[0], turned_shape(shape, look.turn))
        boxes.append(boxes_back(found[0], look.turn, shape))
        scores.append(found[1])
    if len(looks) == 1:
        return boxes[0]
    together = torch.cat(boxes)
    return together[suppress(together, torch.cat(scores), OVERLAP)]


def _judge(
    network: MaskRcnn, looks: Sequence[Look], boxes: torch.Tensor, shape: Shape
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how probably each box (n, 4) holds a nucleus, (n,), and where that lies, (n, 4)."""
    scores, places = [], []
    for look in looks:
        turned = turn_boxes(boxes, look.turn, shape)
        logits, codes = network.classify(pool(look.features, turned, BOX_CELLS))
        scores.append(logits.sigmoid())
        places.append(boxes_back(clip(decode(codes, turned), turned_shape(shape, look.turn)), look.turn, shape))
    return torch.stack(scores).mean(dim=0), torch.stack(places).mean(dim=0)


def _outline(network: MaskRcnn, looks: Sequence[Look], boxes: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Return the masks (n, 28, 28) of boxes (n, 4), probabilities."""
    masks = []
    for look in looks:
        turned = turn_boxes(boxes, look.turn, shape)
        logits = network.outline(pool(look.features, turned, MASK_CELLS))
        masks.append(masks_back(logits.sigmoid(), look.turn))
    return torch.stack(masks).mean(dim=0)
