"""Intervals and tests of a score, from the values of its items."""

from __future__ import annotations

import numpy as np

from platewise.evaluation.items import Items


def bootstrap_interval(items: Items, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval (`expanded_interval`) of the mean, clusters resampled with all their items.

    NaN with fewer than two clusters.
    """
    low, high = expanded_interval(bootstrap_means(items, resamples, rng), items.evaluated_clusters)
    return float(low), float(high)


def expanded_interval(draws: np.ndarray, units: int) -> np.ndarray:
    """Return the expanded 95 % percentile interval of a bootstrap, ``(2,)``, or ``(2, columns)``.

    Percentiles of resamples of few units are too narrow, by the factor between n and n - 1 and between the normal
    distribution and Student's: further ones are taken (Hesterberg 2015, What teachers should know about the bootstrap).

    Parameters
    ----------
    draws
        One value a resample, ``(resamples,)`` or ``(resamples, columns)``.
    units
        How many units were drawn in each; NaN is returned below two.
    """
    if units < 2:
        return np.full((2, *draws.shape[1:]), np.nan)
    from scipy.stats import norm, t

    tail = norm.cdf(-np.sqrt(units / (units - 1)) * t.ppf(0.975, units - 1))
    return np.quantile(draws, [tail, 1 - tail], axis=0)


def bootstrap_means(items: Items, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return the mean of every resample, ``(resamples,)``: clusters resampled with all their items.

    Generators in the same state draw the same clusters for every metric with values of the same items, so that
    such means may be subtracted. NaN with fewer than two clusters.
    """
    sums, counts = _by_cluster(items.values, items.clusters)
    if len(sums) < 2:
        return np.full(resamples, np.nan)
    return bootstrap_ratios(sums, counts, resamples, rng)


def bootstrap_ratios(sums: np.ndarray, counts: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return the sum over the count of every resample of units: ``(resamples,)``, or ``(resamples, columns)``.

    Parameters
    ----------
    sums
        Of the values of each unit, ``(units,)`` or ``(units, columns)``.
    counts
        How many values each unit has, ``(units,)``, above 0.
    resamples, rng
        How often units are drawn, as many as there are, with replacement.
    """
    weights = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples)
    return ((weights @ sums).T / (weights @ counts)).T


def paired_p(score: Items, baseline: Items, permutations: int, rng: np.random.Generator) -> float:
    """Test whether a score is larger than a baseline's on the same items.

    For every cluster the two are exchanged or not, at random (a sign flip of its summed difference): p is the
    share of such exchanges, the real one included, that give at least the real mean difference. One-sided. NaN when no
    item has both values.
    """
    difference = score.values - baseline.values
    sums, _ = _by_cluster(difference, score.clusters)
    if len(sums) == 0:
        return float("nan")
    observed = sums.sum()
    flips = rng.integers(0, 2, size=(permutations, len(sums)), dtype=np.int8) * 2 - 1
    # Differences are sums of few fractions: equal totals must count as equal despite rounding.
    reached = (flips @ sums >= observed - 1e-9).sum()
    return float((reached + 1) / (permutations + 1))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return Benjamini-Hochberg q-values; NaN stays NaN and is not counted."""
    from scipy.stats import false_discovery_control

    q = np.full(len(p), np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = false_discovery_control(p[known], method="bh")
    return q


def _by_cluster(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(values)
    names, index = np.unique(clusters[known], return_inverse=True)
    sums = np.bincount(index, weights=values[known], minlength=len(names))
    return sums, np.bincount(index, minlength=len(names))
