"""The few perturbations worth following up, and of every other one why it is not among them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import CELL_COUNT, MOA, PERTURBATION, PLATE, WELL, split_annotation
from platewise.config.shortlist import ShortlistConfig
from platewise.errors import DataError
from platewise.network.count_share import count_shares
from platewise.network.nodes import unit_rows
from platewise.profiles.frame import is_negcon, split_profiles
from platewise.tables import read_table, write_table

CRITERIA = ["Active", "Reproducible", "BeyondCount", "Asked"]
SHORTLIST_COLUMNS = [
    PERTURBATION,
    MOA,
    "Listed",
    "Rank",
    "Reason",
    *CRITERIA,
    "MapReplicate",
    "QValue",
    "Replicating",
    "CountRatio",
    "CountShare",
    "Nearest",
    "NearestMOA",
    "NearestSimilarity",
    "Community",
    "Degree",
    "Hub",
    "Bridge",
    "Exemplars",
]


def run_shortlist_perturbations(
    profiles_path: str, nodes_path: str, edges_path: str, perturbations_path: str, out: str, config: ShortlistConfig
) -> None:
    """Write the shortlist of one network.

    Parameters
    ----------
    profiles_path
        ``{features}.{correction}.parquet`` (level 4c).
    nodes_path, edges_path
        The network.
    perturbations_path
        ``{features}.{correction}.perturbations.parquet``: what replicates say of each perturbation.
    out
        ``C/network/{features}.{correction}/shortlist.parquet``.
    config
        Section ``shortlist``.

    Raises
    ------
    DataError
        If a mechanism is asked for that no perturbation has.
    """
    tables = (read_table(path) for path in (profiles_path, nodes_path, edges_path, perturbations_path))
    facts = {"stage": "shortlist", "algorithm": ALGORITHMS["shortlist"], "parameters": config.model_dump()}
    write_table(shortlist(*tables, config), out, facts)


def shortlist(
    wells: pd.DataFrame, nodes: pd.DataFrame, edges: pd.DataFrame, perturbations: pd.DataFrame, config: ShortlistConfig
) -> pd.DataFrame:
    """Judge every perturbation.

    Parameters
    ----------
    wells
        Level 4c.
    nodes, edges
        The network; negative controls among the nodes are left out.
    perturbations
        ``evaluation.perturbations.score_perturbations``.
    config
        Section ``shortlist``.

    Returns
    -------
    shortlist
        ``SHORTLIST_COLUMNS``, a row for each perturbation: the listed ones by rank, then the others by name.
    """
    table = perturbations.merge(nodes.drop(columns=CELL_COUNT), on=PERTURBATION, how="left", validate="one_to_one")
    table[MOA] = table[MOA].fillna("")
    table = pd.concat([table, _nearest_known(table, nodes, edges, config)], axis=1)
    table = pd.concat([table, _from_wells(table[PERTURBATION].to_numpy(), wells, config.exemplars)], axis=1)
    table["Active"] = table["QValue"] < config.max_q
    table["Reproducible"] = (table["Replicating"] > 0) | (not config.replicating)
    # Where cells were not counted nothing can be held against a perturbation.
    table["BeyondCount"] = ~(table["CountShare"] > config.max_count_share)
    near = table["Nearest"] != ""
    table["Asked"] = {"any": near | True, "near": near, "far": ~near}[config.mechanism]
    passed = table[CRITERIA].all(axis=1)
    order = table[passed].sort_values(
        ["QValue", "MapReplicate", "CountShare", PERTURBATION], ascending=[True, False, True, True]
    )
    rank = pd.Series(np.nan, index=table.index)
    rank[order.index] = np.arange(1, len(order) + 1)
    table["Listed"] = rank <= config.size
    table["Rank"] = rank.where(table["Listed"])
    table["Reason"] = [_reason(row, config) for row in table.assign(Passed=passed).to_dict("records")]
    table = table.sort_values(["Rank", PERTURBATION], na_position="last", ignore_index=True)
    return table[SHORTLIST_COLUMNS]


def _nearest_known(
    table: pd.DataFrame, nodes: pd.DataFrame, edges: pd.DataFrame, config: ShortlistConfig
) -> pd.DataFrame:
    """Return the most similar connected perturbation of a known mechanism, empty words where there is none."""
    labels = {
        name: set(split_annotation(moa)) for name, moa in zip(nodes[PERTURBATION], nodes[MOA].fillna(""), strict=True)
    }
    every = set().union(*labels.values())
    missing = sorted(set(config.mechanisms) - every)
    if missing:
        raise DataError(
            f"shortlist.mechanisms names {', '.join(map(repr, missing))}, which no perturbation of the campaign has; "
            f"expected some of {', '.join(sorted(every)) or 'none: nothing is annotated'}. Hint: correct the config."
        )
    asked = set(config.mechanisms) or every
    known = {name for name, own in labels.items() if own & asked}
    both = pd.concat(
        [edges[["Source", "Target", "Similarity"]], edges.rename(columns={"Source": "Target", "Target": "Source"})],
        ignore_index=True,
    )
    both = both[both["Target"].isin(known)].sort_values(["Similarity", "Target"], ascending=[False, True])
    best = both.drop_duplicates("Source").set_index("Source").reindex(table[PERTURBATION])
    nearest = best["Target"].fillna("").to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "Nearest": nearest,
            "NearestMOA": ["|".join(sorted(labels[name])) if name else "" for name in nearest],
            "NearestSimilarity": best["Similarity"].to_numpy(dtype=np.float64),
        }
    )


def _from_wells(names: np.ndarray, wells: pd.DataFrame, exemplars: int) -> pd.DataFrame:
    """Return what the wells of each perturbation say: cells, what the count explains, and the wells to look at."""
    metadata, values, _ = split_profiles(wells)
    control = is_negcon(metadata)
    counts = metadata[CELL_COUNT].astype(float)
    plates = metadata[PLATE]
    usual = counts[control].groupby(plates[control]).median()
    ratio = (counts / plates.map(usual)).where(lambda own: own > 0)
    centre = values[control].mean(axis=0) if control.any() else np.zeros(values.shape[1])
    rows = metadata[~control].groupby(PERTURBATION).indices
    places = np.flatnonzero(~control)
    profiles, ratios, shown = np.zeros((len(names), values.shape[1])), np.full(len(names), np.nan), []
    for number, name in enumerate(names):
        own = places[rows[name]]
        profiles[number] = values[own].mean(axis=0) - centre
        ratios[number] = ratio.iloc[own].mean()
        alike = unit_rows(values[own] - centre) @ profiles[number]
        best = own[np.argsort(-alike, kind="stable")[:exemplars]]
        shown.append("|".join(f"{metadata.at[well, PLATE]} {metadata.at[well, WELL]}" for well in best))
    return pd.DataFrame(
        {"CountRatio": ratios, "CountShare": count_shares(profiles, ratios), "Exemplars": np.array(shown, dtype=object)}
    )


def _reason(row: dict[str, object], config: ShortlistConfig) -> str:
    """Say in words why a perturbation is on the list, or why it is not."""
    share = row["CountShare"]
    count = "cell count not known" if np.isnan(share) else f"cell count explains {share:.0%} of the profile"
    if row["Passed"]:
        words = [f"active (q = {row['QValue']:.2g})"]
        words += ["replicates"] if config.replicating else []
        words.append(count)
        if row["Nearest"]:
            words.append(f"connected with {row['Nearest']} ({row['NearestMOA']})")
        else:
            words.append("connected with no known mechanism")
        text = ", ".join(words)
        return text if row["Listed"] else f"{text}; but {config.size} others come first"
    words = []
    if not row["Active"]:
        words.append(
            f"not known to be active: {row['Note']}"
            if np.isnan(row["QValue"])
            else f"not shown to be active (q = {row['QValue']:.2g})"
        )
    if not row["Reproducible"]:
        words.append("replicates not compared" if np.isnan(row["Replicating"]) else "does not replicate")
    if not row["BeyondCount"]:
        words.append(count)
    if not row["Asked"]:
        of = "mechanisms asked for" if config.mechanisms else "known mechanisms"
        words.append(
            f"connected with none of the {of}" if config.mechanism == "near" else f"connected with {row['Nearest']}"
        )
    return "; ".join(words)
