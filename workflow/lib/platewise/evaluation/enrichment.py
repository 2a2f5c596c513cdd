"""Whether the strongest connections join perturbations of one annotation more often than others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.evaluation.annotations import require_matches
from platewise.evaluation.items import Items
from platewise.evaluation.similarity import Similarity

_BLOCK = 512


@dataclass(frozen=True)
class RankedPairs:
    """All pairs of perturbations, most similar first: ``first[k] < second[k]``; equal ones in random order."""

    first: np.ndarray
    second: np.ndarray

    def cut(self, share: float) -> int:
        """Return how many pairs the top ``share`` percent are; at least one."""
        return max(1, round(len(self.first) * share / 100))


def rank_pairs(similarity: Similarity, seed: int) -> RankedPairs:
    """Sort all pairs of different perturbations by similarity.

    Parameters
    ----------
    similarity
        Between perturbations: each is one item, so that no pair is of a perturbation with itself.
    seed
        Orders equal similarities, which would else follow the order of names.
    """
    everything = np.arange(similarity.size)
    first, second = np.triu_indices(similarity.size, k=1)
    values = np.concatenate(
        [
            similarity.block(everything[start : start + _BLOCK], everything)[
                np.arange(start, min(start + _BLOCK, similarity.size))[:, None] < everything[None, :]
            ]
            for start in range(0, similarity.size, _BLOCK)
        ]
        or [np.empty(0)]
    )
    order = np.lexsort([np.random.default_rng(seed).random(len(values)), -values])
    return RankedPairs(first[order].astype(np.int32), second[order].astype(np.int32))


def few_pairs(ranked: RankedPairs, share: float) -> str:
    """Return a caution where the top ``share`` percent are fewer than ten pairs, else nothing."""
    cut = ranked.cut(share)
    return f"only {cut} pairs are in the top {share:g} %" if cut < 10 else ""


def odds_ratio(top_matches: float, top: float, matches: float, total: float) -> float:
    """Return the odds ratio of (in the top or not) and (a match or not).

    When a cell of the table is 0, 0.5 is added to all four (Haldane).
    """
    table = np.array(
        [top_matches, top - top_matches, matches - top_matches, total - top - matches + top_matches], dtype=np.float64
    )
    if (table <= 0).any():
        table = np.maximum(table, 0) + 0.5
    return float(table[0] * table[3] / (table[1] * table[2]))


def enrichment_curve(
    ranked: RankedPairs, matches: np.ndarray, shares: Sequence[float], permutations: int, bootstraps: int, seed: int
) -> pd.DataFrame:
    """Compute the enrichment at every share of top pairs.

    Parameters
    ----------
    ranked
        Pairs of annotated perturbations.
    matches
        Whether two share an annotation, bool ``(perturbations, perturbations)``.
    shares
        Percent of the pairs.
    permutations
        The p-value deals the annotations to the perturbations anew this often: pairs are not independent.
    bootstraps
        The interval resamples perturbations this often; pairs of a perturbation with its own copy are left out.
    seed
        Of both.

    Returns
    -------
    curve
        ``Share``, ``OddsRatio``, ``Low``, ``High`` (95 %), ``PValue`` (one-sided).

    Raises
    ------
    CannotScoreError
        If no two perturbations share an annotation, or all do.
    """
    require_matches(matches)
    rng = np.random.default_rng(seed)
    cuts = np.array([ranked.cut(share) for share in shares])
    observed = _odds_ratios(ranked, matches, cuts)
    reached = np.zeros(len(cuts), dtype=np.int64)
    for _ in range(permutations):
        reached += _odds_ratios(ranked, matches, cuts, rng.permutation(len(matches))) >= observed - 1e-12
    resampled = bootstrap_odds_ratios(ranked, matches, shares, bootstraps, rng)
    low, high = np.nanquantile(resampled, [0.025, 0.975], axis=0)
    return pd.DataFrame(
        {
            "Share": list(shares),
            "OddsRatio": observed,
            "Low": low,
            "High": high,
            "PValue": (reached + 1) / (permutations + 1),
        }
    )


def enrichment_items(ranked: RankedPairs, matches: np.ndarray, share: float) -> Items:
    """Return the odds ratio at one share, with the matching top pairs of every perturbation as its items.

    With the annotations given, the odds ratio grows with the number of matching top pairs and with nothing else, so the
    paired test may compare these numbers.
    """
    require_matches(matches)
    cut = ranked.cut(share)
    first, second = ranked.first[:cut], ranked.second[:cut]
    hit = matches[first, second]
    size = len(matches)
    hits = np.bincount(first[hit], minlength=size) + np.bincount(second[hit], minlength=size)
    ratio = _odds_ratios(ranked, matches, np.array([cut]))[0]
    return Items(hits.astype(np.float64), np.arange(size), float(ratio))


def _odds_ratios(
    ranked: RankedPairs, matches: np.ndarray, cuts: np.ndarray, order: np.ndarray | None = None
) -> np.ndarray:
    first, second = ranked.first[: cuts.max()], ranked.second[: cuts.max()]
    if order is not None:
        # Annotations dealt anew, looked up for the top pairs alone.
        first, second = order[first], order[second]
    top = np.cumsum(matches[first, second])[cuts - 1]
    total, everything = len(ranked.first), matches.sum() / 2
    return np.array([odds_ratio(hit, cut, everything, total) for hit, cut in zip(top, cuts, strict=True)])


def bootstrap_odds_ratios(
    ranked: RankedPairs, matches: np.ndarray, shares: Sequence[float], resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the odds ratio of every resample of perturbations at every share (percent), ``(resamples, shares)``.

    NaN where a resample has no two perturbations that share an annotation, or only such. Generators in the same state
    draw the same perturbations.
    """
    shares, size = np.asarray(shares), len(matches)
    hit = matches[ranked.first, ranked.second]
    weights = matches.astype(np.float64)
    # The top of a resample lies in about the same share of the pairs; more are looked at only where it does not.
    head = min(len(hit), 2 * ranked.cut(shares.max()) + 1000)
    ratios = np.full((resamples, len(shares)), np.nan)
    for number in range(resamples):
        copies = np.bincount(rng.integers(0, size, size), minlength=size).astype(np.float64)
        # A pair stands for all pairs of its copies; a perturbation drawn twice makes no pair with itself.
        total, everything = (size**2 - (copies**2).sum()) / 2, copies @ weights @ copies / 2
        if everything in (0, total):
            continue
        wanted = np.maximum(1.0, np.round(total * shares / 100))
        pairs, found = _weighted(ranked, hit, copies, head)
        if pairs[-1] < wanted.max():
            pairs, found = _weighted(ranked, hit, copies, len(hit))
        at = np.searchsorted(pairs, wanted, side="left")
        # The pair at the cut counts for as many of its copies as fit.
        before = np.where(at > 0, pairs[at - 1], 0.0)
        inside = np.where(at > 0, found[at - 1], 0.0) + np.where(hit[at], wanted - before, 0.0)
        ratios[number] = [
            odds_ratio(top_hits, top, everything, total) for top_hits, top in zip(inside, wanted, strict=True)
        ]
    return ratios


