"""What stands behind each perturbation of the interactive page: its wells, its doses, and what moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from platewise.columns import BATCH, CELL_COUNT, CONTROL_TYPE, DOSE, NEGCON, PERTURBATION, PLATE, WELL
from platewise.explanation.movers import MAX_Q
from platewise.explanation.words import phrase
from platewise.profiles.frame import treatment_keys


@dataclass(frozen=True)
class Limits:
    """How much of each perturbation is embedded.

    ``neighbours`` and ``wells`` at most; of each treatment and kind of features ``features`` that moved most, fewer
    where there would be more than ``rows`` in all, and only of the ``doses`` under which most moved. Where nothing is
    sure, the ``unsure`` largest effects stand there.
    """

    neighbours: int = 20
    wells: int = 30
    features: int = 50
    rows: int = 600_000
    doses: int = 3
    unsure: int = 10


@dataclass(frozen=True)
class Evidence:
    """Tables behind the network.

    Attributes
    ----------
    wells
        Metadata of level 4c.
    activity
        ``screens.activity`` of the preset.
    treatments, movers
        Kind of features to what moved (``explanation.movers``).
    channels
        Names of the channels, for words.
    pages
        Plates that have a page.
    include_negcon
        Whether negative controls are nodes.
    """

    wells: pd.DataFrame
    activity: pd.DataFrame
    treatments: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    movers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    channels: Sequence[str] = ()
    pages: Sequence[str] = ()
    include_negcon: bool = False


def evidence_data(evidence: Evidence, place: pd.Series, shortlist: pd.DataFrame, limits: Limits) -> dict[str, Any]:
    """Return wells, treatments and what moved of each node, as JSON takes them.

    Parameters
    ----------
    evidence
        The tables.
    place
        Perturbation to its number.
    shortlist
        For ``Exemplars``.
    limits
        How much is embedded.
    """
    wells = evidence.wells
    if not evidence.include_negcon:
        wells = wells[wells[CONTROL_TYPE] != NEGCON]
    wells = wells[wells[PERTURBATION].isin(place.index)]
    tables = [wells, evidence.activity, *evidence.treatments.values()]
    keys = pd.concat([table[[PERTURBATION, DOSE]] for table in tables], ignore_index=True)
    keys = keys[keys[PERTURBATION].isin(place.index)].astype({DOSE: float}).drop_duplicates()
    keys = keys.assign(Node=place[keys[PERTURBATION]].to_numpy(dtype=np.int64))
    keys = keys.sort_values(["Node", DOSE], na_position="first", ignore_index=True)
    treatments = pd.Series(np.arange(len(keys)), index=treatment_keys(keys))
    starts = np.searchsorted(keys["Node"], np.arange(len(place) + 1))
    return {
        # Treatments are numbered by perturbation, then dose: those of node i are numbers starts[i] to starts[i + 1].
        "starts": starts.tolist(),
        "doses": rounded(keys[DOSE], 6),
        **_activity(evidence.activity, treatments),
        **_wells(wells, place, treatments, shortlist, evidence.pages, limits.wells),
        "batches": int(evidence.wells[BATCH].nunique()),
        "moved_q": MAX_Q,
        **_moved(evidence, treatments, keys["Node"].to_numpy(), limits),
    }


def rounded(values: Iterable[float], digits: int) -> list[float | int | None]:
    """Return numbers with so many significant digits, whole ones without a point, None for what is not finite."""
    plain = [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in np.asarray(values, dtype=float)]
    return [int(value) if value is not None and value.is_integer() else value for value in plain]


def _activity(activity: pd.DataFrame, treatments: pd.Series) -> dict[str, Any]:
    """Return average precision and q of each treatment, and whether it is active; None where it was not tested."""
    table = activity.set_index(treatment_keys(activity))[["AveragePrecision", "QValue", "Active", "Note"]]
    table = table.reindex(treatments.index)
    return {
        "dose_precision": rounded(table["AveragePrecision"], 3),
        "dose_q": rounded(table["QValue"], 2),
        "dose_active": [None if pd.isna(value) else int(value) for value in table["Active"]],
        "dose_note": table["Note"].fillna("").astype(str).tolist(),
    }


def _wells(
    wells: pd.DataFrame,
    place: pd.Series,
    treatments: pd.Series,
    shortlist: pd.DataFrame,
    pages: Sequence[str],
    most: int,
) -> dict[str, Any]:
    """Return for each node its wells: plate, well, treatment, cells and whether it is an exemplar, five for each.

    Of more than ``most`` wells the exemplars are kept first. ``span`` is how many wells and batches there
    are in truth, and well positions of one treatment at most.
    """
    plates = wells[[PLATE, BATCH]].drop_duplicates().sort_values([PLATE, BATCH], ignore_index=True)
    number = pd.Series(np.arange(len(plates)), index=pd.MultiIndex.from_frame(plates))
    shown = {
        (name, well)
        for name, text in zip(shortlist[PERTURBATION], shortlist["Exemplars"], strict=True)
        for well in str(text).split("|")
    }
    named = wells[PLATE].astype(str) + " " + wells[WELL].astype(str)
    table = pd.DataFrame(
        {
            "Node": place[wells[PERTURBATION]].to_numpy(dtype=np.int64),
            "Plate": number[pd.MultiIndex.from_frame(wells[[PLATE, BATCH]])].to_numpy(),
            "Well": wells[WELL].astype(str).to_numpy(),
            "Treatment": treatments[treatment_keys(wells)].to_numpy(),
            "Cells": rounded(wells[CELL_COUNT], 6),
            "Shown": [int(key in shown) for key in zip(wells[PERTURBATION], named, strict=True)],
            BATCH: wells[BATCH].to_numpy(),
        }
    )
    counts = table.groupby("Node").agg(Wells=("Well", "size"), Batches=(BATCH, "nunique"))
    counts["Places"] = table.groupby(["Node", "Treatment"])["Well"].nunique().groupby("Node").max()
    counts = counts.reindex(np.arange(len(place)), fill_value=0)
    kept = table.sort_values(["Node", "Shown", "Treatment", "Plate", "Well"], ascending=[True, False, True, True, True])
    kept = kept.groupby("Node").head(most).sort_values(["Node", "Treatment", "Plate", "Well"], ignore_index=True)
    lists: list[list[Any]] = [[] for _ in range(len(place))]
    for row in kept[["Node", "Plate", "Well", "Treatment", "Cells", "Shown"]].astype(object).itertuples(index=False):
        lists[row[0]] += [*row[1:4], None if pd.isna(row[4]) else row[4], row[5]]
    hrefs = [f"plates/{quote(str(plate), safe='')}.html" if plate in set(pages) else "" for plate in plates[PLATE]]
    return {
        "plates": [
            [str(plate), str(batch), href] for plate, batch, href in zip(*plates.to_numpy().T, hrefs, strict=True)
        ]
        if len(plates)
        else [],
        "wells": lists,
        "span": counts[["Wells", "Batches", "Places"]].to_numpy().tolist(),
    }


def _moved(evidence: Evidence, treatments: pd.Series, nodes: np.ndarray, limits: Limits) -> dict[str, Any]:
    """Return of each kind of features, and of each treatment, how many moved, in words, and those that moved most.

    ``nodes`` is the perturbation of each treatment.
    """
    kinds = {kind: table.set_index(treatment_keys(table)) for kind, table in evidence.treatments.items()}
    kinds = {kind: table.reindex(treatments.index) for kind, table in kinds.items()}
    moved = sum((table["Moved"].fillna(0).to_numpy(dtype=float) for table in kinds.values()), np.zeros(len(nodes)))
    order = np.lexsort([-np.arange(len(nodes)), -moved, nodes])
    told = np.empty(len(nodes), dtype=bool)
    told[order] = np.arange(len(nodes)) - np.searchsorted(nodes, nodes) < limits.doses
    most = int(np.clip(limits.rows // max(told.sum() * len(kinds), 1), limits.unsure, limits.features))
    return {
        "kinds": list(kinds),
        "most_features": most,
        "told": told.astype(int).tolist(),
        "moved": [
            _moved_of_kind(table, evidence.movers[kind], told, treatments, evidence.channels, most, limits.unsure)
            for kind, table in kinds.items()
        ],
    }


def _moved_of_kind(
    summary: pd.DataFrame,
    movers: pd.DataFrame,
    told: np.ndarray,
    treatments: pd.Series,
    channels: Sequence[str],
    most: int,
    unsure: int,
) -> dict[str, Any]:
    """Return lists by treatment, words and features of those in ``told``; three numbers each: number, effect and q."""
    movers = movers[treatment_keys(movers).isin(treatments.index[told])]
    own = treatments[treatment_keys(movers)].to_numpy(dtype=np.int64)
    sure = (movers["QValue"] < MAX_Q).to_numpy()
    order = np.lexsort([-movers["Effect"].abs(), ~sure, own])
    movers, own, sure = movers.iloc[order], own[order], sure[order]
    starts = np.searchsorted(own, np.arange(len(treatments) + 1))
    rank = np.arange(len(own)) - starts[own]
    # Sure ones come first: where the first is not sure, none is.
    kept = (rank < most) & (sure | (~sure[starts[own]] & (rank < unsure)))
    movers, own = movers[kept], own[kept]
    starts = np.searchsorted(own, np.arange(len(treatments) + 1))
    codes, features = pd.factorize(movers["Feature"], sort=True)
    parts = codes.tolist(), rounded(movers["Effect"], 3), rounded(movers["QValue"], 2)
    return {
        "features": [_feature(name, channels) for name in features],
        "moved": rounded(summary["Moved"], 6),
        "tested": rounded(summary["Tested"], 6),
        "words": summary["Words"].where(told).fillna("").astype(str).tolist(),
        "note": summary["Note"].fillna("").astype(str).tolist(),
        "list": [
            [value for row in zip(*(part[start:stop] for part in parts), strict=True) for value in row]
            for start, stop in pairwise(starts)
        ],
    }


def _feature(name: str, channels: Sequence[str]) -> list[str]:
    """Return a feature's name, what it means that it is larger, and smaller (equal where vague), and its subject."""
    up, down = (phrase(name, effect, float("nan"), channels) for effect in (1.0, -1.0))
    return [name, up.words, down.words, up.subject] if up and down else [name, "", "", ""]
