"""What each well of a plate was given: the plate map joined with the table of perturbations."""

from __future__ import annotations

import math
from dataclasses import dataclass

from platewise.columns import NEGCON, POSCON
from platewise.config.metadata import MetadataConfig
from platewise.errors import Problem
from platewise.plan.sheets import Row, expand, read_sheet
from platewise.plan.wells import PlateFormat, parse_well, well_name

# What spreadsheets and pandas write for "nothing".
_EMPTY = {"", "na", "nan", "n/a", "none", "null"}


@dataclass(frozen=True, slots=True)
class Treatment:
    """One well's content. ``dose`` is NaN where there is none; ``moa`` joins several with ``|``."""

    well: str
    perturbation: str
    dose: float
    moa: str
    control_type: str
    wild_type: str = ""


@dataclass(frozen=True)
class Perturbation:
    """What is known of a perturbation whatever its dose. ``wild_type`` is the name of a variant's wild type."""

    name: str
    moa: str
    control_type: str
    wild_type: str = ""


def read_perturbations(metadata: MetadataConfig, problems: list[Problem]) -> dict[str, Perturbation] | None:
    """Read the table of perturbations, keyed as the plate maps key them; None when the config names no table."""
    if metadata.table is None:
        return None
    wanted = [metadata.key, metadata.perturbation, metadata.moa, metadata.control_type, metadata.wild_type]
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
            _text(row[metadata.wild_type]) if metadata.wild_type else "",
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


@dataclass(frozen=True)
class MapContent:
    """What a plate map says of the imaged wells, in plate order, and whether all of it could be read."""

    treatments: tuple[Treatment, ...]
    sound: bool


class PlateMaps:
    """Reads plate maps, each once however many plates share it; what is wrong in one is told once.

    Parameters
    ----------
    metadata
        Section ``metadata`` of the config: how the maps are read, and the tables that say what perturbations are.
    problems
        Grows by what is wrong, here and in `read`.
    """

    def __init__(self, metadata: MetadataConfig, problems: list[Problem]) -> None:
        self._metadata, self._problems = metadata, problems
        self._perturbations = read_perturbations(metadata, problems)
        self._annotations = read_annotations(metadata, problems)
        self._sheets: dict[str, tuple[list[tuple[int, Row]], list[Problem]]] = {}
        self._read: dict[tuple[str, PlateFormat, frozenset[str]], MapContent] = {}

    def read(self, platemap: str, plate: PlateFormat, wells: frozenset[str]) -> MapContent:
        """Read a plate map and look every well's perturbation up.

        Parameters
        ----------
        platemap
            Path of the plate map.
        plate
            Its physical grid; a well outside is a problem.
        wells
            Wells that were imaged; empty for all of the map.
        """
        key = (platemap, plate, wells)
        if key not in self._read:
            rows, problems = self._sheet(platemap)
            problems = list(problems)
            treatments = self._treatments(rows, platemap, plate, wells, problems)
            self._read[key] = MapContent(treatments, not problems)
            self._problems.extend(problem for problem in problems if problem not in self._problems)
        return self._read[key]

    def _sheet(self, platemap: str) -> tuple[list[tuple[int, Row]], list[Problem]]:
        if platemap not in self._sheets:
            metadata, problems = self._metadata, []
            required = [name for name in (metadata.well, metadata.key, metadata.dose) if name]
            rows = read_sheet(platemap, required, "plates sheet, column platemap", problems)
            self._sheets[platemap] = rows, problems
        return self._sheets[platemap]

    def _treatments(
        self,
        rows: list[tuple[int, Row]],
        platemap: str,
        plate: PlateFormat,
        wells: frozenset[str],
        problems: list[Problem],
    ) -> tuple[Treatment, ...]:
        metadata = self._metadata
        found: dict[tuple[int, int], Treatment] = {}
        lines: dict[tuple[int, int], int] = {}
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
                    Problem(
                        f"{place} {metadata.well}",
                        f"{well} a second time (first in row {lines[position]})",
                        "each well once",
                        "remove one of the rows",
                    )
                )
                continue
            if wells and well not in wells:
                continue
            treatment = _treatment(well, row, place, metadata, self._perturbations, self._annotations, problems)
            if treatment is not None:
                found[position], lines[position] = treatment, line
        return tuple(found[position] for position in sorted(found))


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
            problems.append(_nothing_given(f"{place} {metadata.key}", row[metadata.key]))
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
    return Treatment(well, known.name, dose, moa, control, known.wild_type)


def _nothing_given(place: str, cell: str) -> Problem:
    found, remedy = "an empty cell", "fill the cell, remove the row"
    if cell:
        # A genotype may well be called Null.
        found, remedy = f"{cell!r}, which reads as an empty cell", f"call it something else, such as GENE-{cell}"
    remedy += ", or set metadata.empty to the name of what an empty cell means"
    return Problem(place, found, "what the well was given", remedy)


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
