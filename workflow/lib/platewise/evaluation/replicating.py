"""Percent replicating: whether the replicates of a treatment resemble each other more than random wells do."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.similarity import Similarity

_NULL_SETS = 1000
_MOST_WELLS = 32


def percent_replicating(
    similarity: Similarity, treatments: np.ndarray, clusters: np.ndarray, seed: int, null_sets: int = _NULL_SETS
) -> Items:
    """Return 1 for each treatment that replicates, else 0; treatments with a single well have no value.

    A treatment replicates when the median correlation of its wells exceeds the 95th percentile of the medians of sets
    of as many wells, each of another treatment. Of a treatment with more than 32 wells, 32 evenly spaced ones count.

    Parameters
    ----------
    similarity
        Between treated wells.
    treatments
        Treatment of each well, from 0, ``(wells,)``.
    clusters
        Perturbation of each treatment, ``(treatments,)``.
    seed
        Of the random sets.
    null_sets
        How many sets for each number of replicates.

    Raises
    ------
    CannotScoreError
        If no treatment has two wells, or there are too few treatments to draw a set of non-replicates.
    """
    count = len(clusters)
    order = np.argsort(treatments, kind="stable")
    ends = np.searchsorted(treatments[order], np.arange(1, count))
    members = [_at_most(wells) for wells in np.split(order, ends)]
    sizes = np.array([len(wells) for wells in members])
    if not (sizes >= 2).any():
        raise CannotScoreError("no treatment has two wells to compare")
    filled = np.flatnonzero(sizes > 0)
    rng = np.random.default_rng(seed)
    limits = {
        size: _null_limit(similarity, [members[number] for number in filled], int(size), null_sets, rng)
        for size in np.unique(sizes[sizes >= 2])
        if size <= len(filled)
    }
    if not limits:
        raise CannotScoreError("fewer treatments than replicates: no sets of non-replicates to compare with")
    values = np.full(count, np.nan)
    for size, limit in limits.items():
        alike = np.flatnonzero(sizes == size)
        values[alike] = _medians(similarity, np.stack([members[number] for number in alike])) > limit
    return Items(values, clusters)


def _null_limit(
    similarity: Similarity, members: list[np.ndarray], size: int, null_sets: int, rng: np.random.Generator
) -> float:
    sets = []
    for _ in range(null_sets):
        chosen = rng.choice(len(members), size, replace=False)
        sets.append([members[number][rng.integers(len(members[number]))] for number in chosen])
    return float(np.percentile(_medians(similarity, np.array(sets)), 95))


def _at_most(wells: np.ndarray) -> np.ndarray:
    return wells[np.unique(np.linspace(0, len(wells) - 1, min(len(wells), _MOST_WELLS)).round().astype(int))]


def _medians(similarity: Similarity, sets: np.ndarray) -> np.ndarray:
    """Return the median similarity within each set of wells, ``(sets, size)`` to ``(sets,)``."""
    pairs = combinations(range(sets.shape[1]), 2)
    return np.median(np.stack([similarity.pairs(sets[:, i], sets[:, j]) for i, j in pairs], axis=1), axis=1)
