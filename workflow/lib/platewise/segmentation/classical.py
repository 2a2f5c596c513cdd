"""The classical engine for nuclei: threshold, seeds from the shape, watershed.

Smooth, threshold between background and nuclei, part touching ones at their waists (h-maxima of the distance map).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.filters import threshold_otsu
from skimage.measure import label as connected
from skimage.morphology import h_maxima, remove_small_holes
from skimage.segmentation import watershed

from platewise.config.segmentation import ClassicalNuclei, TunedNuclei
from platewise.segmentation.engine import number_in_order
from platewise.segmentation.images import check_image

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]

_COLOURS = ("red", "green", "blue")


class ClassicalEngine:
    """Segments images one by one on the CPU.

    Attributes
    ----------
    halvings
        Always 0: there are no batches.
    """

    halvings = 0

    def __init__(self, choose: Callable[[Image], ClassicalNuclei]) -> None:
        """Take the function that gives the parameters for a (c, y, x) image."""
        self._choose = choose

    def segment(self, images: list[Image]) -> list[Label]:
        """Return the nuclei of each (c, y, x) image, in order; c is 1 (grey) or 3 (red, green, blue).

        Raises
        ------
        DataError
            If an image has another number of channels, or holds values that are not finite.
        """
        checked = (check_image(image, f"image {number}") for number, image in enumerate(images, 1))
        return [find_nuclei(image, self._choose(image)) for image in checked]


def make_classical(config: ClassicalNuclei | TunedNuclei) -> ClassicalEngine:
    """Make the engine, with the config's parameters or those that were searched for an image's kind.

    Raises
    ------
    DataError
        If the file of parameters cannot be used.
    """
    if isinstance(config, TunedNuclei):
        from platewise.segmentation.tuning import read_parameters

        return ClassicalEngine(read_parameters(Path(config.parameters)).choose)
    return ClassicalEngine(lambda _: config)


def find_nuclei(image: Image, config: ClassicalNuclei) -> Label:
    """Find nuclei in an image.

    Parameters
    ----------
    image
        (c, y, x) with c of 1 (grey) or 3 (red, green, blue), raw camera units; the background may vary slowly.
    config
        Sizes in pixels.

    Returns
    -------
    nuclei
        (y, x) label image, numbered 1..n in the order of first pixels.
    """
    dna = _bright_nuclei(image, config)
    diameter = config.nucleus_diameter
    smooth = ndi.gaussian_filter(dna, diameter / 20)
    foreground = smooth - background(smooth, diameter)
    mask = foreground > config.threshold_scale * _nuclei_threshold(foreground)
    minimum = config.minimum_area * math.pi * (diameter / 2) ** 2
    mask = ndi.binary_opening(mask, iterations=max(1, round(diameter / 16)))
    mask = remove_small_holes(mask, max_size=max(1, round(minimum)))
    nuclei = _part(mask, config)
    nuclei = _trim(nuclei, foreground)
    nuclei = _without_small(nuclei, minimum)
    return number_in_order(nuclei, nuclei).nuclei


def _bright_nuclei(image: Image, config: ClassicalNuclei) -> Image:
    """Return the plane in which nuclei are looked for, turned so that they are brighter than their ground."""
    if len(image) == 1 or config.colour == "grey":
        plane = image.mean(axis=0, dtype=np.float32)
    else:
        plane = image[_COLOURS.index(config.colour)]
    return plane if config.polarity == "bright" else plane.max() - plane


def background(image: Image, diameter: float) -> Image:
    """Return the slowly varying background of a (y, x) image: a smoothed low percentile of large tiles."""
    tile = max(8, round(4 * diameter))
    height, width = image.shape
    rows, columns = max(1, round(height / tile)), max(1, round(width / tile))
    lows = np.array(
        [
            [np.percentile(block, 5) for block in np.array_split(strip, columns, axis=1)]
            for strip in np.array_split(image, rows, axis=0)
        ],
        dtype=np.float32,
    )
    # A tile full of nuclei has no background of its own: its neighbours speak for it.
    lows = ndi.median_filter(lows, size=3, mode="nearest")
    zoom = (height / rows, width / columns)
    return ndi.zoom(lows, zoom, order=1, mode="nearest", grid_mode=True).astype(np.float32)[:height, :width]


def _nuclei_threshold(foreground: Image) -> float:
    """Otsu on the logarithm above the noise, so that a few very bright nuclei do not hide the dim ones."""
    noise = 1.4826 * float(np.median(np.abs(foreground - np.median(foreground))))
    floor = max(float(np.median(foreground)) + 3 * noise, 1e-6)
    bright = foreground[foreground > floor]
    if bright.size < 32:
        return float("inf")
    return max(float(np.exp(threshold_otsu(np.log(bright)))), floor)


def _part(mask: npt.NDArray[np.bool_], config: ClassicalNuclei) -> Label:
    """Part touching nuclei at their waists."""
    diameter = config.nucleus_diameter
    distance = ndi.gaussian_filter(ndi.distance_transform_edt(mask), config.seed_smoothing * diameter)
    seeds = connected(h_maxima(distance, max(config.seed_height * diameter, 1e-3)))
    return watershed(-distance, markers=seeds, mask=mask).astype(np.int32)


def _trim(nuclei: Label, foreground: Image) -> Label:
    """Cut each nucleus at half of its own bright level: one threshold for all is too wide for the bright ones."""
    trimmed = nuclei.copy()
    for number, place in enumerate(ndi.find_objects(nuclei), 1):
        if place is None:
            continue
        inside = nuclei[place] == number
        values = foreground[place]
        keep = inside & (values > 0.5 * np.percentile(values[inside], 80))
        keep = ndi.binary_fill_holes(_largest(ndi.binary_opening(keep))) & inside
        trimmed[place][inside & ~keep] = 0
    return trimmed


def _largest(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    pieces, count = ndi.label(mask)
    return mask if count < 2 else pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def _without_small(labels: Label, minimum: float) -> Label:
    sizes = np.bincount(labels.ravel())
    keep = sizes >= minimum
    keep[0] = False
    return np.where(keep[labels], labels, 0).astype(np.int32)
