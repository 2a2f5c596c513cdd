"""How many fields of a plate are segmented, and which are bad: from manifests, inventories and the plate store.

A block that is at work shows its fields as they are committed: a committed field is a folder in the store.
"""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from platewise.columns import SITE, WELL
from platewise.errors import DataError
from platewise.plan.plates import Plate
from platewise.store.paths import well_path
from platewise.tables import read_table


@dataclass(frozen=True)
class BadField:
    """A field that cannot be used, and why."""

    plate: str
    well: str
    site: int
    reason: str


@dataclass(frozen=True)
class FieldCount:
    """Fields of a plate: ``done`` are committed or known to be bad, of ``total`` (None until the inventory says it).

    ``damaged`` names manifests and inventories that cannot be read.
    """

    total: int | None
    done: int
    bad: tuple[BadField, ...]
    damaged: tuple[str, ...]


@dataclass(frozen=True)
class _BlockCount:
    total: int | None
    done: int
    bad: list[BadField]


def count_fields(plate: Plate, folder: Path, done_blocks: Container[str]) -> FieldCount:
    """Count the fields of a plate.

    Commits are counted whatever they were made from: after a change of parameters, the fields of a block that has begun
    again count until they are replaced.

    Parameters
    ----------
    plate
        The plate.
    folder
        Its folder of results.
    done_blocks
        The blocks whose manifest stands.
    """
    counts, damaged = [], []
    for block, places in plate.blocks.items():
        try:
            if block in done_blocks:
                counts.append(_from_table(plate.row.plate, folder / "fields" / f"{block}.parquet"))
                continue
            inventory = folder / "inventory" / f"{block}.parquet"
            known = _from_table(plate.row.plate, inventory) if inventory.exists() else _expected(plate, places)
        except DataError as error:
            damaged.append(str(error))
            known = _expected(plate, places)
        begun = not (folder / "fields" / f"{block}.parquet").exists()
        committed = sum(_committed(folder / "plate.zarr", well, site) for well, site in places) if begun else 0
        counts.append(_BlockCount(known.total, committed + len(known.bad), known.bad))
    totals = [count.total for count in counts]
    return FieldCount(
        total=None if None in totals else sum(total or 0 for total in totals),
        done=sum(count.done for count in counts),
        bad=tuple(field for count in counts for field in count.bad),
        damaged=tuple(damaged),
    )


def _from_table(plate: str, path: Path) -> _BlockCount:
    """Count the fields that a manifest, or an inventory (a row a channel), lists."""
    table = read_table(path, [WELL, SITE, "Status", "Reason"])
    bad = table[table["Status"] != "ok"].drop_duplicates([WELL, SITE])
    fields = [
        BadField(plate, str(well), int(site), str(reason))
        for well, site, reason in zip(bad[WELL], bad[SITE], bad["Reason"], strict=True)
    ]
    total = len(table[[WELL, SITE]].drop_duplicates())
    return _BlockCount(total, total, fields)


def _expected(plate: Plate, places: list[tuple[str, int | None]]) -> _BlockCount:
    """Say how many fields the sheet promises."""
    each = plate.row.fields_per_well
    total = None if each is None else sum(each if site is None else 1 for _, site in places)
    return _BlockCount(total, 0, [])


def _committed(store: Path, well: str, site: int | None) -> int:
    """Count the fields in a well's folder; one under a temporary name is not there yet."""
    try:
        with os.scandir(well_path(store, well)) as entries:
            return sum(entry.name.isdigit() and site in (None, int(entry.name)) for entry in entries)
    except OSError:
        return 0
