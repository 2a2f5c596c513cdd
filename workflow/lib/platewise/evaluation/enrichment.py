"""Whether the strongest connections join perturbations of one annotation more often than others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.evaluation.annotations import require_matches
from platewise.evaluation.counting import resampled_matches, top_matches
from platewise.evaluation.items import Items
from platewise.evaluation.similarity import Similarity

_BLOCK = 512
# With fewer matching pairs than this expected by chance, one pair more or less moves the odds ratio by much.
_FEWEST_EXPECTED = 5


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


def expected_matches(ranked: RankedPairs, matches: np.ndarray, share: float) -> float:
    """Return how many of the top ``share`` percent of pairs would match by chance."""
    return ranked.cut(share) * float(matches.sum()) / 2 / len(ranked.first)


def few_pairs(ranked: RankedPairs, matches: np.ndarray, share: float) -> str:
    """Return a caution where fewer than five of the top ``share`` percent would match by chance, else nothing."""
    pairs, expected = ranked.cut(share), expected_matches(ranked, matches, share)
    if expected >= _FEWEST_EXPECTED:
        return ""
    top = f"{pairs} pair{'' if pairs == 1 else 's'} in the top {share:g} %"
    return f"rests on {top}, of which {expected:.2g} would share an annotation by chance"


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
        ``Share``, ``OddsRatio``, ``Low``, ``High`` (95 %), ``PValue`` (one-sided), ``Pairs`` (in the top), ``Matching``
        (of them), ``Expected`` (of them by chance), ``Note`` (`few_pairs`).

    Raises
    ------
    CannotScoreError
        If no two perturbations share an annotation, or all do.
    """
    require_matches(matches)
    rng = np.random.default_rng(seed)
    cuts = np.array([ranked.cut(share) for share in shares])
    observed = count_hits(ranked, matches, cuts)
    reached = np.zeros(len(cuts), dtype=np.int64)
    for _ in range(permutations):
        # With as many matches in all, the odds ratio grows with those in the top and with nothing else.
        reached += count_hits(ranked, matches, cuts, rng.permutation(len(matches))) >= observed
    resampled = bootstrap_odds_ratios(ranked, matches, shares, bootstraps, rng)
    low, high = np.nanquantile(resampled, [0.025, 0.975], axis=0)
    return pd.DataFrame(
        {
            "Share": list(shares),
            "OddsRatio": odds_ratios(observed[None], cuts, ranked, matches)[0],
            "Low": low,
            "High": high,
            "PValue": (reached + 1) / (permutations + 1),
            **rests_on(ranked, matches, shares),
            "Matching": observed.astype(np.float64),
        }
    )


def rests_on(ranked: RankedPairs, matches: np.ndarray, shares: Sequence[float]) -> dict[str, list[float] | list[str]]:
    """Return what odds ratios rest on at each share, as columns: ``Pairs``, ``Expected`` and ``Note``."""
    return {
        "Pairs": [float(ranked.cut(share)) for share in shares],
        "Expected": [expected_matches(ranked, matches, share) for share in shares],
        "Note": [few_pairs(ranked, matches, share) for share in shares],
    }


def enrichment_items(ranked: RankedPairs, matches: np.ndarray, share: float, order: np.ndarray | None = None) -> Items:
    """Return the odds ratio at one share, with the matching top pairs of every perturbation as its items.

    ``order`` says whose annotation each perturbation takes, if not its own.

    With the annotations given, the odds ratio grows with the number of matching top pairs and with nothing else, so the
    paired test may compare these numbers.
    """
    require_matches(matches)
    cut = ranked.cut(share)
    first, second = ranked.first[:cut], ranked.second[:cut]
    hit = matches[first, second] if order is None else matches[order[first], order[second]]
    size = len(matches)
    hits = np.bincount(first[hit], minlength=size) + np.bincount(second[hit], minlength=size)
    ratio = odds_ratio(hit.sum(), cut, matches.sum() / 2, len(ranked.first))
    return Items(hits.astype(np.float64), np.arange(size), ratio)


def count_hits(
    ranked: RankedPairs, matches: np.ndarray, cuts: np.ndarray, order: np.ndarray | None = None
) -> np.ndarray:
    """Return how many of the top pairs match at each cut, ``(cuts,)``.

    Parameters
    ----------
    ranked
        Pairs of annotated perturbations.
    matches
        Whether two share an annotation, bool ``(perturbations, perturbations)``.
    cuts
        Numbers of top pairs, not falling.
    order
        Whose annotation each perturbation takes; its own if left out.
    """
    order = np.arange(len(matches)) if order is None else order
    return top_matches(ranked.first, ranked.second, matches, order, cuts)


def odds_ratios(hits: np.ndarray, cuts: np.ndarray, ranked: RankedPairs, matches: np.ndarray) -> np.ndarray:
    """Return the odds ratio at each cut, ``(cuts,)``, from what `count_hits` gave; also of several counts at once."""
    total, everything = len(ranked.first), matches.sum() / 2
    return np.array(
        [[odds_ratio(hit, cut, everything, total) for hit, cut in zip(row, cuts, strict=True)] for row in hits]
    )


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
    ratios = np.full((resamples, len(shares)), np.nan)
    for number in range(resamples):
        copies = np.bincount(rng.integers(0, size, size), minlength=size).astype(np.float64)
        # A pair stands for all pairs of its copies; a perturbation drawn twice makes no pair with itself.
        total, everything = (size**2 - (copies**2).sum()) / 2, copies @ weights @ copies / 2
        if everything in (0, total):
            continue
        wanted = np.maximum(1.0, np.round(total * shares / 100))
        inside = resampled_matches(ranked.first, ranked.second, hit, copies, wanted)
        ratios[number] = [
            odds_ratio(top_hits, top, everything, total) for top_hits, top in zip(inside, wanted, strict=True)
        ]
    return ratios


def tops(similarity: Similarity, percentile: float = 99.0) -> np.ndarray:
    """Return which others lie above a percentile of each item's similarities (itself excluded), bool (items, items)."""
    everything = np.arange(similarity.size)
    found = np.zeros((similarity.size, similarity.size), dtype=bool)
    for rows in np.split(everything, range(_BLOCK, similarity.size, _BLOCK)):
        block = similarity.block(rows, everything)
        others = block[everything[None, :] != rows[:, None]].reshape(len(rows), -1)
        found[rows] = block > np.percentile(others, percentile, axis=1)[:, None]
        found[rows, rows] = False
    return found


def dp_enrichment(top: np.ndarray, matches: np.ndarray) -> Items:
    """Return the enrichment of each query in its own top, as the DeepProfiler notebooks compute it.

    The odds ratio of a query's 2x2 table (in its top or not, a match or not) is its value, an infinite one replaced by
    the number of matches in the top. The score is the mean over queries that have a match at all.

    Parameters
    ----------
    top
        What `tops` gave: the others above the 99th percentile of a query's similarities, bool ``(queries, queries)``.
    matches
        Whether two share an annotation, bool of the same shape.
    """
    require_matches(matches)
    hits = (top & matches).sum(axis=1)
    size, match = top.sum(axis=1), matches.sum(axis=1)
    misses, outside = size - hits, match - hits
    rest = len(matches) - 1 - size - outside
    infinite = misses * outside == 0
    ratios = np.where(infinite, hits, hits * rest / np.where(infinite, 1, misses * outside))
    return Items(np.where(match > 0, ratios, np.nan), np.arange(len(matches)))
