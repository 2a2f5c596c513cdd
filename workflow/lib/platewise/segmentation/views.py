"""One image seen in several ways: what a sure model finds in all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from platewise.segmentation.engine import Image, Label, NucleiEngine
from platewise.segmentation.resample import resize_image, sample_label

Shape = tuple[int, int]


@dataclass(frozen=True)
class View:
    """A way to see an image.

    Attributes
    ----------
    name
        For messages.
    alter
        Makes the view of a (c, y, x) image.
    restore
        Brings a (y, x) label image of the view back to the given shape of the image.
    """

    name: str
    alter: Callable[[Image], Image]
    restore: Callable[[Label, Shape], Label]


def _scaled(name: str, factor: float) -> View:
    def alter(image: Image) -> Image:
        shape = tuple(max(1, round(side * factor)) for side in image.shape[1:])
        return resize_image(image, shape)

    return View(name, alter, sample_label)


def _bent(name: str, gamma: float) -> View:
    """Change the ratio of dim to bright: engines take out what a factor or an offset does to an image."""

    def alter(image: Image) -> Image:
        low, high = image.min(), image.max()
        if low == high:
            return image
        share = (image - low) / (high - low)
        return (share**gamma * (high - low) + low).astype(np.float32)

    return View(name, alter, lambda label, _: label)


def _moved(name: str, move: Callable[[npt.NDArray], npt.NDArray], back: Callable[[npt.NDArray], npt.NDArray]) -> View:
    return View(
        name, lambda image: np.ascontiguousarray(move(image)), lambda label, _: np.ascontiguousarray(back(label))
    )


VIEWS: tuple[View, ...] = (
    _moved("mirrored", lambda pixels: pixels[..., ::-1], lambda pixels: pixels[..., ::-1]),
    _moved("turned", lambda pixels: np.rot90(pixels, 1, (-2, -1)), lambda pixels: np.rot90(pixels, -1, (-2, -1))),
    _scaled("smaller", 0.75),
    _scaled("larger", 1.33),
    _bent("brighter", 0.67),
    _bent("darker", 1.5),
)


def predict_views(engines: Sequence[NucleiEngine], image: Image, views: Sequence[View] = VIEWS) -> list[Label]:
    """Return what every engine finds in an image and in each of its views.

    Parameters
    ----------
    engines
        The committee, at least one.
    image
        (c, y, x).
    views
        The ways to see it, besides as it is.

    Returns
    -------
    labels
        (y, x) label images, engine by engine: the image itself first, then its views. Numbers of different label images
        have nothing to do with each other.
    """
    shape = (image.shape[1], image.shape[2])
    seen = [image, *(view.alter(image) for view in views)]
    found = []
    for engine in engines:
        own, *altered = engine.segment(seen)
        found += [own, *(view.restore(label, shape) for view, label in zip(views, altered, strict=True))]
    return found
