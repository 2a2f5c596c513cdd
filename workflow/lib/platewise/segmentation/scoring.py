"""Scores of a segmentation against the truth, per image (science: F1, DSB score, AJI, PQ, merges and splits)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
REPORTED = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Overlap:
    """Overlaps of ``n`` true with ``m`` predicted objects, in pixels: (n, m) intersections, (n,) and (m,) areas."""

    intersection: npt.NDArray[np.int64]
    true_area: npt.NDArray[np.int64]
    predicted_area: npt.NDArray[np.int64]

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """(n, m) intersection over union."""
        union = self.true_area[:, None] + self.predicted_area[None, :] - self.intersection
        return self.intersection / np.maximum(union, 1)


def overlap(true: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer]) -> Overlap:
    """Count the pixels that true and predicted objects share; labels may have gaps."""
    _, true_index = np.unique(np.append(true.ravel(), 0), return_inverse=True)
    _, predicted_index = np.unique(np.append(predicted.ravel(), 0), return_inverse=True)
    shape = (true_index.max() + 1, predicted_index.max() + 1)
    counts = np.bincount(true_index * shape[1] + predicted_index, minlength=shape[0] * shape[1]).reshape(shape)
    counts[0, 0] -= 1  # the zero appended so that background is always there
    return Overlap(counts[1:, 1:], counts[1:].sum(axis=1), counts[:, 1:].sum(axis=0))


def score(true: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer]) -> dict[str, float]:
    """Score one image.

    Parameters
    ----------
    true, predicted
        (y, x) label images.

    Returns
    -------
    scores
        ``f1@t`` for t in 0.5..0.9, ``mean_f1`` and ``dsb_score`` over 0.50..0.95, ``missed@0.7``, ``extra@0.7``,
        ``merged``, ``split``, ``aji``, ``pq``. With no true and no predicted object the scores are 1 (the error rates
        0); with only one of them empty 0 (the error rate that applies 1).
    """
    shared = overlap(true, predicted)
    n, m = shared.intersection.shape
    if n == 0 or m == 0:
        good = float(n == m)
        scores = dict.fromkeys([f"f1@{t}" for t in REPORTED] + ["mean_f1", "dsb_score", "aji", "pq"], good)
        return scores | {"missed@0.7": float(n > 0), "extra@0.7": float(m > 0), "merged": 0.0, "split": 0.0}
    iou = shared.iou
    hits = {t: _matches(iou, t) for t in THRESHOLDS}
    scores = {f"f1@{t}": 2 * hits[t] / (n + m) for t in REPORTED}
    scores["mean_f1"] = float(np.mean([2 * hits[t] / (n + m) for t in THRESHOLDS]))
    scores["dsb_score"] = float(np.mean([hits[t] / (n + m - hits[t]) for t in THRESHOLDS]))
    scores["missed@0.7"] = 1 - hits[0.7] / n
    scores["extra@0.7"] = 1 - hits[0.7] / m
    scores["merged"] = _merged(shared) / m
    scores["split"] = _split(shared) / n
    scores["aji"] = _aji(shared)
    scores["pq"] = 2 * float(iou[iou > 0.5].sum()) / (n + m)
    return scores


def _matches(iou: npt.NDArray[np.float64], threshold: float) -> int:
    # Above one half a match is unique: two objects cannot both cover more than half of a third.
    return int((iou > threshold).sum())


def _merged(shared: Overlap) -> int:
    """Count predictions that cover more than half of two or more true objects."""
    return int(((shared.intersection > 0.5 * shared.true_area[:, None]).sum(axis=0) >= 2).sum())


def _split(shared: Overlap) -> int:
    """Count true objects covered by more than half by two or more predictions that each hold over a fifth."""
    share = shared.intersection / shared.true_area[:, None]
    pieces = np.where(share > 0.2, share, 0)
    return int((((share > 0.2).sum(axis=1) >= 2) & (pieces.sum(axis=1) > 0.5)).sum())


def _aji(shared: Overlap) -> float:
    """Aggregated Jaccard index (Kumar et al. 2017, doi:10.1109/TMI.2017.2677499, algorithm 1)."""
    best = shared.iou.argmax(axis=1)
    rows = np.arange(len(best))
    intersection = shared.intersection[rows, best]
    found = intersection > 0
    union = shared.true_area + np.where(found, shared.predicted_area[best] - intersection, 0)
    unused = np.setdiff1d(np.arange(len(shared.predicted_area)), best[found])
    return float(intersection.sum() / (union.sum() + shared.predicted_area[unused].sum()))
