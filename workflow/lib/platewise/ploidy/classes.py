"""Classes of DNA content, by the peaks of the plate."""

from __future__ import annotations

import numpy as np

from platewise.ploidy.peaks import Peaks

# 2N is the content of the controls' cells before replication, whatever their karyotype.
CLASSES = ("<2N", "2N", "S", "4N", ">4N")
POLYPLOID = CLASSES[-1]
# A peak reaches so many of its standard deviations to each side, but never over the middle between the two.
_REACH = 2.0
_MOST_REACH = 0.45


def boundaries(peaks: Peaks) -> np.ndarray:
    """Return the content, in the units of the cells, at which each class but the first begins, ascending, ``(4,)``.

    The 2N and the 4N peak reach two standard deviations of log content to each side, which is 95 % of their nuclei; at
    most 0.45 octaves, so that S keeps a tenth of an octave. So of nuclei with 4N exactly, 2.3 % count as >4N.
    """
    reach = min(_REACH * peaks.spread, _MOST_REACH)
    return peaks.content_2n * np.exp2([-reach, reach, 1 - reach, 1 + reach])


def count_classes(content: np.ndarray, peaks: Peaks) -> np.ndarray:
    """Count nuclei by class, in the order of ``CLASSES``, ``(5,)``; NaN where the plate has no peaks.

    Parameters
    ----------
    content
        DNA content of the nuclei, finite, ``(nuclei,)``. What is dimmer than its surroundings counts as <2N.
    peaks
        Of their plate.
    """
    if not peaks.found:
        return np.full(len(CLASSES), np.nan)
    return np.bincount(np.searchsorted(boundaries(peaks), content, side="right"), minlength=len(CLASSES)).astype(float)
