"""Objects from distances: one for each peak of the predicted distance from the rim."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from platewise.segmentation.decode.basins import find_basins
from platewise.segmentation.decode.tidy import tidy

Map = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]

# Least height of a peak above the pass to a higher one; the distance goes from about 0 at the rim to 1 at the deepest.
_HEIGHT = 0.2
# Smoothing, in typical diameters.
_SMOOTHING = 0.04


def decode_distances(foreground: Map, distance: Map, threshold: float, minimum_area: float, diameter: float) -> Label:
    """Read objects from a distance map, as Mesmer does it (Greenwald 2022, doi:10.1038/s41587-021-01094-0).

    Parameters
    ----------
    foreground
        (y, x) probability that the pixel lies in an object.
    distance
        (y, x) depth in the object, as a share of its largest (see ``targets.centre_distance``).
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
    smooth = ndi.gaussian_filter(np.where(mask, distance, 0), _SMOOTHING * diameter)
    basins, _ = find_basins(smooth, mask, _HEIGHT)
    return tidy(basins, minimum_area)
