"""Ways to exchange wells of two kinds within their plates."""

from __future__ import annotations

import itertools
from math import comb, prod

import numpy as np


def exchanges(
    chosen: np.ndarray, plates: np.ndarray, most: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], int]:
    """Return choices of as many wells on each plate as are ``chosen``, bool ``(wells,)`` each, and how many there are.

    All of them where there are at most ``most``; else ``most`` at random.

    Parameters
    ----------
    chosen
        Which wells are of one kind, ``(wells,)``.
    plates
        Of the wells.
    most
        Choices that are returned at most.
    rng
        For those at random.
    """
    groups = [np.flatnonzero(plates == plate) for plate in np.unique(plates)]
    counts = [int(chosen[own].sum()) for own in groups]
    ways = prod(comb(len(own), count) for own, count in zip(groups, counts, strict=True))
    if ways <= most:
        every = (itertools.combinations(own, count) for own, count in zip(groups, counts, strict=True))
        return [_mask(len(chosen), itertools.chain(*parts)) for parts in itertools.product(*every)], ways
    drawn = [
        _mask(
            len(chosen),
            itertools.chain(*(rng.choice(own, n, replace=False) for own, n in zip(groups, counts, strict=True))),
        )
        for _ in range(most)
    ]
    return drawn, ways


def _mask(count: int, places: itertools.chain[int]) -> np.ndarray:
    mask = np.zeros(count, dtype=bool)
    mask[list(places)] = True
    return mask
