"""Scores of a segmentation against the truth, per image (science: F1, DSB score, AJI, PQ, merges and splits)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
REPORTED = (0.5, 0.6, 0.7, 0.8, 0.9)
# Scores where more is worse; all others are better the higher they are.
ERRORS = ("missed@0.7", "extra@0.7", "merged", "split")
SCORES = (*(f"f1@{t}" for t in REPORTED), "mean_f1", "dsb_score", *ERRORS, "aji", "pq")


@dataclass(frozen=True)
class Overlap:
    """Overlaps of ``n`` true with ``m`` predicted objects, in pixels, as a list of the k pairs that share any.

    Attributes
    ----------
    true, predicted
        (k,) places of a pair's objects, from 0, in the order of their numbers; sorted by true, then by predicted.
    shared
        (k,) pixels that a pair shares, at least 1.
    true_area, predicted_area
        (n,) and (m,) pixels of the objects.
    """

    true: Counts
    predicted: Counts
    shared: Counts
    true_area: Counts
    predicted_area: Counts

    @cached_property
    def iou(self) -> npt.NDArray[np.float64]:
        """(k,) intersection over union of the pairs."""
        return self.shared / (self.true_area[self.true] + self.predicted_area[self.predicted] - self.shared)


def overlap(true: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer]) -> Overlap:
    """Count the pixels that true and predicted objects share; labels may have gaps.

    Raises
    ------
    ValueError
        If the images differ in shape.
    """
    from scipy.sparse import coo_array

    if true.shape != predicted.shape:
        raise ValueError(f"label images of shapes {true.shape} and {predicted.shape} cannot be compared")
    true_place, true_area = _places(true)
    predicted_place, predicted_area = _places(predicted)
    both = (true_place >= 0) & (predicted_place >= 0)
    # Of 12,000 x 12,000 pairs hardly any overlap: the full matrix would hold a gigabyte of zeros.
    pairs = coo_array(
        (np.ones(np.count_nonzero(both), dtype=np.int64), (true_place[both], predicted_place[both])),
        shape=(max(true_area.size, 1), max(predicted_area.size, 1)),
    ).tocsr()
    pairs.sort_indices()
    rows = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    return Overlap(rows, pairs.indices.astype(np.int64), pairs.data, true_area, predicted_area)


def score(true: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer]) -> dict[str, float]:
    """Score one image; see ``score_overlap``.

    Parameters
    ----------
    true, predicted
        (y, x) label images; 0 is background, labels may have gaps.
    """
    return score_overlap(overlap(true, predicted))


def score_overlap(pairs: Overlap) -> dict[str, float]:
    """Return the scores of one image by their names in ``SCORES``.

    An object is found when a prediction's IoU with it exceeds t. ``f1@t`` = 2 TP / (2 TP + FP + FN); ``mean_f1`` and
    ``dsb_score`` (TP / (TP + FP + FN)) are means over t = 0.50, 0.55 .. 0.95. ``missed@0.7`` and ``split`` are shares
    of the true objects, ``extra@0.7`` and ``merged`` of the predicted ones. ``aji``: Kumar et al. 2017,
    doi:10.1109/TMI.2017.2677499, algorithm 1; ``pq``: Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963.

    With no true and no predicted object the scores are 1 (the error rates 0); with only one of them empty 0 (the error
    rate that applies 1).
    """
    n, m = pairs.true_area.size, pairs.predicted_area.size
    if n == 0 or m == 0:
        good = dict.fromkeys(SCORES, float(n == m))
        return good | {"missed@0.7": float(n > 0), "extra@0.7": float(m > 0), "merged": 0.0, "split": 0.0}
    # From one half on a match is unique: no two objects can both cover more than half of a third.
    hits = {t: int(np.count_nonzero(pairs.iou > t)) for t in THRESHOLDS}
    scores = {f"f1@{t}": 2 * hits[t] / (n + m) for t in REPORTED}
    scores["mean_f1"] = float(np.mean([2 * hits[t] / (n + m) for t in THRESHOLDS]))
    scores["dsb_score"] = float(np.mean([hits[t] / (n + m - hits[t]) for t in THRESHOLDS]))
    scores["missed@0.7"] = 1 - hits[0.7] / n
    scores["extra@0.7"] = 1 - hits[0.7] / m
    scores["merged"] = _merged(pairs) / m
    scores["split"] = _split(pairs) / n
    scores["aji"] = _aji(pairs)
    scores["pq"] = 2 * float(pairs.iou[pairs.iou > 0.5].sum()) / (n + m)
    return scores


def _places(label: npt.NDArray[np.integer]) -> tuple[Counts, Counts]:
    """Return every pixel's object, from 0 in the order of numbers (-1: background), and the objects' areas."""
    flat = label.ravel()
    if flat.size and (flat.min() < 0 or flat.max() > flat.size):
        # Scattered numbers (hashes of objects): counting them needs a sort, which takes five times as long.
        numbers = np.unique(flat)
        flat = np.searchsorted(numbers[numbers != 0], flat) + 1
        flat[label.ravel() == 0] = 0
    flat = flat.astype(np.int64, copy=False)
    counts = np.bincount(flat, minlength=1)
    counts[0] = 0
    rank = np.where(counts > 0, np.cumsum(counts > 0) - 1, -1)
    return rank[flat], counts[counts > 0]


def _merged(pairs: Overlap) -> int:
    """Count predictions that cover more than half of two or more true objects."""
    covered = pairs.shared > 0.5 * pairs.true_area[pairs.true]
    return int(np.count_nonzero(np.bincount(pairs.predicted[covered]) >= 2))


def _split(pairs: Overlap) -> int:
    """Count true objects covered by more than half by two or more predictions that each hold over a fifth."""
    large = pairs.shared > 0.2 * pairs.true_area[pairs.true]
    n = pairs.true_area.size
    pieces = np.bincount(pairs.true[large], minlength=n)
    together = np.bincount(pairs.true[large], weights=pairs.shared[large], minlength=n)
    return int(np.count_nonzero((pieces >= 2) & (together > 0.5 * pairs.true_area)))


def _aji(pairs: Overlap) -> float:
    """Aggregated Jaccard index: every true object with the prediction of the best IoU, unused predictions added."""
    # Sorted by true object, within it the best first; of equal ones the first.
    order = np.lexsort((pairs.predicted, -pairs.iou, pairs.true))
    _, first = np.unique(pairs.true[order], return_index=True)
    best = order[first]
    used = pairs.predicted[best]
    intersection = int(pairs.shared[best].sum())
    union = int(pairs.true_area.sum() + (pairs.predicted_area[used] - pairs.shared[best]).sum())
    unused = np.setdiff1d(np.arange(pairs.predicted_area.size), used)
    return intersection / (union + int(pairs.predicted_area[unused].sum()))
