"""Which cells a training step sees: every class as often as any other, and within it every plate."""

from __future__ import annotations

import numpy as np


class BalancedSampler:
    """Draws cells with replacement: first a class, then one of its plates, then one of their cells, each evenly.

    Without it the negative controls, often a third of a plate, and the plates with many cells would teach the most.

    Parameters
    ----------
    classes, plates
        Class and plate number of each cell, both (n,).
    """

    def __init__(self, classes: np.ndarray, plates: np.ndarray) -> None:
        self._order = np.lexsort([plates, classes])
        classes, plates = classes[self._order], plates[self._order]
        changes = (np.diff(classes) != 0) | (np.diff(plates) != 0)
        # Group g, one class on one plate, is order[starts[g]:ends[g]]; class k has the groups from first[k] on.
        self._starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
        self._ends = np.append(self._starts[1:], len(classes))
        _, self._first, self._groups = np.unique(classes[self._starts], return_index=True, return_counts=True)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return the positions (count,) of drawn cells."""
        drawn = rng.integers(0, len(self._first), count)
        group = self._first[drawn] + rng.integers(0, self._groups[drawn])
        return self._order[rng.integers(self._starts[group], self._ends[group])]
