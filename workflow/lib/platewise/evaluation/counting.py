"""Compiled counts behind average precision and enrichment: what shuffles and resamples do again and again."""

from __future__ import annotations

import numpy as np

from platewise.jit import kernel


@kernel
def precision_against(
    positives: np.ndarray, positive_ends: np.ndarray, negatives: np.ndarray, negative_ends: np.ndarray
) -> np.ndarray:
    """Return the average precision of queries, each with positives and negatives of its own, NaN without any of both.

    The k-th best positive has precision k / (k + negatives above it); a negative that ties with it counts half.
    (copairs puts ties in favour of the positives, which flatters baselines with few distinct values; without ties the
    two agree.)

    Parameters
    ----------
    positives, negatives
        Similarities of all queries, one after the other; those of a query's negatives are sorted.
    positive_ends, negative_ends
        Where each query's end, ``(queries,)``.
    """
    values = np.full(len(positive_ends), np.nan)
    begin = start = 0
    for query in range(len(positive_ends)):
        own = np.sort(positives[begin : positive_ends[query]])[::-1]
        others = negatives[start : negative_ends[query]]
        begin, start = positive_ends[query], negative_ends[query]
        if len(own) and len(others):
            total = 0.0
            for k in range(len(own)):
                not_above = np.searchsorted(others, own[k], side="right")
                equal = not_above - np.searchsorted(others, own[k], side="left")
                total += (k + 1) / (k + 1 + len(others) - not_above + 0.5 * equal)
            values[query] = total / len(own)
    return values


@kernel
def precision_among(similarities: np.ndarray, matches: np.ndarray, first: int) -> np.ndarray:
    """Return the average precision of queries whose negatives are all others, NaN without positives or negatives.

    Parameters
    ----------
    similarities, matches
        Of some queries with everything, ``(queries, items)``: how alike, and whether they match.
    first
        The item that the first query is; the others follow it.
    """
    queries, items = similarities.shape
    values = np.full(queries, np.nan)
    others = np.empty(items)
    for query in range(queries):
        positive = np.flatnonzero(matches[query])
        if len(positive) == 0 or len(positive) == items - 1:
            continue
        for item in range(items):
            others[item] = -np.inf if matches[query, item] else similarities[query, item]
        others[first + query] = -np.inf
        own = np.sort(similarities[query][positive])[::-1]
        total = 0.0
        for k in range(len(own)):
            above = equal = 0
            for item in range(items):
                above += others[item] > own[k]
                equal += others[item] == own[k]
            total += (k + 1) / (k + 1 + above + 0.5 * equal)
        values[query] = total / len(own)
    return values


@kernel
def random_precision(uniform: np.ndarray, total: int) -> np.ndarray:
    """Return the average precision of random rankings, ``(rankings,)``.

    Parameters
    ----------
    uniform
        Random numbers from 0 to below 1, ``(rankings, positives)``: they choose the places of the positives, all
        choices alike (Floyd's algorithm: Bentley 1987, doi:10.1145/30401.315746).
    total
        Positives and negatives.
    """
    rankings, positives = uniform.shape
    values = np.empty(rankings)
    taken = np.zeros(total, dtype=np.bool_)
    places = np.empty(positives, dtype=np.int64)
    for ranking in range(rankings):
        for number in range(positives):
            last = total - positives + number
            place = int(uniform[ranking, number] * (last + 1))
            if taken[place]:
                place = last
            taken[place] = True
            places[number] = place
        taken[places] = False
        precision = 0.0
        for number, place in enumerate(np.sort(places)):
            precision += (number + 1) / (place + 1)
        values[ranking] = precision / positives
    return values


@kernel
def top_matches(
    first: np.ndarray, second: np.ndarray, matches: np.ndarray, order: np.ndarray, cuts: np.ndarray
) -> np.ndarray:
    """Count the matches among the top pairs, with the annotations dealt in another order.

    Parameters
    ----------
    first, second
        Pairs, the most similar first, ``(pairs,)``.
    matches
        Whether two items share an annotation, bool ``(items, items)``.
    order
        Whose annotation each item takes, ``(items,)``.
    cuts
        How many pairs are the top, not falling, ``(cuts,)``.
    """
    hits = np.zeros(len(cuts), dtype=np.int64)
    pair = hit = 0
    for cut in range(len(cuts)):
        while pair < cuts[cut]:
            hit += matches[order[first[pair]], order[second[pair]]]
            pair += 1
        hits[cut] = hit
    return hits


@kernel
def resampled_matches(
    first: np.ndarray, second: np.ndarray, hit: np.ndarray, copies: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """Count the matches among the top pairs of a resample.

    Parameters
    ----------
    first, second, hit
        Pairs, the most similar first, and whether they match, ``(pairs,)``.
    copies
        How often each item was drawn: a pair stands for all pairs of its copies, ``(items,)``.
    wanted
        How many pairs are the top, not falling, ``(cuts,)``. The pair at a cut counts for as many of its copies as fit.
    """
    found = np.zeros(len(wanted))
    seen = matched = 0.0
    pair = 0
    for cut in range(len(wanted)):
        while pair < len(first) and seen + copies[first[pair]] * copies[second[pair]] < wanted[cut]:
            weight = copies[first[pair]] * copies[second[pair]]
            seen += weight
            matched += weight * hit[pair]
            pair += 1
        found[cut] = matched
        if pair < len(first) and hit[pair]:
            found[cut] += wanted[cut] - seen
    return found
