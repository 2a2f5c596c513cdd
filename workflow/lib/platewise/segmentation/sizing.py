"""At which size an image is looked at when nobody said how large its nuclei are: guessed, looked at, measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from platewise.segmentation.diameter import object_diameter
from platewise.segmentation.scale import ScaleEstimator

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]
# Looks at images, given by their places with the diameters to expect; yields places and labels in any order.
Look = Callable[[Mapping[int, float]], Iterable[tuple[int, Label]]]

# Beyond this, the size of what was found says more than the size that was expected. On one fold of DSB 2018 1.2 was the
# best of 1.2 to 2, by little.
_AGREE = 1.25
# Most looks at an image; most images need one.
_LOOKS = 3


def look_at_their_size(
    look: Look, images: Sequence[Image], told: float | None, estimator: ScaleEstimator | None, usual: float
) -> list[Label]:
    """Look at images at the size of their objects.

    Parameters
    ----------
    look
        Finds objects.
    images
        (c, y, x), standardised.
    told
        Diameter of the objects of all images in pixels, where the config tells it: then there is one look.
    estimator
        Guesses the diameters where it does not.
    usual
        The diameter at which the network sees an image as it is.

    Returns
    -------
    labels
        (y, x) int32 for each image.
    """
    if told is not None:
        found = dict(look(dict.fromkeys(range(len(images)), float(told))))
        return [found[place] for place in range(len(images))]
    return look_until_sizes_agree(look, estimator.diameters(images), usual)


def look_until_sizes_agree(look: Look, estimates: Sequence[float], usual: float) -> list[Label]:
    """Look at images, and again where the objects that were found have another size than was expected.

    An image in which nothing is found is looked at as it is, at the size that the network knows: a wild estimate, as a
    field with its last cells can give, must not empty it.

    Parameters
    ----------
    look
        Finds objects.
    estimates
        Expected diameter in pixels for each image; NaN where there is none.
    usual
        The diameter at which the network sees an image as it is.

    Returns
    -------
    labels
        (y, x) int32 for each image: of its last look, or of the one before if that found nothing.
    """
    labels: dict[int, Label] = {}
    expected = {place: usual if math.isnan(size) else size for place, size in enumerate(estimates)}
    tried: dict[int, list[float]] = {place: [] for place in expected}
    for _ in range(_LOOKS):
        if not expected:
            break
        again: dict[int, float] = {}
        for place, label in look(expected):
            tried[place].append(expected[place])
            if place not in labels or label.any():
                labels[place] = label
            wanted = _next_size(label, usual)
            if not any(_agree(wanted, size) for size in tried[place]):
                again[place] = wanted
        expected = again
    return [labels[place] for place in range(len(estimates))]


def _next_size(label: Label, usual: float) -> float:
    measured = object_diameter(label)
    return usual if math.isnan(measured) else measured


def _agree(first: float, second: float) -> bool:
    return max(first, second) <= _AGREE * min(first, second)
