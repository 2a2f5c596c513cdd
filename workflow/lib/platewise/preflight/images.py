"""The images of a campaign's plates, looked at before any job: all names, and some or all of the files."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from platewise.columns import SITE, WELL
from platewise.config.images import ImagesConfig
from platewise.errors import DataError
from platewise.fields import BadFieldError, read_channel
from platewise.inventory import OK, PlateListing, check_fields, expected_wells, field_status, list_plate
from platewise.plan.plates import Plate
from platewise.preflight.findings import Finding, error, warning
from platewise.readers.registry import resolve_reader

Field = tuple[str, int]
_NAMED = 5


@dataclass(frozen=True)
class PlateImages:
    """What was found of a plate's images.

    ``fields`` counts each block's fields, ``read`` is the number of fields of which files were opened, ``bad`` holds
    the fields that cannot be used, each with its reason, ``height`` and ``width`` are those of the images in pixels (0
    if none could be read).
    """

    plate: str
    fields: dict[str, int] = field(default_factory=dict)
    read: int = 0
    bad: dict[Field, str] = field(default_factory=dict)
    height: int = 0
    width: int = 0
    findings: tuple[Finding, ...] = ()


def check_plate(plate: Plate, images: ImagesConfig, sample: int | None, seed: int, threads: int) -> PlateImages:
    """List a plate's images, then read headers and pixels of a sample of its fields.

    Parameters
    ----------
    plate, images
        The plate of the plan, and the config's section.
    sample
        How many fields to read, 1 or more, spread over the plate; None for all.
    seed
        Decides which fields.
    threads
        Images read at a time.
    """
    name = plate.row.plate
    try:
        listing = list_plate(
            plate.row.images,
            resolve_reader(plate.row.reader, images.readers),
            name,
            expected_wells(plate.blocks),
            images.channels,
            fields_per_well=plate.row.fields_per_well,
        )
    except DataError as failed:
        return PlateImages(name, findings=(Finding(failed, stops=True),))
    fields = list(listing.images)
    flawed = set(listing.flawed)
    chosen = spread([at for at in fields if at not in flawed], sample, seed)
    table = check_fields(listing, [at for at in fields if at in flawed or at in chosen], threads)
    status = field_status(table)
    unusable = status[status["Status"] != OK]
    bad = dict(zip(zip(unusable[WELL], unusable[SITE], strict=True), unusable["Reason"], strict=True))
    share = bad_share(len(fields), len(flawed), len(chosen), len(bad) - len(flawed))
    pixels = _unreadable(table, threads)
    readable = table[table["Status"] == OK]
    height, width = (0, 0) if readable.empty else (int(readable[side].mode()[0]) for side in ("Height", "Width"))
    everything = bad | pixels
    return PlateImages(
        name,
        {block: len(members) for block, members in listing.fields.items()},
        len(chosen),
        {at: everything[at] for at in fields if at in everything},
        height,
        width,
        tuple(_judge(plate, listing, share, everything, len(chosen), images.max_bad_fields)),
    )


def spread(fields: list[Field], number: int | None, seed: int) -> set[Field]:
    """Choose ``number`` fields, one at random from each of as many equal stretches of the plate; None for all."""
    if number is None or number >= len(fields):
        return set(fields)
    rng = np.random.default_rng(seed)
    edges = np.linspace(0, len(fields), number + 1).astype(int)
    return {fields[int(rng.integers(low, high))] for low, high in pairwise(edges)}


def bad_share(fields: int, flawed: int, read: int, bad_read: int) -> float:
    """Estimate the share of bad fields, 0 to 1: those known by name, and of the others what the sample tells."""
    others = (fields - flawed) * bad_read / read if read else 0.0
    return (flawed + others) / fields if fields else 0.0


def _unreadable(table: pd.DataFrame, threads: int) -> dict[Field, str]:
    """Decode the images whose headers were sound, and return the fields that cannot be used with their reasons."""
    rows = [row for _, row in table[table["Status"] == OK].iterrows()]
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        reasons: dict[Field, list[str]] = {}
        for row, reason in zip(rows, pool.map(_reason, rows), strict=True):
            if reason:
                reasons.setdefault((row[WELL], int(row[SITE])), []).append(reason)
    return {at: "; ".join(own) for at, own in reasons.items()}


def _reason(row: pd.Series) -> str:
    try:
        read_channel(row)
    except BadFieldError as bad:
        return bad.reason
    return ""


def _judge(
    plate: Plate, listing: PlateListing, share: float, bad: dict[Field, str], read: int, limit: float
) -> Iterable[Finding]:
    """Say what the bad fields mean for the plate. Only what the inventory sees counts towards ``max_bad_fields``."""
    name, folder, fields = plate.row.plate, plate.row.images, len(listing.images)
    if not bad:
        return
    few = [f"{well} site {site} ({reason})" for (well, site), reason in list(bad.items())[:_NAMED]]
    more = f", and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    # The sample is drawn from the fields without a flaw; those with one were judged by their names.
    flawed = len(listing.flawed)
    known = f"all {fields}" if read + flawed >= fields else f"{read + flawed} of {fields}"
    found = f"{len(bad)} bad field(s) among {known} looked at: {', '.join(few)}{more}"
    if share > limit:
        yield error(
            f"plate {name}, {folder}",
            f"about {share:.0%} of the fields bad; {found}",
            f"at most {limit:.0%} (images.max_bad_fields)",
            "copy the images again from the microscope, take wells that were never imaged off the plate map, or raise "
            "max_bad_fields to go on without these fields",
        )
    else:
        yield warning(
            f"plate {name}, {folder}",
            found,
            "images that can be read",
            "copy them again; otherwise these fields are left out and the report lists them",
        )
