"""Percent replicating: whether the replicates of a treatment resemble each other more than random wells do."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.similarity import Similarity

_NULL_SETS = 1000
_MOST_WELLS = 32
# Share of treatments without effect that replicate by chance.
_ALPHA = 0.05


def percent_replicating(
    similarity: Similarity,
    treatments: np.ndarray,
    clusters: np.ndarray,
    seed: int,
    null_sets: int = _NULL_SETS,
    any_dose: bool = False,
) -> Items:
    """Return 1 for each treatment that replicates, else 0; treatments with a single well have no value.

    A treatment replicates when the median correlation of its wells exceeds the 95th percentile of the medians of sets
    of as many wells, each of another perturbation: other doses of one would resemble each other too. Of a treatment
    with more than 32 wells, 32 evenly spaced ones count.

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
    any_dose
        To ask whether a perturbation replicates at one dose at least: its treatments share the 5 % (Bonferroni), so
        that of perturbations without effect at most 5 % do, however many doses they have.

    Raises
    ------
    CannotScoreError
        If no treatment has two wells, or there are too few perturbations to draw a set of non-replicates.
    """
    count = len(clusters)
    order = np.argsort(treatments, kind="stable")
    ends = np.searchsorted(treatments[order], np.arange(1, count))
    members = [_at_most(wells) for wells in np.split(order, ends)]
    sizes = np.array([len(wells) for wells in members])
    if not (sizes >= 2).any():
        raise CannotScoreError("no treatment has two wells to compare")
    others = _by_perturbation(members, clusters)
    rng = np.random.default_rng(seed)
    null = {
        size: _null_medians(similarity, others, int(size), null_sets, rng)
        for size in np.unique(sizes[sizes >= 2])
        if size <= len(others)
    }
    if not null:
        raise CannotScoreError("fewer perturbations than replicates: no sets of non-replicates to compare with")
    scored = np.isin(sizes, list(null))
    # How many treatments of its perturbation are asked together with each.
    _, codes = np.unique(clusters, return_inverse=True)
    together = np.bincount(codes, weights=scored)[codes] if any_dose else np.ones(count)
    values = np.full(count, np.nan)
    for size, medians in null.items():
        alike = np.flatnonzero(sizes == size)
        limits = np.percentile(medians, 100 - 100 * _ALPHA / together[alike])
        values[alike] = _medians(similarity, np.stack([members[number] for number in alike])) > limits
    return Items(values, clusters, share=True)


def _by_perturbation(members: list[np.ndarray], clusters: np.ndarray) -> list[list[np.ndarray]]:
    """Return the wells of each treatment that has any, listed by perturbation in the order of their first treatment."""
    found: dict[int, list[np.ndarray]] = {}
    for wells, cluster in zip(members, clusters.tolist(), strict=True):
        if len(wells):
            found.setdefault(cluster, []).append(wells)
    return list(found.values())


def _null_medians(
    similarity: Similarity, others: list[list[np.ndarray]], size: int, null_sets: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the medians of random sets, each of so many perturbations: one well of one treatment of each."""
    sets = []
    for _ in range(null_sets):
        chosen = [others[number] for number in rng.choice(len(others), size, replace=False)]
        wells = [given[rng.integers(len(given))] if len(given) > 1 else given[0] for given in chosen]
        sets.append([own[rng.integers(len(own))] for own in wells])
    return _medians(similarity, np.array(sets))


def _at_most(wells: np.ndarray) -> np.ndarray:
    return wells[np.unique(np.linspace(0, len(wells) - 1, min(len(wells), _MOST_WELLS)).round().astype(int))]


def _medians(similarity: Similarity, sets: np.ndarray) -> np.ndarray:
    """Return the median similarity within each set of wells, ``(sets, size)`` to ``(sets,)``."""
    pairs = combinations(range(sets.shape[1]), 2)
    return np.median(np.stack([similarity.pairs(sets[:, i], sets[:, j]) for i, j in pairs], axis=1), axis=1)
