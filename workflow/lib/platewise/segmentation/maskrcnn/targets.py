"""What the network should say: boxes made from label images, and who of anchors and proposals belongs to which."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage as ndi

from platewise.segmentation.maskrcnn.boxes import pairwise_iou

# What `match` says of a box that is no object, and of one that nothing is learned from.
NOTHING, UNSURE = -1, -2
# Samples in each direction whose mean is one pixel of a mask.
_SAMPLES = 2


def boxes_of(label: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the boxes (n, 4) of the objects of a (y, x) label image, and their numbers (n,), rising."""
    found = [(number, place) for number, place in enumerate(ndi.find_objects(label), 1) if place is not None]
    boxes = [(rows.start, columns.start, rows.stop, columns.stop) for _, (rows, columns) in found]
    numbers = [number for number, _ in found]
    return np.array(boxes, dtype=np.float32).reshape(-1, 4), np.array(numbers, dtype=np.int64)


def match(boxes: torch.Tensor, truth: torch.Tensor, low: float, high: float, rescue: bool) -> torch.Tensor:
    """Say for each box which true one it belongs to.

    Parameters
    ----------
    boxes
        (n, 4) anchors or proposals.
    truth
        (m, 4) boxes of objects.
    low, high
        A box that overlaps no object by ``low`` (IoU) is `NOTHING`; one that overlaps an object by ``high`` belongs to
        the one it overlaps most, of equal ones the first; one between is `UNSURE`.
    rescue
        Also give each object those boxes that overlap it most, however little, so that none is left out (Ren 2015,
        arXiv:1506.01497).

    Returns
    -------
    owner
        (n,) int64: position in ``truth``, `NOTHING` or `UNSURE`.
    """
    if not len(truth) or not len(boxes):
        return torch.full((len(boxes),), NOTHING, device=boxes.device)
    iou = pairwise_iou(boxes, truth)
    best, owner = iou.max(dim=1)
    result = torch.where(best >= high, owner, torch.where(best < low, NOTHING, UNSURE))
    if rescue:
        most = iou.max(dim=0).values
        own = (iou == most) & (most > 0)
        # Where two objects have the same best box, the first one gets it.
        result = torch.where(own.any(dim=1), own.int().argmax(dim=1), result)
    return result


def sample(
    owner: torch.Tensor, count: int, share: float, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the boxes that are learned from.

    Parameters
    ----------
    owner
        (n,) as `match` returns it.
    count
        Boxes to draw in all; fewer where there are not so many.
    share
        Largest share of boxes that belong to an object; the rest is filled with `NOTHING`.
    rng
        Draws without putting back.

    Returns
    -------
    objects, nothing
        Positions, rising.
    """
    numbers = owner.cpu().numpy()
    objects = _draw(np.flatnonzero(numbers >= 0), int(count * share), rng)
    nothing = _draw(np.flatnonzero(numbers == NOTHING), count - len(objects), rng)
    return torch.from_numpy(objects).to(owner.device), torch.from_numpy(nothing).to(owner.device)


def mask_targets(
    label: npt.NDArray[np.integer], numbers: npt.NDArray[np.integer], boxes: npt.NDArray[np.float32], size: int
) -> npt.NDArray[np.float32]:
    """Return what the mask in each box should be.

    Parameters
    ----------
    label
        (y, x) label image.
    numbers
        (n,) the object that each box is about.
    boxes
        (n, 4) inside the image.
    size
        Pixels of a mask in each direction.

    Returns
    -------
    masks
        (n, size, size) share of each mask's pixel that lies in the object, from 2 x 2 samples.
    """
    steps = (np.arange(size * _SAMPLES, dtype=np.float32) + 0.5) / (size * _SAMPLES)
    rows, columns = (
        np.minimum(low[:, None] + (high - low)[:, None] * steps, length - 1).astype(np.int64)
        for low, high, length in zip(boxes.T[:2], boxes.T[2:], label.shape, strict=True)
    )
    inside = label[rows[:, :, None], columns[:, None, :]] == numbers[:, None, None]
    return inside.reshape(-1, size, _SAMPLES, size, _SAMPLES).mean(axis=(2, 4), dtype=np.float32)


def _draw(numbers: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return numbers if len(numbers) <= count else np.sort(rng.choice(numbers, count, replace=False))
