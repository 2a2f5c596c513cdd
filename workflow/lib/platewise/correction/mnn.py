"""Mutual nearest neighbours, with negative controls as anchors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from platewise.columns import BATCH
from platewise.config.correction import MnnCorrection
from platewise.correction.method import Corrected, CorrectionRefusedError
from platewise.profiles.frame import is_negcon


def correct_by_mnn(metadata: pd.DataFrame, values: np.ndarray, config: MnnCorrection) -> Corrected:
    """Move each batch onto those before it, along the lines between controls that are each other's neighbours.

    As Haghverdi et al. 2018 (Nature Biotechnology 36, 421), but for three things: only negative controls are paired,
    because wells of other treatments that lie close need not be alike; distances are Euclidean, because controls lie
    around the origin and have no direction; and the bandwidth is taken from the anchors, so that there is nothing to
    choose but the number of neighbours. The batch with most controls stays where it is, the others follow by number of
    controls (and name), each onto the controls of all before it.

    Raises
    ------
    CorrectionRefusedError
        With a single batch, or a batch with fewer than ``min_controls`` negative controls.
    """
    control = is_negcon(metadata)
    batches = metadata[BATCH].to_numpy(dtype=str)
    names = np.unique(batches)
    counts = {name: int((control & (batches == name)).sum()) for name in names}
    _check(counts, config)
    order = sorted(names, key=lambda name: (-counts[name], name))
    moved = values.copy()
    reference = values[control & (batches == order[0])]
    pairs = 0
    for name in order[1:]:
        own = control & (batches == name)
        first, second = mutual_neighbours(reference, values[own], config.neighbours)
        pairs += len(first)
        inside = batches == name
        anchors, vectors = anchor_vectors(reference, values[own], first, second)
        moved[inside] += smoothed(values[inside], anchors, vectors)
        reference = np.concatenate([reference, moved[own]])
    return Corrected(moved, {"batches": len(names), "pairs": pairs})


def mutual_neighbours(one: np.ndarray, two: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of which each is among the other's nearest.

    Parameters
    ----------
    one, two
        Points, ``(points, features)`` each.
    neighbours
        How many of the other set count as near, at most all.

    Returns
    -------
    first, second
        Rows of ``one`` and of ``two``, ``(pairs,)``: at least one pair.
    """
    distance = cdist(one, two)
    ranks_of_two = distance.argsort(axis=1, kind="stable").argsort(axis=1)
    ranks_of_one = distance.argsort(axis=0, kind="stable").argsort(axis=0)
    first, second = np.nonzero((ranks_of_two < neighbours) & (ranks_of_one < neighbours))
    return first, second


def anchor_vectors(
    one: np.ndarray, two: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of ``two`` that have a pair, and the mean way from each to its partners in ``one``.

    Returns
    -------
    anchors, vectors
        ``(anchors, features)`` each.
    """
    paired, code = np.unique(second, return_inverse=True)
    sums = np.zeros((len(paired), one.shape[1]))
    np.add.at(sums, code.ravel(), one[first])
    return two[paired], sums / np.bincount(code.ravel())[:, None] - two[paired]


def smoothed(points: np.ndarray, anchors: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the mean of the anchors' vectors for each point, weighted by a Gaussian of the distance.

    The bandwidth is the median distance between two anchors. Far from all anchors only the differences between
    distances count, so that a strong phenotype is moved as the anchors nearest to it are.

    Returns
    -------
    shifts
        ``(points, features)``.
    """
    apart = cdist(anchors, anchors)[np.triu_indices(len(anchors), k=1)]
    width = float(np.median(apart)) if len(apart) and np.median(apart) > 0 else 1.0
    exponent = -0.5 * (cdist(points, anchors) / width) ** 2
    weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return weights @ vectors / weights.sum(axis=1, keepdims=True)


def _check(counts: dict[str, int], config: MnnCorrection) -> None:
    fewest = min(counts, key=lambda name: counts[name])
    if len(counts) < 2:
        raise CorrectionRefusedError(
            "correction mnn: found 1 batch; expected at least two. Hint: use the correction `none`."
        )
    if counts[fewest] < config.min_controls:
        raise CorrectionRefusedError(
            f"correction mnn: found {counts[fewest]} negative control wells in batch {fewest}; expected at least "
            f"{config.min_controls} (min_controls). Hint: mark more wells as negative controls, or use the correction "
            "`none`."
        )
