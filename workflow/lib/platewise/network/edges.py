"""Which pairs of perturbations are connected."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import split_annotation
from platewise.config.network import NetworkConfig
from platewise.network.null import Null, pair_cosines
from platewise.network.pairs import PairScan, to_bins
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
        Which nodes have a plate in common.
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
        Which nodes have a plate in common.
    null
        Similarities by chance.
    """
    similarity = pair_cosines(unit, pairs[:, 0], pairs[:, 1])
    common = shared.common(pairs[:, 0], pairs[:, 1]) > 0 if len(pairs) else np.zeros(0, dtype=bool)
    p, q = np.ones(len(pairs)), np.ones(len(pairs))
    for stratum, q_of_bin in enumerate(q_by_bin(counts, null)):
        here = common == bool(stratum)
        p[here] = null.p_values(stratum)[null.exceeding(similarity[here], stratum)]
        q[here] = q_of_bin[to_bins(similarity[here])]
    return similarity, p, q


def share_annotation(moas: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return which pairs of nodes share a label, bool ``(pairs,)``; ``moas`` are the nodes' annotations."""
    labels = [set(split_annotation(moa)) for moa in moas]
    return np.array([not labels[i].isdisjoint(labels[j]) for i, j in zip(first, second, strict=True)], dtype=bool)


def q_by_bin(counts: np.ndarray, null: Null) -> tuple[np.ndarray, np.ndarray]:
    """Return the Benjamini-Hochberg q over all pairs of a pair in each bin, ``(BINS + 1,)``, for each stratum.

    Parameters
    ----------
    counts
        Pairs in each bin, ``(2, BINS + 1)``: counting them is enough, no list of all pairs is made.
    null
        Similarities by chance.
    """
    p = np.concatenate([null.p_values(stratum)[null.exceeding_bins(stratum)] for stratum in (0, 1)])
    q = _benjamini_hochberg(p, counts.ravel())
    return q[: counts.shape[1]], q[counts.shape[1] :]


def _benjamini_hochberg(p: np.ndarray, counts: np.ndarray) -> np.ndarray:
    order = np.argsort(p, kind="stable")
    ranks = np.cumsum(counts[order])
    # Equal p values of the two strata share the rank of the last of them.
    last = np.searchsorted(p[order], p[order], side="right") - 1
    raw = p[order] * counts.sum() / np.maximum(ranks[last], 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q


def _nearest_pairs(nearest: np.ndarray) -> np.ndarray:
    """Return the pairs of every node with its nearest ones, each once, ``(pairs, 2)``."""
    nodes, neighbours = nearest.shape
    pairs = np.stack([np.repeat(np.arange(nodes), neighbours), nearest.ravel()], axis=1)
    return np.unique(np.sort(pairs, axis=1), axis=0)
