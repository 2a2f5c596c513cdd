"""The classical engine: thresholds, seeds from the shape, watershed.

Nuclei: smooth, threshold between background and nuclei, part touching ones at their waists (h-maxima of the distance
transform). Cells: seeded watershed from the nuclei over the cell channels, as CellProfiler's
IdentifySecondaryObjects does it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.filters import threshold_li, threshold_otsu
from skimage.measure import label as connected
from skimage.morphology import h_maxima, remove_small_holes
from skimage.segmentation import watershed

from platewise.config.segmentation import ClassicalSegmentation
from platewise.segmentation.engine import FieldLabels, number_in_order

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]

# Weight of the distance to the nucleus against the image's relief: straight borders where cells meet in the flat.
_DISTANCE_WEIGHT = 0.02


class ClassicalEngine:
    """Segments fields one by one on the CPU."""

    def __init__(self, config: ClassicalSegmentation, channels: list[str]) -> None:
        self.config = config
        self._nuclei = channels.index(config.nuclei_channel)
        self._cells = [channels.index(name) for name in config.cell_channels]

    def segment(self, images: list[Image]) -> list[FieldLabels]:
        """Return the labels of each (c, y, x) image, in order."""
        return [self._segment(image) for image in images]

    def _segment(self, image: Image) -> FieldLabels:
        nuclei = segment_nuclei(image[self._nuclei], self.config)
        cells = segment_cells(image[self._cells], nuclei, self.config)
        return number_in_order(nuclei, cells)


def segment_nuclei(dna: Image, config: ClassicalSegmentation) -> Label:
    """Find nuclei in a (y, x) DNA image.

    Parameters
    ----------
    dna
        Raw camera units; the background may vary slowly.
    config
        Sizes in pixels.

    Returns
    -------
    nuclei
        (y, x) label image; numbers are unique, not consecutive.
    """
    diameter = config.nucleus_diameter
    smooth = ndi.gaussian_filter(dna, diameter / 20)
    foreground = smooth - background(smooth, diameter)
    mask = foreground > config.threshold_scale * _nuclei_threshold(foreground)
    minimum = config.minimum_area * math.pi * (diameter / 2) ** 2
    mask = ndi.binary_opening(mask, iterations=max(1, round(diameter / 16)))
    mask = remove_small_holes(mask, max_size=max(1, round(minimum)))
    nuclei = _part(mask, config)
    nuclei = _trim(nuclei, foreground)
    return _without_small(nuclei, minimum)


def segment_cells(channels: Image, nuclei: Label, config: ClassicalSegmentation) -> Label:
    """Grow each nucleus to its cell.

    Parameters
    ----------
    channels
        (c, y, x) images that show the cell body.
    nuclei
        (y, x) label image.
    config
        Sizes in pixels.

    Returns
    -------
    cells
        (y, x) label image with the nuclei's numbers; every nucleus lies inside its cell.
    """
    if not nuclei.any():
        return np.zeros_like(nuclei)
    body = _cell_body(channels, config.nucleus_diameter)
    # The background's own noise level would be lost in an average over many bright cells: work on the logarithm.
    relief = np.log1p(np.maximum(body, 0) / max(float(np.median(body[nuclei > 0])), 1e-6) * 10)
    mask = relief > config.cell_threshold_scale * threshold_li(relief)
    # Small holes are vacuoles; large ones are bare ground between cells.
    mask = remove_small_holes(mask, max_size=round(math.pi * (config.nucleus_diameter / 4) ** 2)) | (nuclei > 0)
    distance = ndi.distance_transform_edt(nuclei == 0)
    landscape = -relief + _DISTANCE_WEIGHT * distance.astype(np.float32)
    cells = watershed(landscape, markers=nuclei, mask=mask)
    return _smooth_cells(cells, nuclei, config.nucleus_diameter)


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


def _part(mask: npt.NDArray[np.bool_], config: ClassicalSegmentation) -> Label:
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


def _cell_body(channels: Image, diameter: float) -> Image:
    """Add the channels, each without its background and scaled to its bright level."""
    body = np.zeros(channels.shape[1:], dtype=np.float32)
    for channel in channels:
        smooth = ndi.gaussian_filter(channel, diameter / 20)
        smooth -= np.percentile(smooth, 1)
        body += smooth / max(float(np.percentile(smooth, 99)), 1e-6)
    return body


def _smooth_cells(cells: Label, nuclei: Label, diameter: float) -> Label:
    """Smooth outlines and keep the piece that holds the nucleus."""
    radius = max(1, round(diameter / 10))
    smooth = np.where(nuclei > 0, nuclei, 0).astype(np.int32)
    disk = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
    for number, place in enumerate(ndi.find_objects(cells), 1):
        if place is None:
            continue
        inside = cells[place] == number
        nucleus = nuclei[place] == number
        padded = np.pad(inside, radius, mode="edge")
        opened = ndi.binary_opening(padded, disk)[radius:-radius, radius:-radius] | nucleus
        pieces, _ = ndi.label(opened)
        keep = ndi.binary_fill_holes(pieces == np.bincount(pieces[nucleus]).argmax()) & inside
        smooth[place][keep & (smooth[place] == 0)] = number
    return smooth
