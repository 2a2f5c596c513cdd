"""Annotated images in memory, scaled so that their objects have one size, and the drawing of crops from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from platewise.segmentation.diameter import object_diameter
from platewise.segmentation.images import standardise_channels
from platewise.segmentation.resample import resize_image, sample_label

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]

# Objects are kept this much larger than the working size, so that enlarging them is not always making up pixels.
_SPARE = 1.25
# An image is shrunk or enlarged to this side at most: a field of huge objects must not fill the memory.
_SIDE = 4096


@dataclass(frozen=True)
class Pair:
    """One annotated image.

    Attributes
    ----------
    name
        For messages.
    group
        Images of one group show the same original field; they are never on both sides of a split.
    kind
        Image class; rare ones are drawn more often than their number says.
    levels
        The image (c, y, x) and its label (y, x) at falling sizes, each half the one before.
    diameter
        Median diameter of the objects at the first level, in pixels; NaN if there are none.
    """

    name: str
    group: str
    kind: str
    levels: tuple[tuple[npt.NDArray[np.float16], Label], ...]
    diameter: float


def make_pair(name: str, group: str, kind: str, image: Image, label: Label, diameter: float, levels: int = 1) -> Pair:
    """Make a pair, its objects a little larger than the working size.

    Parameters
    ----------
    image
        (c, y, x): 1 or 3 channels of nuclei, or (nucleus, cell).
    label
        (y, x) instances.
    diameter
        Working size of the objects, in pixels.
    levels
        How many sizes to keep; 1 unless crops far smaller than the working size are wanted.
    """
    standard = standardise_channels(image)
    own = object_diameter(label)
    factor = 1.0 if np.isnan(own) else min(_SPARE * diameter / own, _SIDE / max(label.shape))
    shape = tuple(max(1, round(side * factor)) for side in label.shape)
    scaled = [(resize_image(standard, shape), sample_label(label, shape))]
    while len(scaled) < levels:
        smaller = tuple(max(1, side // 2) for side in scaled[-1][1].shape)
        scaled.append((resize_image(scaled[-1][0], smaller), sample_label(scaled[0][1], smaller)))
    halves = tuple((part.astype(np.float16), labels) for part, labels in scaled)
    return Pair(name, group, kind, halves, object_diameter(scaled[0][1]))


def draw_weights(pairs: Sequence[Pair]) -> npt.NDArray[np.float64]:
    """Return how often each pair is drawn, (n,), summing to 1.

    A class weighs as the square root of its images: a rare kind is seen more often than its share, and not so often
    that it is learned by heart. Within a class, groups weigh the same.
    """
    kinds, kind, images = np.unique([pair.kind for pair in pairs], return_inverse=True, return_counts=True)
    _, group, members = np.unique(
        [f"{pair.kind}\n{pair.group}" for pair in pairs], return_inverse=True, return_counts=True
    )
    in_group = 1.0 / members[group]
    in_kind = np.bincount(kind, in_group, minlength=len(kinds))[kind]
    weights = np.sqrt(images[kind]) * in_group / in_kind
    return weights / weights.sum()
