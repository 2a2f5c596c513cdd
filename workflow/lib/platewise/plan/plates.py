"""The sheet of plates, and each plate with its wells and blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from platewise.columns import NEGCON
from platewise.config.blocks import BlocksConfig
from platewise.config.metadata import MetadataConfig
from platewise.errors import ConfigError, Problem
from platewise.plan.blocks import Blocks, cut_plate
from platewise.plan.sheets import Row, expand, read_sheet
from platewise.plan.treatments import PlateMaps, Treatment
from platewise.plan.wells import FORMATS, normal_well

# Names become folders and wildcards: no separators, no leading dot, nothing a shell would read.
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
REQUIRED_COLUMNS = ["plate", "batch", "reader", "images", "platemap"]


@dataclass(frozen=True)
class PlateRow:
    """One row of the sheet of plates, checked and typed.

    ``format`` is the number of wells of the physical plate; ``fields_per_well`` is None where the images decide;
    ``wells`` are the imaged wells, empty for all of the plate map.
    """

    plate: str
    batch: str
    reader: str
    images: str
    platemap: str
    format: int
    fields_per_well: int | None
    wells: tuple[str, ...]

    def as_param(self) -> dict[str, Any]:
        """Return the row as plain values for a rule's ``params``."""
        return asdict(self) | {"wells": list(self.wells)}

    @classmethod
    def from_param(cls, values: dict[str, Any]) -> PlateRow:
        """Undo `as_param`."""
        return cls(**{**values, "wells": tuple(values["wells"])})


@dataclass(frozen=True)
class Plate:
    """A plate with its treatments, in plate order."""

    row: PlateRow
    treatments: tuple[Treatment, ...]
    blocks_config: BlocksConfig

    @cached_property
    def blocks(self) -> Blocks:
        """Block name to its (well, site); site None stands for all sites of the well."""
        wells = tuple(treatment.well for treatment in self.treatments)
        return cut_plate(wells, FORMATS[self.row.format], self.row.fields_per_well, self.blocks_config)


def read_plate(row: PlateRow, metadata: MetadataConfig, blocks: BlocksConfig = BlocksConfig()) -> Plate:  # noqa: B008 - frozen
    """Read one plate's map again, inside a job.

    Raises
    ------
    ConfigError
        If the sheets have changed for the worse since the campaign was planned.
    """
    problems: list[Problem] = []
    plate = _plate(row, PlateMaps(metadata, problems), blocks, problems)
    if problems:
        raise ConfigError(problems, f"plate {row.plate} cannot be read")
    return plate


def read_plates(
    sheet: str,
    plate_format: int,
    readers: Iterable[str],
    metadata: MetadataConfig,
    blocks: BlocksConfig,
    problems: list[Problem],
) -> dict[str, Plate]:
    """Read and check the sheet of plates and every plate map.

    Parameters
    ----------
    sheet
        Path of the sheet (``plates.tsv``).
    plate_format
        Number of wells where the sheet's ``format`` column is empty or absent.
    readers
        Names that the ``reader`` column may have.
    metadata, blocks
        Sections of the config.
    problems
        Grows by what is wrong, each with file, row, value, allowed values and remedy.

    Returns
    -------
    plates
        By name, in the order of the sheet.
    """
    rows: dict[str, PlateRow] = {}
    for line, cells in read_sheet(sheet, REQUIRED_COLUMNS, "config, key plates", problems):
        row = _row(cells, f"{sheet}, row {line}, column", plate_format, sorted(readers), blocks, problems)
        if row is None:
            continue
        if row.plate in rows:
            problems.append(
                Problem(
                    f"{sheet}, row {line}, column plate",
                    f"{row.plate!r} a second time",
                    "each plate once",
                    "rename the plate or remove the row",
                )
            )
            continue
        rows[row.plate] = row
    if not rows and not problems:
        problems.append(Problem(sheet, "no plate", "at least one row", "add a row for each plate"))
    maps = PlateMaps(metadata, problems)
    return {
        name: _plate(row, maps, blocks, problems)
        for name, row in rows.items()
        if Path(row.platemap).is_file() or _missing_map(sheet, row, problems)
    }


def _missing_map(sheet: str, row: PlateRow, problems: list[Problem]) -> bool:
    problems.append(
        Problem(
            f"{sheet}, plate {row.plate}, column platemap",
            repr(row.platemap),
            "a file that exists",
            "correct the path; it counts from where snakemake runs",
        )
    )
    return False


def _plate(row: PlateRow, maps: PlateMaps, blocks: BlocksConfig, problems: list[Problem]) -> Plate:
    found = maps.read(row.platemap, FORMATS[row.format], frozenset(row.wells))
    unknown = sorted(set(row.wells) - {treatment.well for treatment in found.treatments})
    if unknown and found.sound:
        problems.append(
            Problem(
                f"plates sheet, plate {row.plate}, column wells",
                ", ".join(unknown),
                f"wells that {row.platemap} lists",
                "correct the wells or the plate map",
            )
        )
    elif found.sound and not any(treatment.control_type == NEGCON for treatment in found.treatments):
        problems.append(
            Problem(
                f"{row.platemap}, plate {row.plate}",
                "no negative control",
                "at least one well whose perturbation is a negative control",
                "name it in metadata.negcon, or write negcon into the column that metadata.control_type names",
            )
        )
    return Plate(row, found.treatments, blocks)


def _row(
    cells: Row, place: str, plate_format: int, readers: list[str], blocks: BlocksConfig, problems: list[Problem]
) -> PlateRow | None:
    before = len(problems)

    def wrong(column: str, found: str, expected: str, remedy: str) -> None:
        problems.append(Problem(f"{place} {column}", found, expected, remedy))

    for column in ("plate", "batch"):
        if not re.fullmatch(NAME_PATTERN, cells[column]):
            wrong(
                column,
                repr(cells[column]),
                "letters, digits, '_', '-' and '.', a letter or digit first",
                "rename it; the name becomes a folder",
            )
    if cells["reader"] not in readers:
        wrong(
            "reader",
            repr(cells["reader"]),
            f"one of {', '.join(readers)}",
            "use a built-in reader, or define one under readers: in the config",
        )
    images = expand(cells["images"], f"{place} images", problems)
    platemap = expand(cells["platemap"], f"{place} platemap", problems)
    if len(problems) == before and not Path(images).is_dir():
        wrong("images", repr(images), "a folder that exists", "correct the path; it counts from where snakemake runs")
    format_text = cells.get("format") or str(plate_format)
    if not format_text.isdigit() or int(format_text) not in FORMATS:
        wrong("format", repr(format_text), f"one of {', '.join(map(str, FORMATS))}", "give the plate's number of wells")
    fields_text = cells.get("fields_per_well", "")
    if fields_text and (not fields_text.isdigit() or int(fields_text) < 1):
        wrong("fields_per_well", repr(fields_text), "a whole number from 1 up, or empty", "correct the cell")
    if blocks.unit == "field" and not fields_text:
        wrong(
            "fields_per_well",
            "an empty cell",
            "a whole number, since blocks.unit is field",
            "give the number of fields, or set blocks.unit to wells",
        )
    wells = []
    for text in cells.get("wells", "").replace(",", " ").split():
        try:
            wells.append(normal_well(text))
        except ValueError:
            wrong("wells", repr(text), "wells such as A01, parted by blanks", "correct the cell")
    if len(problems) > before:
        return None
    return PlateRow(
        cells["plate"],
        cells["batch"],
        cells["reader"],
        images,
        platemap,
        int(format_text),
        int(fields_text) if fields_text else None,
        tuple(sorted(set(wells))),
    )
