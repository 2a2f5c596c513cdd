"""What a metric gives: one value an item, from which scores, intervals and tests follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platewise.errors import PlatewiseError


class CannotScoreError(PlatewiseError):
    """A metric cannot be computed on this campaign; the message says why, in words for the report."""


@dataclass(frozen=True)
class Items:
    """The values of a metric.

    Attributes
    ----------
    values
        One value an item (perturbation or treatment), NaN where it cannot be scored, ``(items,)``.
    clusters
        What of each item, from 0, ``(items,)``: items of one cluster are resampled together. The perturbation of
        each, or its annotation where the values of an annotation's perturbations hang together.
    statistic
        The score where it is not the mean of the values (an odds ratio).
    share
        Each value says whether an item passes (1) or not (0), so that the score is a share of them.
    """

    values: np.ndarray
    clusters: np.ndarray
    statistic: float | None = None
    share: bool = False

    @property
    def evaluated(self) -> int:
        """Number of items with a value."""
        return int(np.isfinite(self.values).sum())

    @property
    def evaluated_clusters(self) -> int:
        """Number of clusters with a value."""
        return len(np.unique(self.clusters[np.isfinite(self.values)]))

    @property
    def score(self) -> float:
        """The score: the statistic, or the mean of the values."""
        if self.statistic is not None:
            return self.statistic
        return float(np.nanmean(self.values)) if self.evaluated else float("nan")
