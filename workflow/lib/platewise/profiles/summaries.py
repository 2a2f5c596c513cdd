"""What is said of a well's cells, feature by feature: median, mean, or how they are distributed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from platewise.columns import with_statistic
from platewise.config.profiles import AggregateConfig

Floats = NDArray[np.float32]


def summary_names(features: Sequence[str], config: AggregateConfig) -> list[str]:
    """Return the columns of a profile: all features, and for `distribution` all of them again a statistic."""
    return [with_statistic(name, statistic) for statistic in config.statistics for name in features]


def summarise(values: Floats, config: AggregateConfig) -> Floats:
    """Sum up the cells of one well.

    Parameters
    ----------
    values
        ``(features, cells)``; NaN and infinite values are missing and left out feature by feature.
    config
        ``median``; ``mean``; or ``distribution``: median, median absolute deviation from it (not scaled to a standard
        deviation), and quantiles, interpolated linearly between cells as ``numpy.quantile`` does.

    Returns
    -------
    summary
        ``(statistics * features,)`` in the order of `summary_names`; NaN where no cell has the feature.
    """
    known = np.where(np.isfinite(values), values, np.float32(np.nan))
    if config.method == "mean":
        with warnings.catch_warnings():
            # A feature that no cell of the well has is missing, not a mistake.
            warnings.filterwarnings("ignore", "Mean of empty", RuntimeWarning)
            # A mean of thousands of float32 numbers needs more digits on the way.
            return np.nanmean(known, axis=1, dtype=np.float64).astype(np.float32)
    # Sorting puts missing values last.
    known.sort(axis=1)
    counts = np.isfinite(known).sum(axis=1)
    median = quantile_of_sorted(known, counts, 0.5)
    if config.method == "median":
        return median.astype(np.float32)
    deviations = np.abs(known - median[:, None])
    deviations.sort(axis=1)
    parts = [median, quantile_of_sorted(deviations, counts, 0.5)]
    parts += [quantile_of_sorted(known, counts, percent / 100) for percent in config.quantiles]
    return np.concatenate(parts).astype(np.float32)


def quantile_of_sorted(ordered: NDArray[np.floating], counts: NDArray[np.integer], share: float) -> NDArray[np.float64]:
    """Return a quantile of each row, interpolated linearly.

    Parameters
    ----------
    ordered
        ``(rows, columns)``, each row sorted, missing values last.
    counts
        How many values of each row are not missing, ``(rows,)``.
    share
        0 to 1; 0.5 is the median.

    Returns
    -------
    quantile
        ``(rows,)``; NaN for a row without a value.
    """
    if ordered.shape[1] == 0:
        return np.full(len(ordered), np.nan)
    place = share * np.maximum(counts - 1, 0)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(counts - 1, 0))
    rows = np.arange(len(ordered))
    low, high = (ordered[rows, at].astype(np.float64) for at in (below, above))
    return low + (place - below) * (high - low)
