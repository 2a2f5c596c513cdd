"""Fields, nuclei and cells of two runs: what was found, and whether the labels are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from platewise.columns import CELL_COUNT, PLATE, SITE, WELL
from platewise.compare.results import Pair, Results
from platewise.compare.section import CHANGED, Listing, Section, median, name_few, relative_change, signed_percent
from platewise.errors import DataError
from platewise.report.numbers import count, percent, plural
from platewise.store.paths import HASH_COLUMNS
from platewise.tables import read_table, read_tables

_FIELD = [PLATE, WELL, SITE]
_OBJECTS = {"Nuclei": "NucleiCount", "Cells": "CellsCount"}
MANIFEST_COLUMNS = [*_FIELD, "Status", "Reason", *_OBJECTS.values(), *HASH_COLUMNS.values()]


@dataclass(frozen=True)
class PlateCounts:
    """One plate in both runs.

    Attributes
    ----------
    plate
        One row: how many fields, nuclei and cells each run has, and what changed.
    fields
        Fields that became bad or good, or are in one run only.
    wells
        Nuclei and cells of the wells that both have, summed over their good fields, and relative changes.
    relabelled
        Plate, well and site of the fields that are good in both with another label.
    changes
        Relative changes of ``Nuclei`` and ``Cells`` a field, of the fields that are good in both.
    """

    plate: dict[str, Any]
    fields: pd.DataFrame
    wells: pd.DataFrame
    relabelled: pd.DataFrame
    changes: pd.DataFrame


def compare_counts(pair: Pair) -> tuple[Section, pd.DataFrame]:
    """Compare fields and cells, plate by plate.

    Returns
    -------
    section
        The words and lists.
    relabelled
        Plate, well and site of the fields whose labels differ.
    """
    found, lacking, from_profiles = [], [], []
    for plate in pair.plates:
        blocks = [results.blocks(plate, "fields") for results in (pair.old, pair.new)]
        if all(blocks):
            found.append(compare_manifests(plate, *map(_read_manifests, blocks)))
            continue
        counts = [_profile_counts(results, plate, pair) for results in (pair.old, pair.new)]
        if all(table is not None for table in counts):
            from_profiles.append(_compare_wells(*counts, ["Cells"]))
        if any(blocks):
            lacking.append(f"{'NEW' if blocks[0] else 'OLD'} has no fields of {plate}")
    sentences = []
    if lacking:
        sentences.append(f"{name_few(lacking)}.")
    if not found and not from_profiles:
        sentences.append("No plate has cell counts in both runs.")
        return Section("counts", "Fields and cells", None, sentences), pd.DataFrame(columns=_FIELD)
    plates = pd.DataFrame([item.plate for item in found])
    wells = pd.concat([*(item.wells for item in found), *from_profiles], ignore_index=True)
    wells = wells.sort_values("CellsChange", key=lambda change: -change.abs(), kind="stable", ignore_index=True)
    facts = _well_facts(wells)
    listings = [Listing("wells", "Wells, those whose cell count changed most first", wells)]
    if found:
        fields = pd.concat([item.fields for item in found], ignore_index=True)
        changes = pd.concat([item.changes for item in found], ignore_index=True)
        facts |= _field_facts(plates, fields, changes)
        sentences = [*_field_sentences(facts), *sentences]
        listings.insert(0, Listing("fields", "Fields that became bad or good, or are in one run only", fields, 5))
        listings.append(Listing("plates", "Plates", plates))
    sentences.append(_well_sentence(facts, bool(found)))
    changed = wells[wells["CellsChange"].abs() > CHANGED]
    listings.append(Listing("changed_wells", "Wells whose cell count changed most", changed.reset_index(drop=True), 5))
    relabelled = pd.concat([item.relabelled for item in found], ignore_index=True) if found else wells.iloc[:0]
    return Section("counts", "Fields and cells", _moved(facts), sentences, facts, listings), relabelled


def _read_manifests(paths: Sequence[Path]) -> pd.DataFrame:
    table = read_tables(paths, MANIFEST_COLUMNS)
    if table.duplicated(_FIELD).any():
        raise DataError(
            f"{paths[0].parent}: found fields that are in several blocks, as after a change of `blocks`; expected each "
            "field once. Hint: remove the tables of the blocks that the config does not make any more."
        )
    return table


def compare_manifests(plate: str, old: pd.DataFrame, new: pd.DataFrame) -> PlateCounts:
    """Compare one plate's manifests.

    Parameters
    ----------
    plate
        Its name.
    old, new
        ``MANIFEST_COLUMNS``, a row a field.
    """
    fields = old.merge(new, on=_FIELD, how="outer", suffixes=("Old", "New"), indicator="In")
    for side in ("Old", "New"):
        fields[f"Status{side}"] = fields[f"Status{side}"].fillna("not there")
        fields[f"Reason{side}"] = fields[f"Reason{side}"].fillna("")
    good = fields[(fields["StatusOld"] == "ok") & (fields["StatusNew"] == "ok")]
    same = np.all([good[f"{column}Old"] == good[f"{column}New"] for column in HASH_COLUMNS.values()], axis=0)
    changes = pd.DataFrame(
        {name: relative_change(good[f"{column}Old"], good[f"{column}New"]) for name, column in _OBJECTS.items()}
    )
    wells = _compare_wells(*(_sum_wells(table) for table in (old, new)), list(_OBJECTS))
    row: dict[str, Any] = {PLATE: plate}
    for side, table in (("Old", old), ("New", new)):
        row |= {f"Ok{side}": int((table["Status"] == "ok").sum()), f"Bad{side}": int((table["Status"] != "ok").sum())}
        row |= {f"{name}{side}": int(table[column].sum()) for name, column in _OBJECTS.items()}
    row |= {"GoodInBoth": len(good), "SameLabels": int(same.sum()), "WellChange": median(wells["CellsChange"])}
    other = fields.loc[fields["StatusOld"] != fields["StatusNew"]]
    return PlateCounts(
        row,
        other[[*_FIELD, "StatusOld", "StatusNew", "ReasonOld", "ReasonNew"]].reset_index(drop=True),
        wells,
        good.loc[~same, _FIELD].reset_index(drop=True),
        changes,
    )


def _sum_wells(manifest: pd.DataFrame) -> pd.DataFrame:
    sums = manifest.groupby([PLATE, WELL], sort=False)[list(_OBJECTS.values())].sum().reset_index()
    return sums.rename(columns={column: name for name, column in _OBJECTS.items()})


def _profile_counts(results: Results, plate: str, pair: Pair) -> pd.DataFrame | None:
    """Cell counts from the well profiles, as a campaign that starts from a table has no fields."""
    for features in pair.shared("features"):
        if (path := results.wells(plate, features)).is_file():
            table = read_table(path, [PLATE, WELL, CELL_COUNT]).rename(columns={CELL_COUNT: "Cells"})
            return table if table["Cells"].notna().any() else None
    return None


def _compare_wells(old: pd.DataFrame, new: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    wells = old.merge(new, on=[PLATE, WELL], suffixes=("Old", "New"))
    for name in names:
        wells[f"{name}Change"] = relative_change(wells[f"{name}Old"], wells[f"{name}New"])
    return wells


def _well_facts(wells: pd.DataFrame) -> dict[str, Any]:
    known = wells["CellsChange"].dropna()
    return {
        "wells": len(wells),
        "cells_old": float(wells["CellsOld"].sum()),
        "cells_new": float(wells["CellsNew"].sum()),
        "median_change_of_wells": median(known),
        "wells_changed": int((known != 0).sum()),
        "wells_changed_much": int((known.abs() > CHANGED).sum()),
    }


def _field_facts(plates: pd.DataFrame, fields: pd.DataFrame, changes: pd.DataFrame) -> dict[str, Any]:
    status = fields[["StatusOld", "StatusNew"]]
    return {
        **{name: int(plates[column].sum()) for name, column in (("ok_old", "OkOld"), ("ok_new", "OkNew"))},
        **{name: int(plates[column].sum()) for name, column in (("bad_old", "BadOld"), ("bad_new", "BadNew"))},
        "became_bad": int((status == ["ok", "bad"]).all(axis=1).sum()),
        "became_good": int((status == ["bad", "ok"]).all(axis=1).sum()),
        "fields_only_old": int((status["StatusNew"] == "not there").sum()),
        "fields_only_new": int((status["StatusOld"] == "not there").sum()),
        "good_in_both": len(changes),
        "same_labels": int(plates["SameLabels"].sum()),
        "median_change_of_nuclei": median(changes["Nuclei"]),
        "median_change_of_cells": median(changes["Cells"]),
        "fields_changed_much": int((changes["Cells"].abs() > CHANGED).sum()),
    }


def _field_sentences(facts: dict[str, Any]) -> list[str]:
    old, new = facts["ok_old"] + facts["bad_old"], facts["ok_new"] + facts["bad_new"]
    found = [
        f"Fields: {count(old)} ({count(facts['bad_old'])} bad) in OLD, {count(new)} ({count(facts['bad_new'])} bad) "
        f"in NEW; {count(facts['became_bad'])} became bad, {count(facts['became_good'])} became good."
    ]
    for side in ("old", "new"):
        if facts[f"fields_only_{side}"]:
            found.append(f"{plural(facts[f'fields_only_{side}'], 'field')} only in {side.upper()}.")
    if not facts["good_in_both"]:
        return [*found, "No field is good in both."]
    share = facts["same_labels"] / facts["good_in_both"]
    # All but one of a thousand must not read as all.
    words = "all" if share == 1 else "none" if share == 0 else f"{count(facts['same_labels'])} ({percent(share)})"
    found.append(
        f"Labels of nuclei and cells are identical in {words} of {plural(facts['good_in_both'], 'good field')}."
    )
    if facts["same_labels"] < facts["good_in_both"]:
        found.append(
            f"A field's counts changed by a median of {signed_percent(facts['median_change_of_nuclei'])} (nuclei) and "
            f"{signed_percent(facts['median_change_of_cells'])} (cells); "
            f"{plural(facts['fields_changed_much'], 'field')} by more than {percent(CHANGED)} of their cells."
        )
    return found


def _well_sentence(facts: dict[str, Any], images: bool) -> str:
    where = "" if images else " (as the well profiles have them)"
    if not facts["wells_changed"]:
        return (
            f"Cell counts of {plural(facts['wells'], 'well')} are the same{where}: {count(facts['cells_old'])} cells."
        )
    return (
        f"Cells: {count(facts['cells_old'])} in OLD, {count(facts['cells_new'])} in NEW{where}; a well changed by a "
        f"median of {signed_percent(facts['median_change_of_wells'])}, {count(facts['wells_changed_much'])} of "
        f"{plural(facts['wells'], 'well')} by more than {percent(CHANGED)}."
    )


def _moved(facts: dict[str, Any]) -> bool:
    changed = ("wells_changed", "became_bad", "became_good", "fields_only_old", "fields_only_new")
    return any(facts.get(name) for name in changed) or facts.get("same_labels", 0) < facts.get("good_in_both", 0)
