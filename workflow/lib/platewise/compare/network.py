"""Connections of two networks: kept, lost and new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from platewise.columns import PERTURBATION
from platewise.compare.results import Pair
from platewise.compare.section import Listing, Section
from platewise.report.numbers import count, fixed, percent, plural, significant
from platewise.tables import read_table

_ENDS = ["Source", "Target"]
_NEIGHBOURS = [PERTURBATION, "Neighbour", "Rank"]
_COLUMNS = [*_ENDS, "Similarity", "QValue", "SharedMOA"]


def compare_networks(pair: Pair) -> Section:
    """Compare the network of every correction that both runs have."""
    sentences, facts, listings, moved = [], {}, [], []
    for variant in pair.shared("variants"):
        name = ".".join(variant)
        folders = [results.network(variant) for results in (pair.old, pair.new)]
        lacking = [
            side
            for side, folder in zip(("OLD", "NEW"), folders, strict=True)
            if not all((folder / table).is_file() for table in ("edges.parquet", "nodes.parquet"))
        ]
        if lacking:
            sentences.append(f"{name}: no network in {' and '.join(lacking)}.")
            continue
        old, new = (read_table(folder / "edges.parquet", _COLUMNS) for folder in folders)
        nodes = [set(read_table(folder / "nodes.parquet", [PERTURBATION])[PERTURBATION]) for folder in folders]
        edges = match_edges(old, new, *nodes)
        found = count_edges(edges) | match_neighbours(*map(_read_neighbours, folders))
        facts[name] = found
        moved.append(found["lost"] + found["new"] > 0 or found["neighbours_kept"] < 1)
        sentences.append(_sentence(name, found, edges))
        listings.append(Listing(f"{name}.edges", f"{name}: connections, those of one run only first", edges))
        changed = edges[edges["Change"] != "kept"].head(5)[[*_ENDS, "Change", "SimilarityOld", "SimilarityNew"]]
        listings.append(Listing(f"{name}.changed", f"{name}: connections lost and new", changed, 5))
    if not moved:
        sentences.append("No networks could be compared.")
    return Section("network", "Network", any(moved) if moved else None, sentences, facts, listings)


def match_edges(old: pd.DataFrame, new: pd.DataFrame, nodes_old: set[str], nodes_new: set[str]) -> pd.DataFrame:
    """Match connections by their two ends, whichever comes first.

    Parameters
    ----------
    old, new
        ``Source``, ``Target``, ``Similarity``, ``QValue``, ``SharedMOA``.
    nodes_old, nodes_new
        The perturbations of the networks.

    Returns
    -------
    table
        Ends, ``Change`` (``lost``, ``new``, ``kept``, or the same with ``, no such perturbation`` where an end is not
        in the other network), similarity and q of both, ``SharedMOA``; lost and new ones first, the most similar first.
    """
    table = _ordered(old).merge(_ordered(new), on=_ENDS, how="outer", suffixes=("Old", "New"), indicator="In")
    change = table.pop("In").astype(str).map({"left_only": "lost", "right_only": "new", "both": "kept"})
    elsewhere = np.where(
        change == "lost", table[_ENDS].isin(nodes_new).all(axis=1), table[_ENDS].isin(nodes_old).all(axis=1)
    )
    shared = np.where(table["SharedMOANew"].isna(), table["SharedMOAOld"], table["SharedMOANew"]).astype(bool)
    table.insert(2, "Change", np.where(elsewhere, change, change + ", no such perturbation"))
    table = table.drop(columns=["SharedMOAOld", "SharedMOANew"]).assign(SharedMOA=shared)
    best = table[["SimilarityOld", "SimilarityNew"]].max(axis=1)
    order = np.lexsort([table["Target"], table["Source"], -best, change.map({"lost": 0, "new": 1, "kept": 2})])
    return table.iloc[order].reset_index(drop=True)


def count_edges(edges: pd.DataFrame) -> dict[str, Any]:
    """Count matched connections.

    ``jaccard`` is the share of all that is kept, ``largest_change`` that of the similarity of a kept one; NaN without.
    """
    states = edges["Change"].str.split(",").str[0]
    kept, lost, new = (int((states == state).sum()) for state in ("kept", "lost", "new"))
    total = kept + lost + new
    return {
        "kept": kept,
        "lost": lost,
        "new": new,
        "without_perturbation": int(edges["Change"].str.contains(",").sum()),
        "largest_change": float((edges["SimilarityNew"] - edges["SimilarityOld"]).abs().max())
        if kept
        else float("nan"),
        "jaccard": kept / total if total else float("nan"),
    }


def match_neighbours(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, Any]:
    """Count whose nearest perturbations are the same, which can change where nothing is connected, too.

    Parameters
    ----------
    old, new
        ``Metadata_Perturbation``, ``Neighbour``, ``Rank``; no rows where a run does not list them.

    Returns
    -------
    facts
        ``neighbours_of``: perturbations with neighbours in both; ``neighbours_kept``: the mean over them of the share
        of neighbours that both runs list, NaN without any. Where a run lists fewer, the nearest of each count.
    """
    most = min(old["Rank"].max(), new["Rank"].max())
    old, new = (table[table["Rank"] <= most] for table in (old, new))
    sizes = pd.concat([table.groupby(PERTURBATION).size() for table in (old, new)], axis=1, join="inner").min(axis=1)
    keys = [PERTURBATION, "Neighbour"]
    kept = old[keys].merge(new[keys], on=keys).groupby(PERTURBATION).size().reindex(sizes.index, fill_value=0)
    share = float((kept / sizes).mean()) if len(sizes) else float("nan")
    return {"neighbours_of": len(sizes), "neighbours_kept": share}


def _read_neighbours(folder: Path) -> pd.DataFrame:
    """Read the neighbours of a network; older versions wrote none."""
    path = folder / "neighbours.parquet"
    return read_table(path, _NEIGHBOURS) if path.is_file() else pd.DataFrame(columns=_NEIGHBOURS, dtype=object)


def _ordered(edges: pd.DataFrame) -> pd.DataFrame:
    edges = edges[_COLUMNS].copy()
    edges[_ENDS] = np.sort(edges[_ENDS].to_numpy(dtype=str), axis=1).astype(object)
    return edges


def _sentence(name: str, found: dict[str, Any], edges: pd.DataFrame) -> str:
    total = found["kept"] + found["lost"] + found["new"]
    near = ""
    if found["neighbours_of"]:
        near = (
            f" Of the nearest of {plural(found['neighbours_of'], 'perturbation')}, {percent(found['neighbours_kept'])}"
        )
        near += " are the same."
    if not total:
        return f"{name}: no connection in either network.{near}"
    words = (
        f"{name}: {plural(found['kept'], 'connection')} kept, {count(found['lost'])} lost, {count(found['new'])} new"
    )
    words += f" (Jaccard {fixed(found['jaccard'])})"
    if found["largest_change"] > 0:
        words += f"; similarities of kept ones changed by {significant(found['largest_change'], 2)} at most"
    if found["without_perturbation"]:
        words += f"; {count(found['without_perturbation'])} of them of perturbations that only one network has"
    shared = edges[edges["SharedMOA"]]["Change"].str.split(",").str[0].value_counts()
    if found["lost"] or found["new"]:
        words += f"; of a shared mechanism: {shared.get('lost', 0)} lost, {shared.get('new', 0)} new"
    return f"{words}.{near}"
