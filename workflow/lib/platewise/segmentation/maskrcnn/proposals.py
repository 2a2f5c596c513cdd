"""From what the network says of anchors to the boxes that are looked at closely."""

from __future__ import annotations

import math

import torch

from platewise.segmentation.maskrcnn.boxes import clip, decode
from platewise.segmentation.maskrcnn.nms import suppress

# Anchors less likely than this are never looked at: most of an image is background.
_LEAST = 0.02
# Pixels of the image for each anchor that is decoded and for each box that is proposed, at most. A disk of 64 pixels
# is 9 wide, under half the working size: the limits bound memory, never the number of nuclei.
_PIXELS_AN_ANCHOR, _PIXELS_A_BOX = 16, 64
_FEWEST = 50
# Proposals may overlap by so much (IoU): neighbours must both get through.
OVERLAP = 0.7
# Boxes with a shorter side are no nuclei.
_SHORTEST = 1.0


def propose_boxes(
    anchors: torch.Tensor, scores: torch.Tensor, codes: torch.Tensor, shape: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the boxes that are worth a closer look, the best of the whole image.

    Parameters
    ----------
    anchors
        (n, 4).
    scores
        (n,) logits.
    codes
        (n, 4) relative to the anchors.
    shape
        (y, x) of the image, to which boxes are cut.

    Returns
    -------
    boxes, scores
        (k, 4) and (k,), by falling score.
    """
    pixels = math.prod(shape)
    likely = torch.nonzero(scores > math.log(_LEAST / (1 - _LEAST)))[:, 0]
    order = torch.argsort(scores[likely], descending=True, stable=True)
    chosen = likely[order[: max(_FEWEST, pixels // _PIXELS_AN_ANCHOR)]]
    boxes, scores = clip(decode(codes[chosen], anchors[chosen]), shape), scores[chosen]
    wide = torch.nonzero((boxes[:, 2:] - boxes[:, :2]).amin(dim=1) >= _SHORTEST)[:, 0]
    boxes, scores = boxes[wide], scores[wide]
    kept = suppress(boxes, scores, OVERLAP)[: max(_FEWEST, pixels // _PIXELS_A_BOX)]
    return boxes[kept], scores[kept]
