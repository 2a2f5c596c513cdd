"""What the interactive page of the network holds: lists of numbers by node, small enough for one file.

A list has an entry for each node, in the order of ``names``; nodes, plates, mechanisms and features are told by their
number in such lists. NaN is None. ``Limits`` keep the page of 16,600 perturbations below 60 MB (docs/methods.md has
what was measured).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from platewise.columns import CELL_COUNT, CONTROL_TYPE, MOA, NEGCON, PERTURBATION, POSCON
from platewise.network.communities import STABLE
from platewise.network.shortlist import CRITERIA
from platewise.report.colours import Mark, category_marks
from platewise.report.network_evidence import Evidence, Limits, evidence_data, rounded


@dataclass(frozen=True)
class NetworkFacts:
    """What the tables do not say themselves.

    ``max_q`` is the false discovery rate below which a pair is connected, ``neighbours`` how many of the nearest were
    kept for each perturbation, ``doses`` how doses became one profile; ``max_nodes`` are drawn at most.
    """

    campaign: str
    preset: tuple[str, str]
    max_q: float
    neighbours: int
    doses: str
    max_nodes: int


def network_data(
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    neighbours: pd.DataFrame,
    shortlist: pd.DataFrame,
    evidence: Evidence,
    facts: NetworkFacts,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Return what the page is made from, as JSON takes it.

    Parameters
    ----------
    nodes, edges, neighbours, shortlist
        The network's tables; negative controls among the nodes are not in the shortlist.
    evidence
        Wells, activity and what moved.
    facts
        What was asked for.
    limits
        How much of each perturbation is embedded.
    """
    limits = limits or Limits()
    names = nodes[PERTURBATION].to_numpy(dtype=str)
    place = pd.Series(np.arange(len(names)), index=names)
    drawn = _drawn(nodes, facts.max_nodes)
    ends = np.stack([place[edges[end]].to_numpy(dtype=np.int64) for end in ("Source", "Target")], axis=1)
    both = drawn[ends].all(axis=1) if len(ends) else np.zeros(0, dtype=bool)
    lines = np.column_stack([ends, edges["SharedMOA"].to_numpy(dtype=np.int64)])[both]
    listed, cut = _neighbour_lists(edges, neighbours, ends, place, limits.neighbours)
    return {
        "about": {
            **asdict(facts),
            "preset": list(facts.preset),
            "limits": asdict(limits),
            "stable": STABLE,
            "edges": len(edges),
            "drawn": int(drawn.sum()),
            "neighbours_cut": cut,
        },
        "names": names.tolist(),
        **_mechanisms(nodes[MOA].fillna("").astype(str)),
        **_communities(nodes),
        "control": _controls(names, evidence.wells),
        "x": rounded(nodes["X"], 4),
        "y": rounded(nodes["Y"], 4),
        "drawn": drawn.astype(int).tolist(),
        "degree": nodes["Degree"].astype(int).tolist(),
        "hub": nodes["Hub"].astype(int).tolist(),
        "bridge": nodes["Bridge"].astype(int).tolist(),
        "cells": rounded(nodes[CELL_COUNT], 4),
        **_judged(shortlist.set_index(PERTURBATION).reindex(names)),
        "lines": lines.ravel().tolist(),
        "neighbours": listed,
        **evidence_data(evidence, place, shortlist, limits),
    }


def _drawn(nodes: pd.DataFrame, most: int) -> np.ndarray:
    """Return which nodes are drawn: of many those with most connections, of equal ones the first by name."""
    order = np.lexsort([np.arange(len(nodes)), -nodes["Degree"].to_numpy()])
    drawn = np.zeros(len(nodes), dtype=bool)
    drawn[order[:most]] = True
    return drawn


def _mechanisms(moas: pd.Series) -> dict[str, Any]:
    """Return the annotations that there are with their marks, and that of each node (-1 for none)."""
    every = sorted(set(moas) - {""})
    number = {moa: place for place, moa in enumerate(every)}
    marks = category_marks(moas)
    return {
        "moas": every,
        "moa_marks": [_mark(marks, moa) for moa in every],
        "moa": [number.get(moa, -1) for moa in moas],
    }


