"""Whether wells of a variant are less like those of its wild type than replicates are like one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

from platewise.variants.exchanges import exchanges

# Wells of each kind. With one, a difference between the kinds cannot be told from one between wells.
FEWEST_WELLS = 2


@dataclass(frozen=True)
class CorrelationTest:
    """Correlations of the profiles of wells, two by two, and whether they are lower between the two kinds.

    Attributes
    ----------
    wild_type, variant, between
        Median Pearson correlation of two wells of the wild type, of two of the variant, and of one of each; NaN where
        there are no two.
    superiority
        Share of the pairs (correlation of two wells of the variant, correlation between the kinds) in which the first
        is larger: the Mann-Whitney statistic over its most.
    contrast
        Mean correlation within the wild type plus that within the variant, less twice that between them: 0 on average
        where the two are alike, whether or not either has a phenotype.
    p
        One-sided: share of exchanges of wells within plates with as large a contrast, the real one included.
    least_p
        The smallest p that so many wells could have given.
    """

    wild_type: float
    variant: float
    between: float
    superiority: float
    contrast: float
    p: float
    least_p: float


def compare_correlations(
    profiles: np.ndarray, mutant: np.ndarray, plates: np.ndarray, permutations: int, rng: np.random.Generator
) -> CorrelationTest:
    """Hold correlations within the wild type and within the variant against those between the two.

    The pairs of wells are not independent, so that p is not that of a rank test on pairs: wells of the two kinds are
    exchanged within their plates, all ways where there are few, else at random. What is compared is the contrast
    (Gretton 2012, the unbiased two-sample statistic with correlation as kernel): ranks of all pairs within a kind
    together would let a wild type without a phenotype, whose wells are like nothing, hide a variant that has one.

    Parameters
    ----------
    profiles
        ``(wells, features)``, at least two features; finite. Nothing in them may depend on which wells have the
        variant: centred or scaled on wells of one kind, those are alike by that alone.
    mutant
        Which wells have the variant, ``(wells,)``; the others have the wild type.
    plates
        Of the wells.
    permutations
        Most exchanges.
    rng
        For those at random.

    Returns
    -------
    CorrelationTest
        Superiority, contrast and p are NaN where a kind has fewer than two wells.
    """
    first, second = np.triu_indices(len(profiles), 1)
    with np.errstate(invalid="ignore"):
        correlations = np.corrcoef(profiles)[first, second]
    # A profile that is constant is like no other.
    correlations = np.nan_to_num(correlations)

    def contrast(kinds: np.ndarray) -> float:
        of_each = np.bincount(kinds[first].astype(int) + kinds[second], weights=correlations, minlength=3)
        means = of_each / np.bincount(kinds[first].astype(int) + kinds[second], minlength=3)
        return float(means[0] + means[2] - 2 * means[1])

    groups = (~mutant[first] & ~mutant[second], mutant[first] & mutant[second], mutant[first] != mutant[second])
    medians = [float(np.median(correlations[group])) if group.any() else np.nan for group in groups]
    if min(mutant.sum(), (~mutant).sum()) < FEWEST_WELLS:
        return CorrelationTest(*medians, np.nan, np.nan, np.nan, np.nan)
    found = contrast(mutant)
    drawn, ways = exchanges(mutant, plates, permutations, rng)
    others = np.array([contrast(kinds) for kinds in drawn])
    # Where all ways are tried the real one is among them.
    extra = 0 if ways <= permutations else 1
    p = (int((others >= found - 1e-12).sum()) + extra) / (len(others) + extra)
    statistic = mannwhitneyu(correlations[groups[1]], correlations[groups[2]]).statistic
    superiority = float(statistic / (groups[1].sum() * groups[2].sum()))
    return CorrelationTest(*medians, superiority, found, float(p), 1 / min(ways, permutations + 1))
