"""How alike items are: by profile, or by what a baseline knows of them. Computed block by block, never all at once."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from platewise.network.nodes import unit_rows
from platewise.network.null import pair_cosines


class Similarity(Protocol):
    """Similarity of items that are numbered from 0; larger is more alike."""

    size: int

    def block(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the similarities of every row with every column item, ``(rows, columns)``."""

    def pairs(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the similarity of each first item with the second at the same place, ``(pairs,)``."""


class Cosine:
    """Cosine between profiles, ``(items, features)``."""

    def __init__(self, values: np.ndarray) -> None:
        self._unit = unit_rows(values)
        self.size = len(values)

    def block(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return cosines, -1 to 1."""
        return self._unit[rows] @ self._unit[columns].T

    def pairs(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return cosines, -1 to 1."""
        return pair_cosines(self._unit, first, second)


class Dense:
    """Another similarity computed once and kept, for metrics that ask for all of it again and again."""

    def __init__(self, similarity: Similarity) -> None:
        everything = np.arange(similarity.size)
        self._matrix = similarity.block(everything, everything)
        self.size = similarity.size

    def block(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the other's block."""
        return self._matrix[np.ix_(rows, columns)]

    def pairs(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the other's pairs."""
        return self._matrix[first, second]


class Pearson(Cosine):
    """Pearson's correlation between profiles, ``(items, features)``: the cosine of profiles minus their mean."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__(values - values.mean(axis=1, keepdims=True))


class CloseNumber:
    """Minus the absolute difference of one number an item, ``(items,)``; a cosine of single numbers is only a sign."""

    def __init__(self, numbers: np.ndarray) -> None:
        self._numbers = np.asarray(numbers, dtype=np.float64)
        self.size = len(self._numbers)

    def block(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return minus the differences."""
        return -np.abs(self._numbers[rows][:, None] - self._numbers[columns][None, :])

    def pairs(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return minus the differences."""
        return -np.abs(self._numbers[first] - self._numbers[second])


class ClosePosition:
    """Minus the mean distance on the plate between the wells of two items, in wells.

    Parameters
    ----------
    item
        Item of each well, ``(wells,)``, from 0.
    places
        Row and column of each well, ``(wells, 2)``.
    """

    def __init__(self, item: np.ndarray, places: np.ndarray) -> None:
        unique, place = np.unique(places, axis=0, return_inverse=True)
        self.size = int(item.max()) + 1 if len(item) else 0
        # Share of each item's wells at each position: mean distances are then two small products.
        self._at = np.zeros((self.size, len(unique)))
        np.add.at(self._at, (item, place.ravel()), 1.0)
        self._at /= np.maximum(self._at.sum(axis=1, keepdims=True), 1)
        self._distance = np.sqrt(((unique[:, None, :] - unique[None, :, :]) ** 2.0).sum(axis=2))

    def block(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return minus the mean distances."""
        return -(self._at[rows] @ self._distance @ self._at[columns].T)

    def pairs(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return minus the mean distances."""
        return -np.einsum("ij,ij->i", self._at[first] @ self._distance, self._at[second])
