"""Which way of reading objects suits which maps."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from platewise.segmentation.decode.boundaries import decode_boundaries
from platewise.segmentation.decode.distances import decode_distances
from platewise.segmentation.decode.flows import decode_flows
from platewise.segmentation.maps import Maps


def decode(
    maps: Maps, threshold: float, minimum_area: float, flow_error: float, diameter: float
) -> npt.NDArray[np.int32]:
    """Read objects from whatever maps there are.

    Parameters
    ----------
    maps
        Of one network, or the mean over several; besides the foreground at least one map that parts objects.
    threshold
        Least probability of a pixel of an object.
    minimum_area
        Least area of an object, as a share of a disk with the typical diameter.
    flow_error
        Objects whose flow differs by more from the one that their shape implies are dropped.
    diameter
        Typical diameter of an object in pixels of the maps.

    Returns
    -------
    label
        (y, x) int32, numbers 1..n in the order of first pixels.
    """
    pixels = minimum_area * math.pi * (diameter / 2) ** 2
    if maps.flow is not None:
        return decode_flows(maps.foreground, maps.flow, threshold, pixels, flow_error, diameter)
    if maps.distance is not None:
        return decode_distances(maps.foreground, maps.distance, threshold, pixels, diameter)
    if maps.boundary is not None:
        return decode_boundaries(maps.foreground, maps.boundary, threshold, pixels, diameter)
    raise ValueError("maps without a boundary, distance or flow do not part objects that touch")