def _weighted(ranked: RankedPairs, hit: np.ndarray, copies: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    weight = copies[ranked.first[:count]] * copies[ranked.second[:count]]
    return np.cumsum(weight), np.cumsum(weight * hit[:count])


def dp_enrichment(similarity: Similarity, matches: np.ndarray, percentile: float = 99.0) -> Items:
    """Return the enrichment of each query in its own top, as the DeepProfiler notebooks compute it.

    For every perturbation the others above the 99th percentile of its similarities (itself excluded) are its top; the
    odds ratio of its 2x2 table is its value, an infinite one replaced by the number of matches in the top. The score is
    the mean over queries that have a match at all.
    """
    require_matches(matches)
    everything = np.arange(similarity.size)
    values = np.full(similarity.size, np.nan)
    for query in everything[matches.any(axis=1)]:
        others = np.delete(everything, query)
        similarities = similarity.block(np.array([query]), others)[0]
        top, match = similarities > np.percentile(similarities, percentile), matches[query, others]
        hits, misses = int((top & match).sum()), int((top & ~match).sum())
        outside, rest = int((~top & match).sum()), int((~top & ~match).sum())
        if hits == 0:
            values[query] = 0.0
        elif misses * outside == 0:
            values[query] = hits
        else:
            values[query] = hits * rest / (misses * outside)
    return Items(values, everything)
