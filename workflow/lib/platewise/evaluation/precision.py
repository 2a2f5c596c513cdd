"""Mean average precision: how high do the true partners of a query rank? As copairs defines it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platewise.evaluation.annotations import require_matches
from platewise.evaluation.inference import benjamini_hochberg
from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.similarity import Similarity

# Random numbers drawn at a time for the null.
_DRAWS = 4_000_000


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


def average_precision(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Return the average precision of one query.

    The k-th best positive has precision k / (k + negatives above it); a negative that ties with it counts half.
    (copairs puts ties in favour of the positives, which flatters baselines with few distinct values; without ties the
    two agree.)

    Parameters
    ----------
    positives, negatives
        Similarities of the query, ``(positives,)`` and ``(negatives,)``.
    """
    return _precision_above(positives, np.sort(negatives))


def _precision_above(positives: np.ndarray, sorted_negatives: np.ndarray) -> float:
    ordered, negatives = -np.sort(-positives), sorted_negatives
    above = len(negatives) - np.searchsorted(sorted_negatives, ordered, side="right")
    equal = len(negatives) - np.searchsorted(sorted_negatives, ordered, side="left") - above
    ranks = np.arange(1, len(positives) + 1)
    return float((ranks / (ranks + above + 0.5 * equal)).mean())


def replicate_precision(
    similarity: Similarity,
    labels: np.ndarray,
    plates: np.ndarray,
    controls: np.ndarray,
    batches: np.ndarray | None = None,
    negatives: list[np.ndarray] | None = None,
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
    values = np.full(len(treated), np.nan)
    counts = np.zeros(len(treated), dtype=int)
    order = np.argsort(labels[treated], kind="stable")
    starts = np.unique(labels[treated][order], return_index=True)[1][1:]
    for places in np.split(order, starts):
        wells = treated[places]
        block = similarity.block(wells, wells)
        partner = ~np.eye(len(wells), dtype=bool)
        if batches is not None:
            partner &= batches[wells][:, None] != batches[wells][None, :]
        counts[places] = partner.sum(axis=1)
        for row, place in enumerate(places):
            if counts[place] and len(negatives[place]):
                values[place] = _precision_above(block[row, partner[row]], negatives[place])
    return Precision(values, counts, np.array([len(own) for own in negatives], dtype=int), labels[treated])


def sorted_controls(similarity: Similarity, plates: np.ndarray, controls: np.ndarray) -> list[np.ndarray]:
    """Return the similarities of every treated well with the controls of its plate, each array sorted."""
    treated = np.flatnonzero(~controls)
    found: list[np.ndarray] = [np.empty(0)] * len(treated)
    for plate in np.unique(plates[treated]):
        places = np.flatnonzero(plates[treated] == plate)
        block = np.sort(similarity.block(treated[places], np.flatnonzero(controls & (plates == plate))), axis=1)
        for place, row in zip(places, block, strict=True):
            found[place] = row
    return found


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
    values = np.full(similarity.size, np.nan)
    for query in everything:
        positive = matches[query]
        negative = ~positive & (everything != query)
        if positive.any() and negative.any():
            similarities = similarity.block(np.array([query]), everything)[0]
            values[query] = average_precision(similarities[positive], similarities[negative])
    count = matches.sum(axis=1)
    return Precision(values, count, similarity.size - 1 - count, everything)


def mean_precision(precision: Precision) -> Items:
    """Return mean average precision: the mean over each perturbation's queries.

    Raises
    ------
    CannotScoreError
        If no query has both positives and negatives.
    """
    groups = np.unique(precision.groups)
    known = np.isfinite(precision.values)
    if not known.any():
        raise CannotScoreError(_why(precision))
    means = np.full(len(groups), np.nan)
    for place, group in enumerate(groups):
        values = precision.values[known & (precision.groups == group)]
        if len(values):
            means[place] = values.mean()
    return Items(means, groups)


def significant_precision(precision: Precision, null: PrecisionNull, max_q: float) -> Items:
    """Return 1 for each perturbation whose mean average precision is above chance (BH q < ``max_q``), else 0."""
    means = mean_precision(precision)
    q = benjamini_hochberg(precision_p_values(precision, means, null))
    return Items(np.where(np.isfinite(q), q < max_q, np.nan), means.clusters)


def precision_p_values(precision: Precision, means: Items, null: PrecisionNull) -> np.ndarray:
    """Return p of each perturbation's mean average precision, NaN where it has none, ``(perturbations,)``.

    As in copairs: each query's null is the average precision of random rankings with as many positives and negatives,
    queries with the same numbers share it, and the mean over queries is compared: p = (b + 1) / (m + 1).
    """
    p = np.full(len(means.values), np.nan)
    known = np.isfinite(precision.values)
    for place, group in enumerate(means.clusters):
        queries = np.flatnonzero(known & (precision.groups == group))
        if len(queries):
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
    total = positives + negatives
    rows = max(1, _DRAWS // total)
    parts = []
    for start in range(0, size, rows):
        keys = rng.random((min(rows, size - start), total))
        # The places of the smallest keys are a random choice of places.
        places = np.argpartition(keys, positives - 1, axis=1)[:, :positives]
        ranks = np.sort(places, axis=1) + 1
        parts.append((np.arange(1, positives + 1) / ranks).mean(axis=1))
    return np.concatenate(parts)


def _why(precision: Precision) -> str:
    if len(precision.values) == 0:
        return "no treated wells"
    if not (precision.positives > 0).any():
        return "no perturbation has two wells to compare"
    return "no negative controls on the plates of the treated wells"
