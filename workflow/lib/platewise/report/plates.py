"""Plates on their physical grid: vector maps with a word for every well, and small overviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from platewise.columns import NEGCON, POSCON
from platewise.errors import DataError
from platewise.plan.wells import FORMATS, ROW_NAMES, PlateFormat, parse_well
from platewise.report.colours import scale_colours
from platewise.report.numbers import significant
from platewise.report.pngs import data_uri, encode_png

CELL = 22
MARGIN = 24
LAYOUT = {
    "": ("#a9c8dc", "", "treatment"),
    NEGCON: ("#3b4a57", "N", "negative control"),
    POSCON: ("#d55e00", "P", "positive control"),
}


@dataclass(frozen=True)
class WellShape:
    """One well in a map: place in the drawing, fill, letter on it and the words shown on hovering."""

    x: int
    y: int
    fill: str
    letter: str
    words: str
    flagged: bool


@dataclass(frozen=True)
class PlateMap:
    """A drawing of a plate. ``low`` and ``high`` are the ends of the colour scale in words; empty without a scale."""

    id: str
    title: str
    description: str
    width: int
    height: int
    wells: list[WellShape]
    row_names: list[tuple[int, str]]
    column_names: list[tuple[int, str]]
    low: str = ""
    high: str = ""


def plate_grid(plate_format: int) -> PlateFormat:
    """Return the grid of a plate with that many wells.

    Raises
    ------
    DataError
        If no plate has that many.
    """
    if plate_format not in FORMATS:
        allowed = ", ".join(map(str, FORMATS))
        raise DataError(f"report: a plate of {plate_format} wells; expected one of {allowed}. Hint: set the format.")
    return FORMATS[plate_format]


def heat_map(
    id: str,
    title: str,
    unit: str,
    plate_format: int,
    values: Mapping[str, float],
    words: Mapping[str, str],
    flagged: frozenset[str] = frozenset(),
    from_zero: bool = False,
) -> PlateMap:
    """Draw a number per well on viridis, clipped to the percentiles 1 and 99; a well without a number stays white."""
    low, high = colour_limits(values.values(), from_zero)
    shapes = []
    for well, value in values.items():
        known = np.isfinite(value)
        fill = _hex(scale_colours(np.array(value, float), low, high)) if known else "#ffffff"
        said = f"{significant(value)} {unit}".strip() if known else "not measured"
        shapes.append(_shape(well, fill, "" if known else "–", f"{words[well]}: {said}", well in flagged))
    description = f"Plate map of {title}, {unit}, from {significant(low)} to {significant(high)}"
    return _drawing(id, title, description, plate_format, shapes, significant(low), significant(high))


def layout_map(
    id: str, plate_format: int, controls: Mapping[str, str], words: Mapping[str, str], flagged: frozenset[str]
) -> PlateMap:
    """Draw what each well was given; negative controls carry an N, positive ones a P."""
    shapes = []
    for well, control in controls.items():
        fill, letter, kind = LAYOUT.get(control, LAYOUT[""])
        shapes.append(_shape(well, fill, letter, f"{words[well]} ({kind})", well in flagged))
    number = {kind: sum(control == kind for control in controls.values()) for kind in (NEGCON, POSCON)}
    description = (
        f"Layout of the plate: {len(controls)} wells used, {number[NEGCON]} negative controls, "
        f"{number[POSCON]} positive controls"
    )
    return _drawing(id, "Layout", description, plate_format, shapes)


def colour_limits(values: object, from_zero: bool) -> tuple[float, float]:
    """Ends of a colour scale: the percentiles 1 and 99 of the finite values, the lower one 0 if asked for."""
    known = np.array([value for value in values if np.isfinite(value)], float)
    if known.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(known, [1, 99])
    return (0.0 if from_zero else float(low)), float(high)


def overview_png(plate_format: int, values: Mapping[str, float], low: float, high: float) -> str:
    """A pixel a well, as an image source: for small multiples. Wells without a value are light grey."""
    grid = plate_grid(plate_format)
    pixels = np.full((grid.rows, grid.columns, 3), 232, np.uint8)
    for well, value in values.items():
        if np.isfinite(value):
            pixels[_place(well, grid)] = scale_colours(np.array(value, float), low, high)
    return data_uri(encode_png(pixels))


def _shape(well: str, fill: str, letter: str, words: str, flagged: bool) -> WellShape:
    row, column = parse_well(well)
    return WellShape(MARGIN + column * CELL, MARGIN + row * CELL, fill, letter, words, flagged)


def _drawing(
    id: str, title: str, description: str, plate_format: int, shapes: list[WellShape], low: str = "", high: str = ""
) -> PlateMap:
    grid = plate_grid(plate_format)
    outside = [shape.words for shape in shapes if shape.x >= MARGIN + grid.columns * CELL]
    outside += [shape.words for shape in shapes if shape.y >= MARGIN + grid.rows * CELL]
    if outside:
        raise DataError(
            f"report: well {outside[0]!r} lies outside a plate of {plate_format} wells. "
            "Hint: correct the plate's format."
        )
    return PlateMap(
        id=id,
        title=title,
        description=description,
        width=MARGIN + grid.columns * CELL + 2,
        height=MARGIN + grid.rows * CELL + 2,
        wells=shapes,
        row_names=[(MARGIN + row * CELL + CELL // 2, ROW_NAMES[row]) for row in range(grid.rows)],
        column_names=[(MARGIN + column * CELL + CELL // 2, str(column + 1)) for column in range(grid.columns)],
        low=low,
        high=high,
    )


def _place(well: str, grid: PlateFormat) -> tuple[int, int]:
    row, column = parse_well(well)
    if row >= grid.rows or column >= grid.columns:
        raise DataError(
            f"report: well {well!r} lies outside a plate of {grid.wells} wells. Hint: correct the plate's format."
        )
    return row, column


def _hex(colour: np.ndarray) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour.tolist())
