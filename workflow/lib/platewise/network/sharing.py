"""Which perturbations have wells on a common plate: kept by plate, never as a matrix of all pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from platewise.columns import PERTURBATION, PLATE

# Pairs without (``APART``) and with (``SHARED``) a common plate.
APART, SHARED = 0, 1
# So few pairs are listed, of more pairs some are drawn.
_LISTED = 2_000_000


class SharedPlates:
    """Nodes and their plates.

    Parameters
    ----------
    nodes, plates
        Node and plate of each well, both numbered from 0, ``(wells,)``.
    count
        Number of nodes.
    """

    def __init__(self, nodes: np.ndarray, plates: np.ndarray, count: int) -> None:
        width = int(plates.max()) + 1 if len(plates) else 1
        pairs = np.unique(np.stack([nodes, plates], axis=1), axis=0) if len(nodes) else np.empty((0, 2), int)
        ones = np.ones(len(pairs), dtype=np.int32)
        self.nodes = count
        self._present = sparse.csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, width))
        self._members = self._present.tocsc()

    def block(self, rows: slice | np.ndarray, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs with a common plate in a block of all pairs, numbered by their places in the block."""
        found = (self._present[rows] @ self._present[columns].T).tocoo()
        return found.coords

    def common(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return how many plates the nodes of each pair have in common, ``(pairs,)``."""
        return np.asarray(self._present[first].multiply(self._present[second]).sum(axis=1)).ravel()

    def draw_pairs(self, stratum: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw different pairs of different nodes evenly, without or with a common plate.

        Returns
        -------
        first, second
            ``count`` pairs, or all where there are fewer.
        """
        if self.nodes * (self.nodes - 1) // 2 <= _LISTED:
            first, second = np.triu_indices(self.nodes, k=1)
            chosen = np.flatnonzero((self.common(first, second) > 0) == bool(stratum)) if len(first) else first
            if len(chosen) > count:
                chosen = rng.choice(chosen, count, replace=False)
            return first[chosen], second[chosen]
        found = np.empty(0, dtype=np.int64)
        for _ in range(200):
            first, second = self._draw(stratum, 4 * count, rng)
            found = np.concatenate([found, first * self.nodes + second])
            # The first of each: what is drawn later does not push it out.
            found = found[np.sort(np.unique(found, return_index=True)[1])]
            if len(found) >= count:
                break
        return found[:count] // self.nodes, found[:count] % self.nodes

    def _draw(self, stratum: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if stratum == APART:
            first, second = rng.integers(0, self.nodes, (2, count))
            kept = (first != second) & (self.common(first, second) == 0)
        else:
            sizes = np.diff(self._members.indptr).astype(np.float64)
            # Two ends are drawn from a plate, the same node twice among them: left out below.
            weights = np.where(sizes > 1, sizes**2, 0)
            if not weights.any():
                return np.empty(0, int), np.empty(0, int)
            plates = rng.choice(len(sizes), count, p=weights / weights.sum())
            start, size = self._members.indptr[plates], np.diff(self._members.indptr)[plates]
            first, second = (self._members.indices[start + rng.integers(0, size)].astype(np.int64) for _ in range(2))
            # Nodes that meet on several plates would be drawn as much more often.
            kept = (first != second) & (rng.random(count) * self.common(first, second) < 1)
        low, high = np.minimum(first, second)[kept], np.maximum(first, second)[kept]
        return low, high


def shared_plates(wells: pd.DataFrame, names: np.ndarray) -> SharedPlates:
    """Return which of the named perturbations have wells on a common plate.

    Parameters
    ----------
    wells
        ``Metadata_Perturbation`` and ``Metadata_Plate`` of every well.
    names
        Perturbations in the order of the nodes.
    """
    plates = np.unique(wells[PLATE].to_numpy(dtype=str), return_inverse=True)[1].ravel()
    place = {name: index for index, name in enumerate(names)}
    nodes = wells[PERTURBATION].map(place).fillna(-1).to_numpy(dtype=int)
    return SharedPlates(nodes[nodes >= 0], plates[nodes >= 0], len(names))
