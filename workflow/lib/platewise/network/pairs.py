"""All pairs of nodes, block by block: how many have which similarity, the nearest of each node, the strongest of all.

No matrix of all pairs is ever held, and each pair is computed once. Similarities are computed in single precision; for
counting they are put into bins, observed ones and those of the null alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platewise.jit import kernel
from platewise.network.sharing import SharedPlates

# Bins of similarity from -1 to 1: 4e-6 wide, which is about what single precision leaves of a cosine.
BINS = 2**19
# Nodes a side of a block.
_BLOCK = 1024


@dataclass(frozen=True)
class PairScan:
    """What is kept of all pairs.

    Attributes
    ----------
    counts
        Pairs in each bin of similarity, for each stratum of pairs (`SharedPlates`), ``(strata, BINS + 1)``.
    nearest
        The most similar nodes of each node, nearest first, ``(nodes, neighbours)``; of equal ones the first by number.
    similarity
        Their similarities, ``(nodes, neighbours)``.
    strongest
        The most similar pairs of all, strongest first, ``(pairs, 2)``, the smaller number first.
    """

    counts: np.ndarray
    nearest: np.ndarray
    similarity: np.ndarray
    strongest: np.ndarray


def scan_pairs(unit: np.ndarray, shared: SharedPlates, neighbours: int, strongest: int = 0) -> PairScan:
    """Compute the cosine of every pair once.

    Parameters
    ----------
    unit
        Rows of length 1, float32, ``(nodes, features)``; may lie on disk (``np.memmap``), two blocks are held.
    shared
        Which nodes have a plate in common, and which as many wells.
    neighbours
        How many of the nearest to keep for each node; fewer where there are fewer others.
    strongest
        How many of the strongest pairs to keep.
    """
    nodes = len(unit)
    neighbours = max(min(neighbours, nodes - 1), 0)
    counts = np.zeros((shared.strata, BINS + 1), dtype=np.int64)
    kinds, pair_kinds = shared.kinds, shared.pair_kinds
    similarity = np.full((nodes, neighbours), -np.inf, dtype=np.float32)
    nearest = np.zeros((nodes, neighbours), dtype=np.int32)
    best = _Strongest(strongest)
    if nodes < 2:
        return PairScan(counts, nearest, similarity, best.pairs())
    taken = (
        np.empty(_BLOCK**2 if strongest else 0, dtype=np.int32),
        np.empty(_BLOCK**2 if strongest else 0, dtype=np.int32),
        np.empty(_BLOCK**2 if strongest else 0, dtype=np.float32),
    )
    for row in range(0, nodes, _BLOCK):
        rows = np.ascontiguousarray(unit[row : row + _BLOCK])
        for column in range(row, nodes, _BLOCK):
            columns = rows if column == row else np.ascontiguousarray(unit[column : column + _BLOCK])
            products = rows @ columns.T
            number = _take(products, row, column, counts, kinds, pair_kinds, similarity, nearest, best.least, *taken)
            if number:
                best.add(*(values[:number] for values in taken))
            first, second = shared.block(slice(row, row + _BLOCK), slice(column, column + _BLOCK))
            if column == row:
                first, second = first[first < second], second[first < second]
            bins, apart = to_bins(products[first, second]), 2 * pair_kinds[kinds[row + first], kinds[column + second]]
            np.subtract.at(counts, (apart, bins), 1)
            np.add.at(counts, (apart + 1, bins), 1)
    return PairScan(counts, nearest, similarity, best.pairs())


def to_bins(similarities: np.ndarray) -> np.ndarray:
    """Return the bin of each similarity, 0 to ``BINS``, same shape."""
    return np.clip((similarities.astype(np.float64) + 1) * (BINS // 2), 0, BINS).astype(np.int64)


@kernel
def _take(
    products: np.ndarray,
    first_row: int,
    first_column: int,
    counts: np.ndarray,
    kinds: np.ndarray,
    pair_kinds: np.ndarray,
    similarity: np.ndarray,
    nearest: np.ndarray,
    least: float,
    rows: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
) -> int:
    """Count the pairs of a block above the diagonal, put each among the nearest of both ends, collect the strong.

    All are counted as without a common plate.
    """
    top, last = counts.shape[1] - 1, nearest.shape[1] - 1
    half, taken = top // 2, 0
    for i in range(products.shape[0]):
        row = first_row + i
        own = pair_kinds[kinds[row]]
        for j in range(max(0, row + 1 - first_column), products.shape[1]):
            column, value = first_column + j, products[i, j]
            counts[2 * own[kinds[column]], int(min(max((np.float64(value) + 1) * half, 0), top))] += 1
            for node, other in ((row, column), (column, row)):
                if value > similarity[node, last]:
                    place = last
                    while place > 0 and value > similarity[node, place - 1]:
                        similarity[node, place] = similarity[node, place - 1]
                        nearest[node, place] = nearest[node, place - 1]
                        place -= 1
                    similarity[node, place] = value
                    nearest[node, place] = other
            if value >= least:
                rows[taken], columns[taken], values[taken] = row, column, value
                taken += 1
    return taken


class _Strongest:
    """Keeps the most similar of the pairs that pass by; of equal ones those first by number.

    They lie in arrays with room for a quarter more: the less room, the less memory, and the more often all of them are
    looked at to leave out the weakest.
    """

    def __init__(self, count: int) -> None:
        self._count, self._used = count, 0
        # Nothing weaker can be among the strongest any more.
        self.least = -np.inf if count else np.inf
        room = count + count // 4 + 1 if count else 0
        self._pairs = tuple(np.empty(room, dtype) for dtype in (np.int32, np.int32, np.float32))

    def add(self, *pairs: np.ndarray) -> None:
        added = 0
        while added < len(pairs[0]):
            if self._used == len(self._pairs[0]):
                self._prune()
            number = min(len(pairs[0]) - added, len(self._pairs[0]) - self._used)
            for kept, new in zip(self._pairs, pairs, strict=True):
                kept[self._used : self._used + number] = new[added : added + number]
            self._used, added = self._used + number, added + number

    def pairs(self) -> np.ndarray:
        self._prune()
        first, second, value = (values[: self._used] for values in self._pairs)
        order = np.lexsort([second, first, -value])
        return np.stack([first[order], second[order]], axis=1)

    def _prune(self) -> None:
        first, second, value = (values[: self._used] for values in self._pairs)
        if self._used <= self._count:
            return
        self.least = float(np.partition(value, self._used - self._count)[self._used - self._count])
        kept, equal = value > self.least, np.flatnonzero(value == self.least)
        kept[equal[np.lexsort([second[equal], first[equal]])][: self._count - int(kept.sum())]] = True
        for values in (first, second, value):
            values[: self._count] = values[kept]
        self._used = self._count
