"""Which cells a training step sees: every perturbation as often as any other, and within it every plate."""

from __future__ import annotations

import numpy as np


def balanced_draw(classes: np.ndarray, plates: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw cells with replacement: first a class, then one of its plates, then one of their cells, each evenly.

    Without it the negative controls, often a third of a plate, and the plates with many cells would teach the most.

    Parameters
    ----------
    classes, plates
        Class and plate number of each cell, both (n,).
    count
        Number of cells to draw.
    rng
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        Positions (count,) in ``classes``.
    """
    order = np.lexsort([plates, classes])
    changes = (np.diff(classes[order]) != 0) | (np.diff(plates[order]) != 0)
    # Group g, one class on one plate, is order[starts[g]:ends[g]]; class k has the groups from first[k] on.
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    ends = np.append(starts[1:], len(order))
    _, first, groups = np.unique(classes[order][starts], return_index=True, return_counts=True)
    drawn = rng.integers(0, len(first), count)
    group = first[drawn] + rng.integers(0, groups[drawn])
    return order[rng.integers(starts[group], ends[group])]