def _communities(nodes: pd.DataFrame) -> dict[str, Any]:
    """Return the community of each node, and of each community its stability and, with several members, its mark."""
    community = nodes["Community"].to_numpy(dtype=np.int64)
    count = int(community.max()) + 1 if len(nodes) else 0
    sizes = np.bincount(community, minlength=count)
    marks = category_marks(str(number) for number in community if sizes[number] > 1)
    stability = np.full(count, np.nan)
    stability[community] = nodes["Stability"].to_numpy(dtype=float)
    return {
        "community": community.tolist(),
        "stability": rounded(stability, 3),
        "community_marks": [_mark(marks, str(number)) for number in range(count)],
    }


def _mark(marks: Mapping[str, Mark], name: str) -> list[str] | None:
    mark = marks.get(name)
    return None if mark is None else [mark.colour, mark.symbol]


def _controls(names: np.ndarray, wells: pd.DataFrame) -> list[str]:
    """Return what kind of control each perturbation is, empty for none."""
    kinds = wells.drop_duplicates([PERTURBATION, CONTROL_TYPE]).groupby(PERTURBATION)[CONTROL_TYPE].agg(set)
    found = kinds.reindex(names)
    return [next((kind for kind in (POSCON, NEGCON) if isinstance(own, set) and kind in own), "") for own in found]


def _judged(shortlist: pd.DataFrame) -> dict[str, Any]:
    """Return what the shortlist says of each node; None where it says nothing (negative controls)."""
    known = shortlist["Reason"].notna().to_numpy()
    numbers = {"rank": "Rank", "precision": "MapReplicate", "q": "QValue", "replicating": "Replicating"}
    numbers |= {"count_ratio": "CountRatio", "count_share": "CountShare"}
    return {
        **{key: rounded(shortlist[column], 3) for key, column in numbers.items()},
        **{
            name.lower(): [int(bool(value)) if own else None for value, own in zip(shortlist[name], known, strict=True)]
            for name in CRITERIA
        },
        "reason": [str(text) if own else None for text, own in zip(shortlist["Reason"], known, strict=True)],
    }


def _neighbour_lists(
    edges: pd.DataFrame, neighbours: pd.DataFrame, ends: np.ndarray, place: pd.Series, most: int
) -> tuple[list[list[float | None]], int]:
    """Return for each node its nearest, and what else it is connected with: five numbers for each of them.

    They are node, similarity, p, q and 2 for a connection plus 1 for a shared mechanism. Of more than ``most`` the
    nearest are kept; how many nodes have more is returned, too.
    """
    near = np.stack([place[neighbours[end]].to_numpy(dtype=np.int64) for end in (PERTURBATION, "Neighbour")], axis=1)
    columns = ["Similarity", "PValue", "QValue", "SharedMOA"]
    table = pd.concat(
        [
            neighbours[[*columns, "Connected"]].assign(Own=near[:, 0], Other=near[:, 1]),
            *(edges[columns].assign(Connected=True, Own=ends[:, side], Other=ends[:, 1 - side]) for side in (0, 1)),
        ],
        ignore_index=True,
    ).drop_duplicates(["Own", "Other"])
    table = table.iloc[np.lexsort([table["Other"], -table["Similarity"], table["Own"]])]
    flags = 2 * table["Connected"].astype(int) + table["SharedMOA"].astype(int)
    parts = [table["Other"].tolist(), rounded(table["Similarity"], 3), rounded(table["PValue"], 2)]
    parts += [rounded(table["QValue"], 2), flags.tolist()]
    starts = np.searchsorted(table["Own"], np.arange(len(place) + 1))
    lists = [
        [value for row in zip(*(part[start : min(stop, start + most)] for part in parts), strict=True) for value in row]
        for start, stop in pairwise(starts)
    ]
    return lists, int((np.diff(starts) > most).sum())
