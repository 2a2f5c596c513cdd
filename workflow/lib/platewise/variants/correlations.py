"""Whether wells of a variant are less like those of its wild type than replicates are like one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from platewise.variants.exchanges import exchanges


@dataclass(frozen=True)
class CorrelationTest:
    """Correlations of the profiles of wells, two by two, and whether they are lower between the two kinds.

    Attributes
    ----------
    wild_type, variant, between
        Median Pearson correlation of two wells of the wild type, of two of the variant, and of one of each; NaN where
        there are no two.
    superiority
        Share of the pairs (correlation within a kind, correlation between the kinds) in which the first is larger.
    p
        One-sided: share of exchanges of wells within plates with as large a superiority, the real one included.
    least_p
        The smallest p that so many wells could have given.
    """

    wild_type: float
    variant: float
    between: float
    superiority: float
    p: float
    least_p: float


def compare_correlations(
    profiles: np.ndarray, mutant: np.ndarray, plates: np.ndarray, permutations: int, rng: np.random.Generator
) -> CorrelationTest:
    """Rank correlations within the wild type and within the variant among those between the two.

    The pairs of wells are not independent, so that p is not that of a rank test on pairs: wells of the two kinds are
    exchanged within their plates, all ways where there are few, else at random.

    Parameters
    ----------
    profiles
        ``(wells, features)``, at least two features; finite.
    mutant
        Which wells have the variant, ``(wells,)``; the others have the wild type.
    plates
        Of the wells.
    permutations
        Most exchanges.
    rng
        For those at random.
    """
    first, second = np.triu_indices(len(profiles), 1)
    with np.errstate(invalid="ignore"):
        correlations = np.corrcoef(profiles)[first, second]
    # A profile that is constant is like no other.
    correlations = np.nan_to_num(correlations)
    ranks = rankdata(correlations)

    def superiority(kinds: np.ndarray) -> float:
        within = kinds[first] == kinds[second]
        count = int(within.sum())
        if count == 0 or count == len(within):
            return np.nan
        return float((ranks[within].sum() - count * (count + 1) / 2) / (count * (len(within) - count)))

    found = superiority(mutant)
    groups = (~mutant[first] & ~mutant[second], mutant[first] & mutant[second], mutant[first] != mutant[second])
    medians = [float(np.median(correlations[group])) if group.any() else np.nan for group in groups]
    if np.isnan(found):
        return CorrelationTest(*medians, np.nan, np.nan, np.nan)
    drawn, ways = exchanges(mutant, plates, permutations, rng)
    others = np.array([superiority(kinds) for kinds in drawn])
    # Where all ways are tried the real one is among them.
    extra = 0 if ways <= permutations else 1
    p = (int((others >= found - 1e-12).sum()) + extra) / (len(others) + extra)
    return CorrelationTest(*medians, found, float(p), 1 / min(ways, permutations + 1))
