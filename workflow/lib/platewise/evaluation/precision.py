"""Mean average precision: how high do the true partners of a query rank? As copairs defines it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platewise.evaluation.annotations import require_matches
from platewise.evaluation.counting import precision_against, precision_among, random_precision
from platewise.evaluation.inference import benjamini_hochberg
from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.similarity import Similarity

# Random numbers drawn at a time for the null.
_DRAWS = 4_000_000
# Pairs, and queries, whose similarities are computed at a time.
_PAIRS, _QUERIES = 50_000, 512


@dataclass(frozen=True)
class Precision:
    """Average precision of queries.

    Attributes
    ----------
    values
        ``(queries,)``, NaN for a query without positives or without negatives.
    positives, negatives
        How many of each a query had, ``(queries,)``.
    groups
        Perturbation of each query, from 0, ``(queries,)``.
    """

    values: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True)
class Negatives:
    """The similarities of queries with their negatives, each query's sorted: one after the other, and their ends."""

    values: np.ndarray
    ends: np.ndarray


def replicate_precision(
    similarity: Similarity,
    labels: np.ndarray,
    plates: np.ndarray,
    controls: np.ndarray,
    batches: np.ndarray | None = None,
    negatives: Negatives | None = None,
) -> Precision:
    """Average precision of every treated well: positives share its perturbation, negatives are controls of its plate.

    Parameters
    ----------
    similarity
        Between all wells.
    labels
        Perturbation of each well, from 0, ``(wells,)``; those of controls are ignored.
    plates
        Plate of each well, ``(wells,)``.
    controls
        Which wells are negative controls, bool ``(wells,)``.
    batches
        When given, positives must be of another batch, ``(wells,)``.
    negatives
        What `sorted_controls` gave, to save computing it again: it does not depend on the labels.

    Returns
    -------
    precision
        Of the treated wells, in their order.
    """
    treated = np.flatnonzero(~controls)
    if negatives is None:
        negatives = sorted_controls(similarity, plates, controls)
    query, partner = _partners(labels[treated])
    if batches is not None:
        elsewhere = batches[treated[query]] != batches[treated[partner]]
        query, partner = query[elsewhere], partner[elsewhere]
    positives = np.empty(len(query))
    for start in range(0, len(query), _PAIRS):
        some = slice(start, start + _PAIRS)
        positives[some] = similarity.pairs(treated[query[some]], treated[partner[some]])
    counts = np.bincount(query, minlength=len(treated))
    values = precision_against(positives, np.cumsum(counts), negatives.values, negatives.ends)
    return Precision(values, counts, np.diff(negatives.ends, prepend=0), labels[treated])


