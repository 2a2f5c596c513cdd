"""How large objects are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def object_diameter(label: npt.NDArray[np.integer]) -> float:
    """Return the median diameter of the objects of a (y, x) label image, in pixels, as disks of their areas.

    NaN if there are none. Numbers may have gaps.
    """
    areas = np.bincount(label.ravel())[1:]
    areas = areas[areas > 0]
    return float(np.median(2 * np.sqrt(areas / np.pi))) if areas.size else float("nan")
