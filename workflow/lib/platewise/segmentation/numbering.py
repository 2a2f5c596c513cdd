"""Objects numbered without gaps, and the numbers they had."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Label = npt.NDArray[np.int32]


def without_gaps(label: Label) -> tuple[Label, Label]:
    """Number objects 1..n in the order of their numbers.

    Parameters
    ----------
    label
        (y, x), 0 for background; numbers may have gaps and be as large as int32 can hold.

    Returns
    -------
    numbered, numbers
        The label image (y, x) with numbers 1..n, and (n + 1,) the number that each of them had, 0 for background:
        ``numbers[numbered]`` is ``label``.
    """
    numbers = np.union1d(0, label)
    return np.searchsorted(numbers, label).astype(np.int32), numbers.astype(np.int32)
