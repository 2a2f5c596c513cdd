"""Which pairs of perturbations are connected."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import split_annotation
from platewise.config.network import NetworkConfig
from platewise.network.null import Null, pair_cosines
from platewise.network.pairs import PairScan
from platewise.network.sharing import SharedPlates

EDGE_COLUMNS = ["Source", "Target", "Similarity", "PValue", "QValue", "SharedMOA"]


def count_strongest(nodes: int, config: NetworkConfig) -> int:
    """Return how many of the strongest pairs are candidates: ``top_share`` percent, but no more than ``max_edges``."""
    if config.top_share is None or nodes < 2:
        return 0
    return min(max(1, round(nodes * (nodes - 1) / 2 * config.top_share / 100)), config.max_edges)


def connect(
    unit: np.ndarray,
    scan: PairScan,
    names: np.ndarray,
    moas: np.ndarray,
    shared: SharedPlates,
    null: Null,
    config: NetworkConfig,
) -> pd.DataFrame:
    """Test all pairs and keep the strongest connections.

    The test is one-sided (more similar than by chance), p = (b + 1) / (m + 1), Benjamini-Hochberg over all pairs.
    Candidates are the nearest of every node, or with ``top_share`` the strongest of all pairs.

    Parameters
    ----------
    unit
        Node profiles of length 1, ``(nodes, features)``.
    scan
        What ``scan_pairs`` found in them.
    names, moas
        Perturbations and their annotations, ``(nodes,)``.
    shared
        Which nodes have a plate in common, and which as many wells.
    null
        Similarities by chance.
    config
        ``top_share``, ``max_q`` and ``max_edges``.

    Returns
    -------
    edges
        ``EDGE_COLUMNS``, strongest first; ``Source`` sorts before ``Target``. Empty with fewer than two nodes.
    """
    pairs = scan.strongest if config.top_share is not None else _nearest_pairs(scan.nearest)
    similarity, p, q = judge_pairs(unit, pairs, scan.counts, shared, null)
    keep = np.flatnonzero(q < config.max_q)
    # Strongest first; the numbers of the nodes make the order of equal ones fixed.
    keep = keep[np.lexsort([pairs[keep, 1], pairs[keep, 0], -similarity[keep]])][: config.max_edges]
    first, second = pairs[keep, 0], pairs[keep, 1]
    return pd.DataFrame(
        {
            "Source": names[first].astype(object),
            "Target": names[second].astype(object),
            "Similarity": similarity[keep],
            "PValue": p[keep],
            "QValue": q[keep],
            "SharedMOA": share_annotation(moas, first, second),
        }
    )


def judge_pairs(
    unit: np.ndarray, pairs: np.ndarray, counts: np.ndarray, shared: SharedPlates, null: Null
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return similarity, p and q of some pairs, ``(pairs,)`` each.

    Parameters
    ----------
    unit
        Node profiles of length 1, ``(nodes, features)``.
    pairs
        Numbers of nodes, ``(pairs, 2)``.
    counts
        All pairs in bins of similarity (``PairScan.counts``), over which q is formed.
    shared
        Which nodes have a plate in common, and which as many wells.
    null
        Similarities by chance.
    """
    similarity = pair_cosines(unit, pairs[:, 0], pairs[:, 1])
    strata = shared.stratum(pairs[:, 0], pairs[:, 1])
    p = np.ones(len(pairs))
    for stratum in np.unique(strata):
        here = strata == stratum
        p[here] = null.p_values(stratum)[null.exceeding(similarity[here], stratum)]
    return similarity, p, false_discovery_rates(p, counts, null)


def share_annotation(moas: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return which pairs of nodes share a label, bool ``(pairs,)``; ``moas`` are the nodes' annotations."""
    labels = [set(split_annotation(moa)) for moa in moas]
    return np.array([not labels[i].isdisjoint(labels[j]) for i, j in zip(first, second, strict=True)], dtype=bool)


def false_discovery_rates(p: np.ndarray, counts: np.ndarray, null: Null) -> np.ndarray:
    """Return the Benjamini-Hochberg q over all pairs, of pairs with these p, same shape.

    Parameters
    ----------
    p
        As ``null`` gives them.
    counts
        Pairs of each stratum in each bin, ``(strata, BINS + 1)``: counting them is enough, no list of all is made.
    null
        Similarities by chance.
    """
    found, numbers = [np.empty(0)], [np.empty(0)]
    for stratum, own in enumerate(counts):
        seen = np.flatnonzero(own)
        found.append(null.p_values(stratum)[null.exceeding_bins(stratum)[seen]])
        numbers.append(own[seen])
    # Equal p values, of different strata too, share the rank of the last of them.
    steps, step = np.unique(np.concatenate(found), return_inverse=True)
    total = counts.sum()
    ranks = np.cumsum(np.bincount(step, weights=np.concatenate(numbers), minlength=len(steps)))
    # The smallest from each step on; a p between two steps has the rank of the one before it.
    least = np.append(np.minimum.accumulate((steps * total / ranks)[::-1])[::-1], np.inf)
    below = np.searchsorted(steps, p, side="right")
    own = p * total / np.maximum(np.append(0, ranks)[below], 1)
    return np.minimum(np.minimum(own, least[below]), 1.0)


def _nearest_pairs(nearest: np.ndarray) -> np.ndarray:
    """Return the pairs of every node with its nearest ones, each once, ``(pairs, 2)``."""
    nodes, neighbours = nearest.shape
    pairs = np.stack([np.repeat(np.arange(nodes), neighbours), nearest.ravel()], axis=1)
    return np.unique(np.sort(pairs, axis=1), axis=0)
