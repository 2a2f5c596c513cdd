"""What each well of a plate was given: the plate map joined with the table of perturbations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from platewise.columns import NEGCON, POSCON
from platewise.config.metadata import MetadataConfig
from platewise.errors import Problem
from platewise.plan.sheets import expand, read_sheet
from platewise.plan.wells import PlateFormat, parse_well, well_name

# What spreadsheets and pandas write for "nothing".
_EMPTY = {"", "na", "nan", "n/a", "none", "null"}


@dataclass(frozen=True)
class Treatment:
    """One well's content. ``dose`` is NaN where there is none; ``moa`` joins several with ``|``."""

    well: str
    perturbation: str
    dose: float
    moa: str
    control_type: str


@dataclass(frozen=True)
class Perturbation:
    """What is known of a perturbation whatever its dose."""

    name: str
    moa: str
    control_type: str


def read_perturbations(metadata: MetadataConfig, problems: list[Problem]) -> dict[str, Perturbation] | None:
    """Read the table of perturbations, keyed as the plate maps key them; None when the config names no table."""
    if metadata.table is None:
        return None
    wanted = [metadata.key, metadata.perturbation, metadata.moa, metadata.control_type]
    path = expand(metadata.table, "config, key metadata.table", problems)
    rows = read_sheet(path, [name for name in wanted if name], "config, key metadata.table", problems)
    found: dict[str, Perturbation] = {}
    for line, row in rows:
        key = _text(row[metadata.key]) or metadata.empty or ""
        name = _text(row[metadata.perturbation]) if metadata.perturbation else key
        perturbation = Perturbation(
            # A row for "nothing added" often has no name of its own.
            name or key,
            _text(row[metadata.moa]) if metadata.moa else "",
            _control_type(row[metadata.control_type]) if metadata.control_type else "",
        )
        if found.get(key, perturbation) != perturbation:
            problems.append(
                Problem(
                    f"{path}, row {line}, column {metadata.key}",
                    f"{key!r} a second time with other values",
                    "one row a perturbation",
                    "remove or correct one of the rows",
                )
            )
        found[key] = perturbation
    return found


def read_annotations(metadata: MetadataConfig, problems: list[Problem]) -> dict[str, str]:
    """Read mechanisms by perturbation name from ``metadata.annotations``; several of one name are joined by ``|``."""
    if metadata.annotations is None:
        return {}
    config = metadata.annotations
    place = "config, key metadata.annotations.table"
    found: dict[str, list[str]] = {}
    for _, row in read_sheet(expand(config.table, place, problems), [config.key, config.moa], place, problems):
        moas = found.setdefault(row[config.key], [])
        moas.extend(moa for moa in _text(row[config.moa]).split("|") if moa and moa not in moas)
    return {name: "|".join(moas) for name, moas in found.items()}


@lru_cache(maxsize=64)
def _map_rows(path: str, required: tuple[str, ...]) -> tuple[list[tuple[int, dict[str, str]]], list[Problem]]:
    # Plates often share a plate map: it is read once.
    problems: list[Problem] = []
    return read_sheet(path, list(required), "plates sheet, column platemap", problems), problems


def read_treatments(
    platemap: str,
    plate: PlateFormat,
    metadata: MetadataConfig,
    perturbations: dict[str, Perturbation] | None,
    annotations: dict[str, str],
    wells: frozenset[str],
    problems: list[Problem],
) -> list[Treatment]:
    """Read a plate map and look every well's perturbation up.

    Parameters
    ----------
    platemap
        Path of the plate map.
    plate
        Its physical grid; a well outside is a problem.
    metadata, perturbations, annotations
        How to read it, and what `read_perturbations` and `read_annotations` found.
    wells
        Wells that were imaged; empty for all of the map.
    problems
        Grows by what is wrong.

    Returns
    -------
    treatments
        In plate order.
    """
    required = tuple(name for name in (metadata.well, metadata.key, metadata.dose) if name)
    rows, sheet_problems = _map_rows(platemap, required)
    problems.extend(sheet_problems)
    found: dict[tuple[int, int], Treatment] = {}
    for line, row in rows:
        place = f"{platemap}, row {line}, column"
        try:
            position = parse_well(row[metadata.well])
        except ValueError:
            problems.append(
                Problem(
                    f"{place} {metadata.well}",
                    repr(row[metadata.well]),
                    "a well such as A01",
                    "correct the plate map",
                )
            )
            continue
        if position[0] >= plate.rows or position[1] >= plate.columns:
            problems.append(
                Problem(
                    f"{place} {metadata.well}",
                    repr(row[metadata.well]),
                    f"a well from A01 to {well_name(plate.rows - 1, plate.columns - 1)}",
                    "correct the plate map, or set plate_format to the plate that was used",
                )
            )
            continue
        well = well_name(*position)
        if position in found:
            problems.append(
                Problem(f"{place} {metadata.well}", f"{well} a second time", "each well once", "remove one of the rows")
            )
            continue
        if wells and well not in wells:
            continue
        treatment = _treatment(well, row, place, metadata, perturbations, annotations, problems)
        if treatment is not None:
            found[position] = treatment
    return [found[position] for position in sorted(found)]


def _treatment(
    well: str,
    row: dict[str, str],
    place: str,
    metadata: MetadataConfig,
    perturbations: dict[str, Perturbation] | None,
    annotations: dict[str, str],
    problems: list[Problem],
) -> Treatment | None:
    key = _text(row[metadata.key])
    if not key:
        if metadata.empty is None:
            problems.append(
                Problem(
                    f"{place} {metadata.key}",
                    "an empty cell",
                    "what the well was given",
                    "fill the cell, remove the row, or set metadata.empty to the name of what an empty cell means",
                )
            )
            return None
        key = metadata.empty
    known = Perturbation(key, "", "") if perturbations is None else perturbations.get(key)
    if known is None and key in (*metadata.negcon, *metadata.poscon, metadata.empty):
        known = Perturbation(key, "", "")
    if known is None:
        problems.append(
            Problem(
                f"{place} {metadata.key}",
                repr(key),
                f"a value of the column {metadata.key} of {metadata.table}",
                "add a row for it to that table",
            )
        )
        return None
    dose = _dose(row, place, metadata, problems)
    control = known.control_type
    if known.name in metadata.negcon:
        control = NEGCON
    elif known.name in metadata.poscon:
        control = POSCON
    moa = "" if control == NEGCON else annotations.get(known.name, known.moa)
    return Treatment(well, known.name, dose, moa, control)


def _dose(row: dict[str, str], place: str, metadata: MetadataConfig, problems: list[Problem]) -> float:
    text = _text(row[metadata.dose]) if metadata.dose else ""
    if not text:
        return math.nan
    try:
        dose = float(text)
    except ValueError:
        dose = -1.0
    if not (math.isfinite(dose) and dose >= 0):
        problems.append(
            Problem(
                f"{place} {metadata.dose}",
                repr(text),
                "a number from 0 up, or an empty cell",
                "write the dose as a plain number, with its unit in the column's name",
            )
        )
    return dose


def _text(value: str) -> str:
    return "" if value.strip().lower() in _EMPTY else value.strip()


def _control_type(value: str) -> str:
    value = _text(value).lower()
    if value.startswith(POSCON):
        return POSCON
    return NEGCON if value == NEGCON else ""
