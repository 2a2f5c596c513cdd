"""Which perturbations and mechanisms of a finished campaign unknown profiles resemble."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.columns import MOA, PERTURBATION, PLATE, feature_columns, split_annotation
from platewise.config.network import NetworkConfig
from platewise.errors import DataError
from platewise.evaluation.inference import benjamini_hochberg
from platewise.network.build import Profiles, null_profiles
from platewise.network.nodes import build_nodes, unit_rows
from platewise.network.null import shuffle_within
from platewise.network.pairs import BINS, to_bins
from platewise.network.sharing import shared_plates
from platewise.network.staging import stage_profiles
from platewise.profiles.consensus import combine
from platewise.tables import read_provenance, read_table

HIT_COLUMNS = ["Query", "Kind", "Rank", "Name", MOA, "Similarity", "PValue", "QValue", "Members"]
PERTURBATIONS, MECHANISMS = "perturbation", "mechanism"
# Profiles of nodes under shuffled labels that are asked instead of the unknown ones.
_NULL_PROFILES, _PER_SHUFFLE = 1000, 50
_SHOWN = 5


@dataclass(frozen=True)
class Reference:
    """A finished campaign: its wells (level 4c) and treatments (level 5), taken apart, and how it was made."""

    wells: Profiles
    consensus: Profiles
    config: NetworkConfig
    consensus_method: str


def run_query(profiles_path: Path, results: Path, network: str | None) -> pd.DataFrame:
    """Rank a campaign's perturbations and mechanisms for the profiles of a file.

    Parameters
    ----------
    profiles_path
        Parquet or CSV with the reference's features, normalised and corrected as those; see ``query_profiles``.
    results
        The campaign's results, such as ``results/mine``.
    network
        ``{features}.{correction}``; None takes the only one, or the only one without correction.

    Returns
    -------
    hits
        As ``query_profiles`` returns them.

    Raises
    ------
    DataError
        If a file cannot be read, the network cannot be told, or the features do not fit.
    """
    table = _read_profiles(profiles_path)
    name = choose_network(results, network)
    folder = results / "campaign" / "profiles"
    facts = read_provenance(results / "campaign" / "network" / name / "nodes.parquet")
    if "consensus" not in facts:
        raise DataError(
            f"{results}: the network {name} was made by an older version of platewise, which did not store how. Hint: "
            "run the campaign again; only the network and what follows is made anew."
        )
    with tempfile.TemporaryDirectory() as scratch:
        levels = (stage_profiles(folder / f"{name}{level}.parquet", scratch) for level in ("", ".consensus"))
        reference = Reference(*levels, NetworkConfig.model_validate(facts["parameters"]), facts["consensus"])
        return query_profiles(table, reference, str(profiles_path))


def choose_network(results: Path, network: str | None) -> str:
    """Return the network to ask.

    Raises
    ------
    DataError
        If there is none of that name, or several to choose from.
    """
    found = sorted(path.parent.name for path in (results / "campaign" / "network").glob("*/nodes.parquet"))
    plain = [name for name in found if name.endswith(".none")]
    chosen = [network] if network is not None else found if len(found) == 1 else plain
    if len(chosen) == 1 and chosen[0] in found:
        return chosen[0]
    asked = f"no network {network}" if network is not None else "no network, or several"
    raise DataError(
        f"{results}: {asked}; found {', '.join(found) or 'none'}. Hint: give the results folder of a finished "
        "campaign, and with --network the one whose features and correction your profiles have."
    )


def query_profiles(table: pd.DataFrame, reference: Reference, place: str = "profiles") -> pd.DataFrame:
    """Rank a campaign's perturbations and mechanisms for unknown profiles.

    A perturbation's similarity is the cosine with its profile, a mechanism's the mean over its perturbations. Both are
    held against what profiles reach whose labels say nothing: wells of the reference keep their profiles, labels are
    shuffled within plates, and the resulting profiles (1,000) are asked instead. p = (b + 1) / (m + 1), pooled over
    perturbations and for each mechanism on its own; q over all perturbations, or all mechanisms, of a query. Where the
    campaign's layout allows it, a null profile meets only perturbations without a plate in common, as a profile from
    elsewhere does; else all of them, which makes p larger.

    Parameters
    ----------
    table
        Profiles with the reference's features by name, others are ignored; normalised and corrected as they are. Rows
        with the same ``Metadata_Perturbation`` are replicates and become one query, as the reference's do; without that
        column each row is one.
    reference
        The campaign.
    place
        What errors call the table.

    Returns
    -------
    hits
        ``HIT_COLUMNS``: for each query all perturbations and all mechanisms (``Kind``), most similar first; ``Members``
        is the number of a mechanism's perturbations.

    Raises
    ------
    DataError
        If a feature of the reference is missing, or a value or name is.
    """
    nodes = build_nodes(*reference.consensus, reference.config)
    unit = unit_rows(nodes.values.astype(np.float32))
    names, queries = _queries(table, nodes.features, reference.consensus_method, place)
    members = _mechanisms(nodes.metadata[MOA].to_numpy(dtype=object))
    weights = np.zeros((len(unit), len(members)))
    for column, own in enumerate(members.values()):
        weights[own, column] = 1.0
    counts, of_mechanisms = _null(reference, nodes.metadata[PERTURBATION].to_numpy(dtype=object), unit, weights)
    exceeding = counts[::-1].cumsum()[::-1]
    parts = []
    for name, query in zip(names, queries, strict=True):
        similarity = unit @ query
        p = (exceeding[to_bins(similarity)] + 1) / (counts.sum() + 1)
        moas = nodes.metadata[MOA].to_numpy(dtype=object)
        parts.append(_ranked(name, PERTURBATIONS, nodes.metadata[PERTURBATION], moas, similarity, p, 1))
        own = (similarity @ weights) / weights.sum(axis=0)
        known = np.isfinite(of_mechanisms)
        reached = (known & (of_mechanisms >= own)).sum(axis=0)
        p = (reached + 1) / (known.sum(axis=0) + 1)
        labels = np.array(list(members), dtype=object)
        parts.append(_ranked(name, MECHANISMS, labels, labels, own, p, weights.sum(axis=0)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=HIT_COLUMNS)


def _queries(table: pd.DataFrame, features: list[str], method: str, place: str) -> tuple[list[str], np.ndarray]:
    missing = [name for name in features if name not in table]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise DataError(
            f"{place}: {len(missing)} of the {len(features)} features of the reference are missing: "
            f"{', '.join(missing[:_SHOWN])}{more}; found {len(feature_columns(table.columns))} features. Hint: "
            "normalise the profiles as the reference's and keep all features; --network names another kind of features."
        )
    values = table[features].to_numpy(dtype=np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        raise DataError(
            f"{place}: {len(bad)} values are missing or infinite, the first in row {bad[0, 0] + 1}, column "
            f"{features[bad[0, 1]]}. Hint: fill missing values with 0, the controls' centre, or leave the row out."
        )
    if PERTURBATION not in table:
        return [f"row {number + 1}" for number in range(len(table))], unit_rows(values).astype(np.float32)
    given = table[PERTURBATION].fillna("").astype(str).str.strip()
    nameless = np.flatnonzero(given == "")
    if len(nameless):
        raise DataError(
            f"{place}: {len(nameless)} rows have no {PERTURBATION}, the first is row {nameless[0] + 1}; they would "
            "count as replicates of one unknown. Hint: name every row, or leave the column out: each row is a query."
        )
    names, codes = np.unique(given.to_numpy(dtype=str), return_inverse=True)
    return names.tolist(), unit_rows(combine(values, codes.ravel(), len(names), method)).astype(np.float32)


def _mechanisms(moas: np.ndarray) -> dict[str, list[int]]:
    members: dict[str, list[int]] = {}
    for node, moa in enumerate(moas):
        for label in dict.fromkeys(split_annotation(moa)):
            members.setdefault(label, []).append(node)
    return dict(sorted(members.items()))


def _null(
    reference: Reference, names: np.ndarray, unit: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ask profiles under shuffled labels: counts of their similarities by bin, and their means by mechanism."""
    profile, labels = null_profiles(reference.wells, reference.config, reference.consensus_method)
    plates = np.unique(reference.wells[0][PLATE].to_numpy(dtype=str), return_inverse=True)[1].ravel()
    shared = shared_plates(reference.wells[0], names)
    rng = np.random.default_rng(reference.config.seed)
    every, apart = (np.zeros(BINS + 1, dtype=np.int64) for _ in range(2))
    sizes, whole, elsewhere = weights.sum(axis=0), [], []
    drawn = min(_PER_SHUFFLE, len(unit))
    for _ in range(-(-_NULL_PROFILES // max(drawn, 1))):
        chosen = np.sort(rng.choice(len(unit), drawn, replace=False))
        asked = unit_rows(profile(shuffle_within(labels, plates, rng), chosen)).astype(np.float32)
        similarity = asked @ unit.T
        away = np.ones(similarity.shape, dtype=bool)
        away[shared.block(chosen, slice(None))] = False
        every += np.bincount(to_bins(similarity).ravel(), minlength=BINS + 1)
        apart += np.bincount(to_bins(similarity[away]), minlength=BINS + 1)
        whole.append((similarity @ weights) / sizes)
        with np.errstate(invalid="ignore"):
            elsewhere.append(((similarity * away) @ weights) / (away @ weights))
    whole, elsewhere = np.concatenate(whole), np.concatenate(elsewhere)
    # Where nearly all perturbations meet on a plate, too little is left to compare with.
    if apart.sum() < every.sum() / 10:
        return every, whole
    lacking = np.isfinite(elsewhere).sum(axis=0) < len(elsewhere) / 10
    return apart, np.where(lacking, whole, elsewhere)


def _ranked(
    query: str, kind: str, names: object, moas: np.ndarray, similarity: np.ndarray, p: np.ndarray, members: object
) -> pd.DataFrame:
    table = pd.DataFrame({"Query": query, "Kind": kind, "Name": np.asarray(names, dtype=object), MOA: moas})
    table = table.assign(
        Similarity=similarity.astype(np.float64), PValue=p, QValue=benjamini_hochberg(p), Members=members
    )
    table["Members"] = table["Members"].astype(np.int32)
    table = table.sort_values(["Similarity", "Name"], ascending=[False, True], ignore_index=True)
    table["Rank"] = np.arange(1, len(table) + 1)
    return table[HIT_COLUMNS]


def _read_profiles(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return read_table(path)
    try:
        # A name such as 007 is no number.
        return pd.read_csv(path, dtype={PERTURBATION: str})
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as CSV ({error}). Hint: give a CSV file or a Parquet table of profiles."
        ) from error
