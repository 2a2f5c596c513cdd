"""Cells that grow from their nuclei over the cell channels, as CellProfiler's IdentifySecondaryObjects makes them."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.filters import threshold_li
from skimage.morphology import remove_small_holes
from skimage.segmentation import watershed

from platewise.config.segmentation import SeededCells
from platewise.segmentation.diameter import object_diameter
from platewise.segmentation.pairing import piece_with
from platewise.segmentation.propagation import propagate

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]

# Weight of the distance to the nucleus, in its diameters, against the image's relief: straight borders where cells meet
# in the flat.
_DISTANCE_WEIGHT = 0.06
# The threshold is looked for so far around nuclei, in their diameters: a wide empty ground would pull it down to its
# own unevenness.
_NEAR = 3.0


class SeededCellsEngine:
    """Grows the cells of each image by itself, on the CPU.

    Parameters
    ----------
    config
        How they grow.
    threads
        Images in work at a time.

    Attributes
    ----------
    halvings
        Always 0: there are no batches.
    """

    halvings = 0

    def __init__(self, config: SeededCells, threads: int = 1) -> None:
        self._config = config
        self._threads = threads

    def segment(self, images: list[Image], nuclei: list[Label], nuclear: list[Image]) -> list[Label]:
        """Return the cells of each (c, y, x) image of cell channels, with the numbers of its nuclei."""
        with ThreadPoolExecutor(max_workers=self._threads) as pool:
            return list(pool.map(partial(grow_cells, config=self._config), images, nuclei))


def grow_cells(channels: Image, nuclei: Label, config: SeededCells) -> Label:
    """Grow each nucleus to its cell.

    Parameters
    ----------
    channels
        (c, y, x) images that show the cell body.
    nuclei
        (y, x) label image.
    config
        How far cells reach, and how those that meet are parted.

    Returns
    -------
    cells
        (y, x) label image with the nuclei's numbers; every nucleus lies inside its cell. Without nuclei there are no
        cells.
    """
    if not nuclei.any():
        return np.zeros_like(nuclei)
    diameter = object_diameter(nuclei)
    body = cell_body(channels, diameter)
    # The background's own noise level would be lost in an average over many bright cells: work on the logarithm.
    relief = np.log1p(np.maximum(body, 0) / max(float(np.median(body[nuclei > 0])), 1e-6) * 10)
    distance = ndi.distance_transform_edt(nuclei == 0).astype(np.float32) / diameter
    mask = relief > config.threshold_scale * threshold_li(relief[distance < _NEAR])
    # Small holes are vacuoles; large ones are bare ground between cells.
    mask = remove_small_holes(mask, max_size=round(math.pi * (diameter / 4) ** 2)) | (nuclei > 0)
    if config.method == "propagation":
        cells = propagate(relief / relief.max(), nuclei, mask, config.regularization)
    else:
        cells = watershed(_DISTANCE_WEIGHT * distance - relief, markers=nuclei, mask=mask)
    return _smooth_cells(cells, nuclei, diameter)


def cell_body(channels: Image, diameter: float) -> Image:
    """Add the channels, each without its background and scaled to its bright level.

    Parameters
    ----------
    channels
        (c, y, x) images that show the cell body.
    diameter
        Typical diameter of a nucleus, in pixels: sets the smoothing.

    Returns
    -------
    body
        (y, x) float32: for each channel 0 at its 1st and 1 at its 99th percentile, summed.
    """
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
        keep = piece_with(nucleus, opened) & inside
        smooth[place][keep & (smooth[place] == 0)] = number
    return smooth
