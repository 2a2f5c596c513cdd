"""The nearest perturbations of each one, whether or not they are connected with it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import PERTURBATION
from platewise.network.edges import judge_pairs, share_annotation
from platewise.network.null import Null
from platewise.network.pairs import PairScan
from platewise.network.sharing import SharedPlates

NEIGHBOUR_COLUMNS = [
    PERTURBATION,
    "Rank",
    "Neighbour",
    "Similarity",
    "PValue",
    "QValue",
    "SharedMOA",
    "Connected",
]


def list_neighbours(
    unit: np.ndarray,
    scan: PairScan,
    names: np.ndarray,
    moas: np.ndarray,
    shared: SharedPlates,
    null: Null,
    edges: pd.DataFrame,
) -> pd.DataFrame:
    """List the nearest of every perturbation with the same test that decides on edges.

    Where no pair is more alike than chance allows there is no edge, and a person still asks what is nearest.

    Parameters
    ----------
    unit, scan, names, moas, shared, null
        As of ``edges.connect``.
    edges
        What ``edges.connect`` made of them.

    Returns
    -------
    neighbours
        ``NEIGHBOUR_COLUMNS``, by name and ``Rank`` (1 is the nearest; of equal ones the first by name). ``Connected``:
        the pair is among the edges. ``network.neighbours`` rows a perturbation, or as many as there are others.
    """
    nodes, count = scan.nearest.shape
    own, other = np.repeat(np.arange(nodes), count), scan.nearest.ravel().astype(np.int64)
    # The smaller number first, as the pairs behind the edges: the same pair then has the same similarity to the bit.
    pairs = np.sort(np.stack([own, other], axis=1), axis=1)
    similarity, p, q = judge_pairs(unit, pairs, scan.counts, shared, null)
    place = pd.Series(np.arange(nodes), index=names)
    ends = np.sort(np.stack([place[edges[end]].to_numpy(dtype=np.int64) for end in ("Source", "Target")], 1), axis=1)
    order = np.lexsort([other, -similarity, own])
    return pd.DataFrame(
        {
            PERTURBATION: names[own].astype(object),
            "Rank": np.tile(np.arange(1, count + 1, dtype=np.int32), nodes),
            "Neighbour": names[other[order]].astype(object),
            "Similarity": similarity[order],
            "PValue": p[order],
            "QValue": q[order],
            "SharedMOA": share_annotation(moas, own, other)[order],
            "Connected": np.isin(pairs @ [nodes, 1], ends @ [nodes, 1])[order],
        }
    )
