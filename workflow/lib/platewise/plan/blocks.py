"""Blocks: the unit of a job, cut on the physical plate and named for it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from platewise.config.blocks import BlocksConfig
from platewise.plan.wells import PlateFormat, parse_well, well_name

# Every name that `block_names` makes, for wildcard constraints: A01-A16, A01 or A01-f01.
BLOCK_PATTERN = r"[A-Z]{1,2}\d\d(?:-(?:[A-Z]{1,2}\d\d|f\d\d+))?"


# Block name to its (well, site); site None stands for all sites of the well.
Blocks = dict[str, list[tuple[str, int | None]]]


@lru_cache(maxsize=64)
def cut_plate(wells: tuple[str, ...], plate: PlateFormat, fields_per_well: int | None, config: BlocksConfig) -> Blocks:
    """Cut a plate into blocks as the config says. Plates of the same wells share one answer: do not change it.

    Parameters
    ----------
    wells
        Names of the wells, in plate order.
    plate
        The physical grid.
    fields_per_well
        Number of fields, needed where every field is a block.
    config
        Section ``blocks`` of the config.
    """
    if config.unit == "field":
        return {name: [place] for name, place in cut_fields(wells, fields_per_well or 0).items()}
    cut = cut_wells(wells, plate, config.wells_per_block)
    return {name: [(well, None) for well in members] for name, members in cut.items()}


def cut_wells(wells: Iterable[str], plate: PlateFormat, wells_per_block: int) -> dict[str, list[str]]:
    """Group wells into runs of ``wells_per_block`` along the rows of the physical plate.

    A block is named for its first and last place on the plate, whether or not those wells are used, so that adding
    a well to the plate map renames nothing. Blocks without a well are left out.

    Returns
    -------
    blocks
        Block name to its wells, both in plate order.
    """
    blocks: dict[str, list[str]] = {}
    for row, column in sorted(parse_well(well) for well in wells):
        place = row * plate.columns + column
        blocks.setdefault(_name(place // wells_per_block, plate, wells_per_block), []).append(well_name(row, column))
    return blocks


def cut_fields(wells: Iterable[str], fields_per_well: int) -> dict[str, tuple[str, int]]:
    """Give every field a block of its own: block name to (well, site), sites counted from 1."""
    places = sorted(parse_well(well) for well in wells)
    return {
        f"{well_name(*place)}-f{site:02d}": (well_name(*place), site)
        for place in places
        for site in range(1, fields_per_well + 1)
    }


def _name(number: int, plate: PlateFormat, wells_per_block: int) -> str:
    first = number * wells_per_block
    last = min(first + wells_per_block, plate.wells) - 1
    names = [well_name(*divmod(place, plate.columns)) for place in (first, last)]
    return names[0] if first == last else "-".join(names)
