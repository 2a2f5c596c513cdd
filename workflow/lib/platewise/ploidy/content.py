"""DNA content of nuclei from what was measured of each cell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import TOUCHES_BORDER, WELL

_AREA = "Nuclei_AreaShape_Area"


def content_columns(channel: str) -> list[str]:
    """Return the columns of a table of cells that `dna_content` reads, the well first."""
    return [WELL, TOUCHES_BORDER, _AREA, _integrated(channel), _around(channel)]


def dna_content(cells: pd.DataFrame, channel: str) -> np.ndarray:
    """Return the DNA content of each nucleus, ``(cells,)``, as a share of full scale times pixels.

    The intensity summed over the nucleus, less its area times the background: the median of the channel in the cell's
    own cytoplasm. That takes the camera's offset, scattered light and dye that is not on DNA, where the nucleus
    lies. A cell that is all nucleus has the median background of the other cells of the table.

    NaN for nuclei that may be cut by the border of the image, and for cells without a nucleus.

    Parameters
    ----------
    cells
        ``content_columns``.
    channel
        Of the DNA stain.
    """
    around = cells[_around(channel)].to_numpy(dtype=np.float64)
    known = np.isfinite(around)
    around = np.where(known, around, np.median(around[known]) if known.any() else 0.0)
    content = cells[_integrated(channel)].to_numpy(dtype=np.float64) - around * cells[_AREA].to_numpy(dtype=np.float64)
    return np.where(cells[TOUCHES_BORDER].to_numpy(dtype=bool), np.nan, content)


def _integrated(channel: str) -> str:
    return f"Nuclei_Intensity_IntegratedIntensity_{channel}"


def _around(channel: str) -> str:
    return f"Cytoplasm_Intensity_MedianIntensity_{channel}"
