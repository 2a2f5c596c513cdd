"""Objects from boundaries: seeds where the inside is sure, grown to the edge of the foreground."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.segmentation import watershed

from platewise.segmentation.decode.basins import find_basins
from platewise.segmentation.decode.tidy import tidy

Map = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]

# Two insides are two objects where the probability of the inside falls by this between them.
_HEIGHT = 0.3
# Smoothing, in typical diameters.
_SMOOTHING = 0.04


def decode_boundaries(foreground: Map, boundary: Map, threshold: float, minimum_area: float, diameter: float) -> Label:
    """Read objects from a boundary map (Caicedo 2019, doi:10.1002/cyto.a.23863, with seeds for a watershed).

    Parameters
    ----------
    foreground
        (y, x) probability that the pixel lies in an object.
    boundary
        (y, x) probability that it lies on the rim of one.
    threshold
        Least probability of a pixel of an object.
    minimum_area
        Least area of an object in pixels.
    diameter
        Typical diameter of an object in pixels.

    Returns
    -------
    label
        (y, x) int32, numbers 1..n in the order of first pixels.
    """
    mask = foreground > threshold
    inside = ndi.gaussian_filter(np.where(mask, foreground - boundary, 0), _SMOOTHING * diameter)
    basins, peaks = find_basins(inside, mask, _HEIGHT)
    seeds = np.where(inside >= peaks[basins] - _HEIGHT, basins, 0)
    return tidy(watershed(-inside, seeds, mask=mask, connectivity=2), minimum_area)