def _partners(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every well with every other of its label, ``(pairs,)`` each, sorted by the first."""
    order = np.argsort(labels, kind="stable")
    _, start, size = np.unique(labels[order], return_index=True, return_counts=True)
    group = np.repeat(np.arange(len(start)), size)
    # Place k of the sorted wells meets the places from its group's start on, itself included.
    count = size[group]
    first = np.repeat(np.arange(len(order)), count)
    second = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(start[group], count)
    apart = first != second
    query, partner = order[first[apart]], order[second[apart]]
    by_query = np.argsort(query, kind="stable")
    return query[by_query], partner[by_query]


def sorted_controls(similarity: Similarity, plates: np.ndarray, controls: np.ndarray) -> Negatives:
    """Return the similarities of every treated well with the controls of its plate."""
    treated = np.flatnonzero(~controls)
    found: list[np.ndarray] = [np.empty(0)] * len(treated)
    for plate in np.unique(plates[treated]):
        places = np.flatnonzero(plates[treated] == plate)
        block = np.sort(similarity.block(treated[places], np.flatnonzero(controls & (plates == plate))), axis=1)
        for place, row in zip(places, block, strict=True):
            found[place] = row
    ends = np.cumsum([len(row) for row in found], dtype=np.int64)
    return Negatives(np.concatenate([np.empty(0), *found]), ends)


def annotation_precision(similarity: Similarity, matches: np.ndarray) -> Precision:
    """Average precision of every annotated perturbation: positives share an annotation, negatives are all others.

    Parameters
    ----------
    similarity
        Between annotated perturbations.
    matches
        Whether two share an annotation, bool ``(perturbations, perturbations)``.
    """
    require_matches(matches)
    everything = np.arange(similarity.size)
    parts = [
        precision_among(similarity.block(rows, everything), matches[rows], rows[0])
        for rows in np.split(everything, range(_QUERIES, similarity.size, _QUERIES))
    ]
    count = matches.sum(axis=1)
    return Precision(np.concatenate(parts), count, similarity.size - 1 - count, everything)


def mean_precision(precision: Precision) -> Items:
    """Return mean average precision: the mean over each perturbation's queries.

    Raises
    ------
    CannotScoreError
        If no query has both positives and negatives.
    """
    known = np.isfinite(precision.values)
    if not known.any():
        raise CannotScoreError(_why(precision))
    groups, group = np.unique(precision.groups, return_inverse=True)
    counts = np.bincount(group[known], minlength=len(groups))
    sums = np.bincount(group[known], precision.values[known], minlength=len(groups))
    return Items(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), groups)


def significant_precision(precision: Precision, null: PrecisionNull, max_q: float) -> Items:
    """Return 1 for each perturbation whose mean average precision is above chance (BH q < ``max_q``), else 0."""
    means = mean_precision(precision)
    q = benjamini_hochberg(precision_p_values(precision, means, null))
    return Items(np.where(np.isfinite(q), q < max_q, np.nan), means.clusters, share=True)


def precision_p_values(precision: Precision, means: Items, null: PrecisionNull) -> np.ndarray:
    """Return p of each perturbation's mean average precision, NaN where it has none, ``(perturbations,)``.

    As in copairs: each query's null is the average precision of random rankings with as many positives and negatives,
    queries with the same numbers share it, and the mean over queries is compared: p = (b + 1) / (m + 1).
    """
    p = np.full(len(means.values), np.nan)
    known = np.flatnonzero(np.isfinite(precision.values))
    known = known[np.argsort(precision.groups[known], kind="stable")]
    groups, starts = np.unique(precision.groups[known], return_index=True)
    places = np.searchsorted(means.clusters, groups)
    for place, queries in zip(places, np.split(known, starts[1:]), strict=True):
        draws = sum(null.draws(precision.positives[query], precision.negatives[query]) for query in queries)
        reached = (draws / len(queries) >= means.values[place] - 1e-9).sum()
        p[place] = (reached + 1) / (null.size + 1)
    return p


class PrecisionNull:
    """Average precision of random rankings, drawn once for each pair of numbers of positives and negatives."""

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self._seed = seed
        self._drawn: dict[tuple[int, int], np.ndarray] = {}

    def draws(self, positives: int, negatives: int) -> np.ndarray:
        """Return ``size`` average precisions, in a fixed order."""
        key = (int(positives), int(negatives))
        if key not in self._drawn:
            rng = np.random.default_rng([self._seed, *key])
            self._drawn[key] = _random_precision(*key, self.size, rng)
        return self._drawn[key]


def _random_precision(positives: int, negatives: int, size: int, rng: np.random.Generator) -> np.ndarray:
    rows = max(1, _DRAWS // positives)
    parts = [
        random_precision(rng.random((min(rows, size - start), positives)), positives + negatives)
        for start in range(0, size, rows)
    ]
    return np.concatenate(parts)


def _why(precision: Precision) -> str:
    if len(precision.values) == 0:
        return "no treated wells"
    if not (precision.positives > 0).any():
        return "no perturbation has two wells to compare"
    return "no negative controls on the plates of the treated wells"
