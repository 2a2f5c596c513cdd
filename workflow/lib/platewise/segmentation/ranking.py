"""Which images, and which objects within them, a person should annotate next.

An image that a committee of models sees in different ways teaches the most (query by committee: Seung, Opper and
Sompolinsky 1992, doi:10.1145/130385.130417). But images that are all unsure for one reason teach it once, and an odd
one teaches little of the others: those chosen are to stand for all that is unsure (facility location: Wei, Iyer and
Bilmes 2015, "Submodularity in data subset selection and active learning").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from scipy.spatial.distance import cdist

from platewise.segmentation.images import standardise
from platewise.segmentation.scoring import overlap, score

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.integer]

# Share of the other predictions that must see something where the reference has nothing, for it to be told.
MISSED_SHARE = 0.5
# Least area of such a thing, as a share of the median object's: rims of neighbours are no objects.
MISSED_AREA = 0.3
# The distances of all images to so many are held at a time.
_MOST_COVERED = 2000
# Values of images that are equal but for the order of their sums.
_DIGITS = 9
_PERCENTILES = (5, 25, 50, 75, 95)
_SCALES = (1.0, 2.0, 4.0)


@dataclass(frozen=True)
class UnsureObject:
    """An object of the reference, or with ``number`` 0 a place where only the others see one.

    Attributes
    ----------
    number
        Its label in the reference.
    y, x
        Its centre of mass, in pixels; the first pixel's centre is (0, 0).
    uncertainty
        0 if all predictions draw the same outline, 1 if nobody else sees it.
    """

    number: int
    y: float
    x: float
    uncertainty: float


def rank_objects(reference: Label, others: Sequence[Label]) -> list[UnsureObject]:
    """List the objects of an image, the most unsure first.

    Parameters
    ----------
    reference
        (y, x) label image, the one that will be corrected.
    others
        Label images of the same shape by other models, or of other views of the image. Without any, nothing is unsure.

    Returns
    -------
    objects
        Every object of the reference: 1 minus the mean over ``others`` of its best IoU with one of their objects. Then
        places where at least half of the others see an object and the reference none: the share of those that do.
        Equal ones by number, then by place.
    """
    numbers = np.unique(reference)
    numbers = numbers[numbers > 0]
    unsure = np.zeros(len(numbers))
    if others:
        unsure = 1 - np.mean([best_iou(reference, other) for other in others], axis=0)
    centres = ndi.center_of_mass(reference > 0, reference, numbers) if len(numbers) else []
    found = [
        UnsureObject(int(number), float(y), float(x), float(value))
        for number, (y, x), value in zip(numbers, centres, unsure, strict=True)
    ]
    found += _missed(reference, others)
    return sorted(found, key=lambda item: (-item.uncertainty, item.number == 0, item.number, item.y, item.x))


def best_iou(reference: Label, other: Label) -> npt.NDArray[np.float64]:
    """Return the greatest IoU of each object of the reference, in order of number, with any object of ``other``."""
    pairs = overlap(reference, other)
    best = np.zeros(pairs.true_area.size)
    np.maximum.at(best, pairs.true, pairs.iou)
    return best


def image_uncertainty(reference: Label, others: Sequence[Label]) -> float:
    """Return 1 minus the mean F1 (over IoU 0.50..0.95) of an image's other predictions with the reference.

    0 where all agree; 0 without others. Parameters as those of `rank_objects`.
    """
    agreement = [score(reference, other)["mean_f1"] for other in others]
    return 1 - float(np.mean(agreement)) if agreement else 0.0


def describe_image(image: Image, label: Label) -> npt.NDArray[np.float64]:
    """Describe what kind of image it is, (13,): brightness, colour, texture, and size and number of the objects.

    Parameters
    ----------
    image
        (c, y, x) with c of 1 or 3, in any unit.
    label
        (y, x) objects found in it.
    """
    standard = standardise(image)
    grey = standard.mean(axis=0)
    smooth = [grey, *(ndi.gaussian_filter(grey, scale) for scale in _SCALES)]
    texture = [float(np.abs(fine - coarse).mean()) for fine, coarse in pairwise(smooth)]
    colour = [float(np.abs(standard[one] - standard[other]).mean()) for one, other in ((0, 1), (1, 2))]
    areas = np.bincount(label.ravel())[1:]
    areas = areas[areas > 0]
    size = float(np.log1p(np.median(areas))) if areas.size else 0.0
    density = float(np.log1p(1e6 * areas.size / label.size))
    brightness = np.percentile(grey, _PERCENTILES)
    return np.array([*brightness, *colour, *texture, size, density, float((label > 0).mean())])


def rank_images(
    uncertainties: npt.ArrayLike, descriptors: npt.ArrayLike, weight: float, number: int | None = None
) -> npt.NDArray[np.int64]:
    """Order images so that the first ones stand for all that is unsure.

    Greedy: each next image has the greatest (1 - ``weight``) u + ``weight`` g. u is its uncertainty, and g what it adds
    to the choice: the sum over all images of their uncertainty times how much nearer this image is to them than the
    nearest one chosen before (at first: than the greatest distance of two images). Both are shares of the greatest
    among those that are left.

    Parameters
    ----------
    uncertainties
        (n,) at least 0.
    descriptors
        (n, k); each column is divided by its standard deviation.
    weight
        0: by uncertainty alone; 1: by what an image stands for.
    number
        How many are chosen in this way; the rest follow by uncertainty. None: all of them.

    Returns
    -------
    order
        (n,) positions, the one to annotate first in front. Of equal ones the more unsure, then the first in the list.

    Raises
    ------
    ValueError
        If there are not as many descriptors as uncertainties, or the weight is not in 0..1.
    """
    unsure = np.asarray(uncertainties, dtype=np.float64)
    points = np.asarray(descriptors, dtype=np.float64)
    if len(points) != len(unsure) or not 0 <= weight <= 1:
        raise ValueError(f"{len(unsure)} uncertainties, {len(points)} descriptors, weight {weight}")
    if not len(unsure):
        return np.zeros(0, dtype=np.int64)
    spread = points.std(axis=0)
    points = (points - points.mean(axis=0)) / np.where(spread > 0, spread, 1)
    # Of very many images a part stands for all.
    part = np.sort(np.random.default_rng(0).permutation(len(unsure))[:_MOST_COVERED])
    distances = cdist(points[part], points)
    nearest = np.full(len(part), distances.max())
    left = np.ones(len(unsure), dtype=bool)
    chosen: list[int] = []
    while left.any() and len(chosen) < (number or len(unsure)):
        gain = unsure[part] @ np.maximum(nearest[:, None] - distances, 0)
        value = (1 - weight) * _share(unsure, left) + weight * _share(gain, left)
        best = int(np.lexsort((-unsure, -np.where(left, value.round(_DIGITS), -np.inf)))[0])
        chosen.append(best)
        left[best] = False
        nearest = np.minimum(nearest, distances[:, best])
    rest = np.flatnonzero(left)
    return np.array([*chosen, *rest[np.argsort(-unsure[rest], kind="stable")]], dtype=np.int64)


def _share(values: npt.NDArray[np.float64], left: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return values as shares of the greatest among those that are left; zeros where that is 0."""
    greatest = values[left].max()
    return values / greatest if greatest > 0 else np.zeros_like(values)


def _missed(reference: Label, others: Sequence[Label]) -> list[UnsureObject]:
    if not others:
        return []
    share = np.mean([other > 0 for other in others], axis=0)
    places, count = ndi.label((share >= MISSED_SHARE) & (reference == 0))
    if not count:
        return []
    index = np.arange(1, count + 1)
    areas = np.bincount(places.ravel())[1:]
    known = np.concatenate([np.unique(label[label > 0], return_counts=True)[1] for label in (reference, *others)])
    large = areas >= MISSED_AREA * np.median(known)
    centres, shares = ndi.center_of_mass(places > 0, places, index), ndi.mean(share, places, index)
    return [
        UnsureObject(0, float(y), float(x), float(value))
        for (y, x), value, keep in zip(centres, shares, large, strict=True)
        if keep
    ]
