"""The interval of a score, which is never narrower than its number of items allows where the score is a share."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from platewise.evaluation.inference import bootstrap_interval
from platewise.evaluation.items import Items


def score_interval(items: Items, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of a score: perturbations resampled with all their items.

    Where the score is a share (``Items.share``) it is never narrower than that of as many independent items (Wilson
    1927): resamples of items that all pass, or all fail, are all alike, and would leave no width at all. NaN with fewer
    than two perturbations.
    """
    low, high = bootstrap_interval(items, resamples, rng)
    if items.share and items.evaluated:
        # Neighbours at the same similarity share an answer: their sum may be no whole number.
        least, most = wilson_interval(round(float(np.nansum(items.values))), items.evaluated)
        # NaN stays.
        low, high = float(np.minimum(low, least)), float(np.maximum(high, most))
    return low, high


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share from independent trials (Wilson 1927), 0 to 1."""
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
