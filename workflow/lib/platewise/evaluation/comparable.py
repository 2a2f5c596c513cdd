"""Which wells of different batches should look the same: the negative controls, and treatments in several batches."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import BATCH
from platewise.profiles.frame import is_negcon, treatment_codes


def comparable_groups(metadata: pd.DataFrame) -> list[np.ndarray]:
    """Return groups of wells that differ in batch and not in content.

    All negative controls are one group, and each treatment (perturbation at a dose) is one. Only groups in which at
    least two batches have two wells each are returned, with the wells of such batches only: other comparisons between
    batches would measure compounds.

    Returns
    -------
    groups
        Row numbers, controls first. Empty when nothing can be compared.
    """
    control = is_negcon(metadata)
    codes, _ = treatment_codes(metadata)
    labels = np.where(control, -1, codes)
    batches = metadata[BATCH].to_numpy(dtype=str)
    groups = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        _, index, counts = np.unique(batches[rows], return_inverse=True, return_counts=True)
        if (counts >= 2).sum() >= 2:
            groups.append(rows[counts[index] >= 2])
    return groups
