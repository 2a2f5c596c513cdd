"""Which pairs of perturbations are connected."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from platewise.config.network import NetworkConfig
from platewise.network.nodes import split_annotation, unit_rows
from platewise.network.null import Null

EDGE_COLUMNS = ["Source", "Target", "Similarity", "PValue", "QValue", "SharedMOA"]
# Rows of the similarity matrix held at a time: 16,600 nodes need 68 MB then, not 1.1 GB.
_BLOCK = 512


def connect(
    values: np.ndarray, names: np.ndarray, moas: np.ndarray, shared: np.ndarray, null: Null, config: NetworkConfig
) -> pd.DataFrame:
    """Test all pairs and keep the strongest connections of every node.

    The test is one-sided (more similar than by chance), p = (b + 1) / (m + 1), Benjamini-Hochberg over all pairs.

    Parameters
    ----------
    values
        Node profiles, ``(nodes, features)``.
    names, moas
        Perturbations and their annotations, ``(nodes,)``.
    shared
        Whether two nodes have a plate in common, bool ``(nodes, nodes)``.
    null
        Similarities by chance.
    config
        ``neighbours``, ``max_q`` and ``max_edges``.

    Returns
    -------
    edges
        ``EDGE_COLUMNS``, strongest first; ``Source`` sorts before ``Target``. Empty with fewer than two nodes.
    """
    unit = unit_rows(values)
    q_values = q_by_exceeding(unit, shared, null)
    rows, columns = _nearest(unit, config.neighbours)
    pairs = np.unique(np.sort(np.stack([rows, columns], axis=1), axis=1), axis=0)
    similarity = np.einsum("ij,ij->i", unit[pairs[:, 0]], unit[pairs[:, 1]])
    strata = shared[pairs[:, 0], pairs[:, 1]].astype(int)
    p, q = np.ones(len(pairs)), np.ones(len(pairs))
    for stratum in (0, 1):
        here = strata == stratum
        exceeding = null.exceeding(similarity[here], stratum)
        p[here], q[here] = null.p_values(stratum)[exceeding], q_values[stratum][exceeding]
    keep = np.flatnonzero(q < config.max_q)
    # Strongest first; the numbers of the nodes make the order of equal ones fixed.
    keep = keep[np.lexsort([pairs[keep, 1], pairs[keep, 0], -similarity[keep]])][: config.max_edges]
    first, second = pairs[keep, 0], pairs[keep, 1]
    labels = [set(split_annotation(moa)) for moa in moas]
    return pd.DataFrame(
        {
            "Source": names[first].astype(object),
            "Target": names[second].astype(object),
            "Similarity": similarity[keep],
            "PValue": p[keep],
            "QValue": q[keep],
            "SharedMOA": np.array(
                [not labels[i].isdisjoint(labels[j]) for i, j in zip(first, second, strict=True)], dtype=bool
            ),
        }
    )


def q_by_exceeding(unit: np.ndarray, shared: np.ndarray, null: Null) -> tuple[np.ndarray, np.ndarray]:
    """Return the Benjamini-Hochberg q of a pair from its b, for each stratum: ``(m + 1,)`` each.

    p takes only m + 1 values, so counting the pairs at each is enough: no list of all pairs is made.
    """
    counts = [np.zeros(len(values) + 1, dtype=np.int64) for values in null.values]
    for start, block in _blocks(unit):
        later = np.arange(len(unit))[None, :] > np.arange(start, start + len(block))[:, None]
        for stratum in (0, 1):
            chosen = block[later & (shared[start : start + len(block)] == bool(stratum))]
            counts[stratum] += np.bincount(null.exceeding(chosen, stratum), minlength=len(counts[stratum]))
    p = np.concatenate([null.p_values(0), null.p_values(1)])
    q = _benjamini_hochberg(p, np.concatenate(counts))
    return q[: len(counts[0])], q[len(counts[0]) :]


def _benjamini_hochberg(p: np.ndarray, counts: np.ndarray) -> np.ndarray:
    order = np.argsort(p, kind="stable")
    ranks = np.cumsum(counts[order])
    # Equal p values of the two strata share the rank of the last of them.
    last = np.searchsorted(p[order], p[order], side="right") - 1
    raw = p[order] * counts.sum() / np.maximum(ranks[last], 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q


def _nearest(unit: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    count = min(neighbours, len(unit) - 1)
    if count < 1:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    rows, columns = [], []
    for start, block in _blocks(unit):
        own = np.arange(start, start + len(block))
        block[np.arange(len(block)), own] = -np.inf
        nearest = np.argsort(-block, axis=1, kind="stable")[:, :count]
        rows.append(np.repeat(own, count))
        columns.append(nearest.ravel())
    return np.concatenate(rows), np.concatenate(columns)


def _blocks(unit: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(unit), _BLOCK):
        yield start, unit[start : start + _BLOCK] @ unit.T
