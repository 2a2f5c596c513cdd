"""Which pairs are judged among themselves: by common plates and by wells, never as a matrix of all pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from platewise.columns import DOSE, PERTURBATION, PLATE

# Pairs without (``APART``) and with (``SHARED``) a common plate.
APART, SHARED = 0, 1
# Nodes with 1, 2 to 3, 4 to 7, 8 to 15, and more wells.
_MOST_KIND = 4
# So few pairs are listed, of more pairs some are drawn.
_LISTED = 2_000_000


class SharedPlates:
    """Nodes, their plates, and the strata of their pairs.

    Pairs with a plate in common resemble each other through it. And the more wells two nodes have, the more alike they
    are in what all wells have in common, such as an offset from the controls: noise hides it where there are few. So a
    pair is judged among those with as many wells.

    Parameters
    ----------
    nodes, plates
        Node and plate of each well, both numbered from 0, ``(wells,)``.
    count
        Number of nodes.
    kinds
        A number for each node, such that those with about as many wells have the same (`replicate_kinds`); None: all
        have, ``(nodes,)``.

    Attributes
    ----------
    kinds
        The same, numbered from 0 without gaps, ``(nodes,)``.
    pair_kinds
        Number of the kind of pair that two kinds make, ``(kinds, kinds)``.
    strata
        How many strata there are: of each kind of pair those without (``APART``) and with (``SHARED``) a common plate.
    """

    def __init__(self, nodes: np.ndarray, plates: np.ndarray, count: int, kinds: np.ndarray | None = None) -> None:
        width = int(plates.max()) + 1 if len(plates) else 1
        pairs = np.unique(np.stack([nodes, plates], axis=1), axis=0) if len(nodes) else np.empty((0, 2), int)
        ones = np.ones(len(pairs), dtype=np.int32)
        self.nodes = count
        self._present = sparse.csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, width))
        self.kinds = np.unique(np.zeros(count) if kinds is None else kinds, return_inverse=True)[1].ravel()
        every = int(self.kinds.max()) + 1 if count else 1
        self._ends = list(zip(*np.triu_indices(every), strict=True))
        self.pair_kinds = np.zeros((every, every), dtype=np.int64)
        for number, (one, other) in enumerate(self._ends):
            self.pair_kinds[one, other] = self.pair_kinds[other, one] = number
        self.strata = 2 * len(self._ends)
        self._of_kind = [np.flatnonzero(self.kinds == kind) for kind in range(every)]
        self._members = [self._present[own].tocsc() for own in self._of_kind]
        self._listed: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def block(self, rows: slice | np.ndarray, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs with a common plate in a block of all pairs, numbered by their places in the block."""
        found = (self._present[rows] @ self._present[columns].T).tocoo()
        return found.coords

    def common(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return how many plates the nodes of each pair have in common, ``(pairs,)``."""
        return np.asarray(self._present[first].multiply(self._present[second]).sum(axis=1)).ravel()

    def stratum(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the stratum of each pair of nodes, ``(pairs,)``."""
        if len(first) == 0:
            return np.zeros(0, dtype=np.int64)
        return 2 * self.pair_kinds[self.kinds[first], self.kinds[second]] + (self.common(first, second) > 0)

    def draw_pairs(self, stratum: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw different pairs of different nodes of one stratum evenly.

        Returns
        -------
        first, second
            ``count`` pairs, or all where there are fewer.
        """
        one, other = (self._of_kind[kind] for kind in self._ends[stratum // 2])
        if (len(one) * (len(one) - 1) // 2 if one is other else len(one) * len(other)) <= _LISTED:
            if stratum not in self._listed:
                self._listed[stratum] = self._list(stratum)
            first, second = self._listed[stratum]
            if len(first) > count:
                chosen = rng.choice(len(first), count, replace=False)
                return first[chosen], second[chosen]
            return first, second
        found = np.empty(0, dtype=np.int64)
        for _ in range(200):
            first, second = self._draw(stratum, 4 * count, rng)
            found = np.concatenate([found, first * self.nodes + second])
            # The first of each: what is drawn later does not push it out.
            found = found[np.sort(np.unique(found, return_index=True)[1])]
            if len(found) >= count:
                break
        return found[:count] // self.nodes, found[:count] % self.nodes

    def _list(self, stratum: int) -> tuple[np.ndarray, np.ndarray]:
        one, other = (self._of_kind[kind] for kind in self._ends[stratum // 2])
        if one is other:
            first, second = np.triu_indices(len(one), k=1)
        else:
            first, second = (places.ravel() for places in np.indices((len(one), len(other))))
        first, second = one[first], other[second]
        chosen = self.stratum(first, second) == stratum
        return first[chosen], second[chosen]

    def _draw(self, stratum: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        kinds = self._ends[stratum // 2]
        own = [self._of_kind[kind] for kind in kinds]
        if stratum % 2 == APART:
            first, second = (nodes[rng.integers(0, len(nodes), count)] for nodes in own)
            kept = (first != second) & (self.common(first, second) == 0)
        else:
            members = [self._members[kind] for kind in kinds]
            sizes = [np.diff(of_plate.indptr) for of_plate in members]
            # Two ends are drawn from a plate, the same node twice among them: left out below.
            weights = sizes[0].astype(np.float64) * sizes[1]
            if kinds[0] == kinds[1]:
                weights[sizes[0] <= 1] = 0
            if not weights.any():
                return np.empty(0, int), np.empty(0, int)
            plates = rng.choice(len(weights), count, p=weights / weights.sum())
            first, second = (
                nodes[of_plate.indices[of_plate.indptr[plates] + rng.integers(0, size[plates])]]
                for nodes, of_plate, size in zip(own, members, sizes, strict=True)
            )
            # Nodes that meet on several plates would be drawn as much more often.
            kept = (first != second) & (rng.random(count) * self.common(first, second) < 1)
        low, high = np.minimum(first, second)[kept], np.maximum(first, second)[kept]
        return low, high


def replicate_kinds(wells: pd.DataFrame, names: np.ndarray, doses: str) -> np.ndarray:
    """Return how many wells each perturbation's profile is made of, in powers of 2: 0 for 1, 1 for 2 to 3, up to 4.

    Parameters
    ----------
    wells
        ``Metadata_Perturbation`` and ``Metadata_Dose`` of every well.
    names
        Perturbations in the order of the nodes.
    doses
        How they are joined (``network.doses``): where one dose is chosen, it has the wells of a dose on average.
    """
    counts = wells.groupby([PERTURBATION, DOSE], dropna=False).size().groupby(level=0)
    wells_of = (counts.sum() if doses in ("mean", "median") else counts.mean()).reindex(names).to_numpy(dtype=float)
    return np.minimum(np.log2(wells_of).astype(int), _MOST_KIND)


def shared_plates(wells: pd.DataFrame, names: np.ndarray, kinds: np.ndarray | None = None) -> SharedPlates:
    """Return which of the named perturbations have wells on a common plate.

    Parameters
    ----------
    wells
        ``Metadata_Perturbation`` and ``Metadata_Plate`` of every well.
    names
        Perturbations in the order of the nodes.
    kinds
        As `SharedPlates` takes them.
    """
    plates = np.unique(wells[PLATE].to_numpy(dtype=str), return_inverse=True)[1].ravel()
    place = {name: index for index, name in enumerate(names)}
    nodes = wells[PERTURBATION].map(place).fillna(-1).to_numpy(dtype=int)
    return SharedPlates(nodes[nodes >= 0], plates[nodes >= 0], len(names), kinds)
