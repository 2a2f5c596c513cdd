"""The inventory of a plate: every image that should be there, and what is wrong with it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import PLATE, SITE, WELL
from platewise.config.images import ReaderConfig
from platewise.errors import DataError
from platewise.plan.wells import parse_well
from platewise.readers.images import Header, ImageError, read_header
from platewise.readers.registry import list_images
from platewise.tables import read_provenance, read_table, write_table

OK, BAD = "ok", "bad"
# Zeros stand for what is not known of a missing file: integer columns stay integers and hash alike everywhere.
INVENTORY_DTYPES = {
    PLATE: "str",
    WELL: "str",
    SITE: "int64",
    "Channel": "str",
    "Path": "str",
    "Size": "int64",
    "MtimeNs": "int64",
    "Dtype": "str",
    "Height": "int64",
    "Width": "int64",
    "Status": "str",
    "Reason": "str",
}
_NAMED = 20
_LOG = logging.getLogger(__name__)

Wells = Sequence[tuple[str, Sequence[int] | None]]


@dataclass(frozen=True)
class _Image:
    """One expected image: the files found for it and, once read, what they are."""

    well: str
    site: int
    channel: str
    paths: tuple[str, ...] = ()
    header: Header | None = None
    reason: str = ""


@dataclass(frozen=True)
class PlateListing:
    """What a plate should have, by name, and the files found for it.

    ``fields`` holds each block's (well, site) pairs in the plate's order, ``images`` each field's images.
    """

    plate: str
    fields: dict[str, list[tuple[str, int]]]
    images: dict[tuple[str, int], list[_Image]]

    @property
    def flawed(self) -> list[tuple[str, int]]:
        """Fields of which the names alone tell that an image is missing, there twice, or marked as bad."""
        return [field for field, row in self.images.items() if any(image.reason for image in row)]


def inventory_plate(
    folder: str | Path,
    reader: ReaderConfig,
    plate: str,
    wells_by_block: Mapping[str, Wells],
    channels: Mapping[str, str],
    *,
    fields_per_well: int | None = None,
    max_bad_fields: float = 0.2,
    threads: int = 1,
) -> dict[str, pd.DataFrame]:
    """List and check every image of a plate, block by block. Only headers are read, never pixels.

    Parameters
    ----------
    folder, reader, channels
        As for ``readers.registry.list_images``.
    plate
        Goes into ``Metadata_Plate``.
    wells_by_block
        For each block its wells on the plate map, each with its sites, or None for all sites of the plate.
    fields_per_well
        How many sites each well must have. Without it the sites are all that any well of the plate has.
    max_bad_fields
        Largest share of bad fields, 0 to 1. A field is bad when any of its channels is.
    threads
        Headers read at a time.

    Returns
    -------
    dict of str to pandas.DataFrame
        For each block a table of the contract's inventory columns (``INVENTORY_DTYPES``), a row per field and
        channel, sorted by well, site and channel in the config's order. ``Status`` and ``Reason`` are those of the
        image; ``field_status`` joins them by field. Size, MtimeNs, Height, Width are 0 and Dtype is empty where the
        file could not be read.

    Raises
    ------
    DataError
        If the plate cannot be listed, no image lies in a well of the plate map, the sites contradict
        ``fields_per_well``, or more than ``max_bad_fields`` of the fields are bad.
    """
    listing = list_plate(folder, reader, plate, wells_by_block, channels, fields_per_well=fields_per_well)
    images = _judge(_read_headers(listing.images, threads))
    tables = {block: _table(plate, [images[field] for field in fields]) for block, fields in listing.fields.items()}
    _refuse_too_many(folder, plate, images, max_bad_fields)
    return tables


def expected_wells(blocks: Mapping[str, Sequence[tuple[str, int | None]]]) -> dict[str, Wells]:
    """Return the wells and sites to expect in each of a planned plate's blocks (``plan.plates.Plate.blocks``)."""
    return {
        block: [(well, None if site is None else [site]) for well, site in members] for block, members in blocks.items()
    }


def list_plate(
    folder: str | Path,
    reader: ReaderConfig,
    plate: str,
    wells_by_block: Mapping[str, Wells],
    channels: Mapping[str, str],
    *,
    fields_per_well: int | None = None,
) -> PlateListing:
    """List the images that a plate should have, and the files found for them. No file is opened.

    Parameters
    ----------
    folder, reader, plate, wells_by_block, channels, fields_per_well
        As for ``inventory_plate``.

    Raises
    ------
    DataError
        As ``inventory_plate``, but however many images are missing.
    """
    listing = list_images(folder, reader, channels)
    fields = _expected_fields(folder, plate, listing.images, wells_by_block, fields_per_well)
    _log_ignored(plate, listing.images, listing.ignored, fields)
    wanted = {field for sites in fields.values() for field in sites}
    return PlateListing(plate, fields, _expected_images(listing.images, wanted, list(channels)))


def check_fields(listing: PlateListing, fields: Iterable[tuple[str, int]], threads: int = 1) -> pd.DataFrame:
    """Read the headers of some fields' images and return the rows that ``inventory_plate`` would have for them.

    An image is held against the size and type that most of these fields have, so give it more than one or two.
    """
    chosen = {field: listing.images[field] for field in fields}
    return _table(listing.plate, list(_judge(_read_headers(chosen, threads)).values()))


def write_inventory(
    outputs: Mapping[str, str | Path],
    *,
    folder: str | Path,
    reader: ReaderConfig,
    plate: str,
    wells_by_block: Mapping[str, Wells],
    channels: Mapping[str, str],
    fields_per_well: int | None = None,
    max_bad_fields: float = 0.2,
    threads: int = 1,
) -> list[Path]:
    """Make a plate's inventory and write each block's file, where its content changed.

    A file that would not change keeps its time of modification, so that adding one well does not make the other blocks
    look new.

    Parameters
    ----------
    outputs
        The Parquet file of each block in ``wells_by_block``.
    folder, reader, plate, wells_by_block, channels, fields_per_well, max_bad_fields, threads
        As for ``inventory_plate``.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    DataError
        As ``inventory_plate``; nothing is written then.
    """
    tables = inventory_plate(
        folder,
        reader,
        plate,
        wells_by_block,
        channels,
        fields_per_well=fields_per_well,
        max_bad_fields=max_bad_fields,
        threads=threads,
    )
    provenance = {
        "stage": "inventory",
        "algorithm": ALGORITHMS["inventory"],
        "reader": reader.model_dump(mode="json"),
        "channels": dict(channels),
    }
    written = []
    for block, table in tables.items():
        path = Path(outputs[block])
        if not _same(table, path, provenance):
            write_table(table, path, provenance, versioned=False)
            written.append(path)
    return written


def field_status(inventory: pd.DataFrame) -> pd.DataFrame:
    """Join an inventory's image statuses into one row a field.

    Parameters
    ----------
    inventory
        Rows of one or more blocks of a plate.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Well``, ``Metadata_Site``, ``Status`` (bad when any channel is), ``Reason`` (``ER: the file is
        missing; DNA: ...``, empty when ok), in the order of the inventory.
    """
    rows = []
    for (well, site), group in inventory.groupby([WELL, SITE], sort=False):
        bad = group[group["Status"] != OK]
        reason = "; ".join(f"{channel}: {why}" for channel, why in zip(bad["Channel"], bad["Reason"], strict=True))
        rows.append((well, site, BAD if len(bad) else OK, reason))
    table = pd.DataFrame(rows, columns=[WELL, SITE, "Status", "Reason"])
    return table.astype({WELL: str, SITE: "int64", "Status": str, "Reason": str})


def _expected_fields(
    folder: str | Path,
    plate: str,
    images: pd.DataFrame,
    wells_by_block: Mapping[str, Wells],
    fields_per_well: int | None,
) -> dict[str, list[tuple[str, int]]]:
    """Return the (well, site) pairs of each block, in the plate's order."""
    wells = {well for block in wells_by_block.values() for well, _ in block}
    on_map = images[images[WELL].isin(wells)]
    if on_map.empty:
        there = sorted(set(images[WELL]), key=parse_well)
        raise DataError(
            f"{folder}: found images of {_shortened(there, 'wells')}; none is among the {len(wells)} wells of plate "
            f"{plate} on its plate map. Hint: check that the folder and the plate map belong together."
        )
    sites = _expected_sites(folder, plate, sorted(set(on_map[SITE].astype(int))), fields_per_well)
    return {
        block: sorted(
            {(well, int(site)) for well, own in entries for site in (sites if own is None else own)},
            key=lambda field: (parse_well(field[0]), field[1]),
        )
        for block, entries in wells_by_block.items()
    }


def _expected_sites(folder: str | Path, plate: str, seen: list[int], fields_per_well: int | None) -> list[int]:
    if fields_per_well is None or len(seen) == fields_per_well:
        return seen
    numbered = list(range(1, fields_per_well + 1))
    if set(seen) <= set(numbered):
        return numbered
    raise DataError(
        f"{folder}: found the sites {', '.join(map(str, seen))} on plate {plate}; expected {fields_per_well} "
        "(fields_per_well). Hint: correct fields_per_well in the plate sheet, or remove files that do not belong there."
    )


def _log_ignored(
    plate: str, images: pd.DataFrame, ignored: pd.DataFrame, fields: Mapping[str, list[tuple[str, int]]]
) -> None:
    expected = {field for sites in fields.values() for field in sites}
    wells = {well for well, _ in expected}
    elsewhere = images[~images[WELL].isin(wells)]
    if len(elsewhere):
        names = _shortened(sorted(set(elsewhere[WELL]), key=parse_well), "wells")
        _LOG.info("plate %s: %d images of %s not on the plate map are ignored", plate, len(elsewhere), names)
    on_map = images[images[WELL].isin(wells)]
    extra = sum(field not in expected for field in zip(on_map[WELL], on_map[SITE], strict=True))
    if extra:
        _LOG.info("plate %s: %d images of sites that were not asked for are ignored", plate, extra)
    for reason, count in ignored["Reason"].value_counts(sort=False).items():
        _LOG.info("plate %s: %d files are ignored: %s", plate, count, reason)


def _expected_images(
    listed: pd.DataFrame, fields: Iterable[tuple[str, int]], channels: Sequence[str]
) -> dict[tuple[str, int], list[_Image]]:
    found: dict[tuple[str, int, str], list[tuple[str, str]]] = {}
    columns = (listed[name] for name in (WELL, SITE, "Channel", "Path", "Problem"))
    for well, site, channel, path, problem in zip(*columns, strict=True):
        found.setdefault((well, int(site), channel), []).append((path, problem))
    return {
        (well, site): [_image(well, site, channel, found.get((well, site, channel), [])) for channel in channels]
        for well, site in sorted(fields, key=lambda field: (parse_well(field[0]), field[1]))
    }


def _image(well: str, site: int, channel: str, found: list[tuple[str, str]]) -> _Image:
    paths = tuple(path for path, _ in found)
    if not found:
        return _Image(well, site, channel, reason="no image of this channel was found")
    if len(found) > 1:
        names = ", ".join(Path(path).name for path in paths)
        return _Image(well, site, channel, paths, reason=f"{len(found)} images of one field and channel: {names}")
    return _Image(well, site, channel, paths, reason=found[0][1])


def _read_headers(images: dict[tuple[str, int], list[_Image]], threads: int) -> dict[tuple[str, int], list[_Image]]:
    flat = [image for row in images.values() for image in row]
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        read = iter(pool.map(_with_header, flat, chunksize=64))
        return {field: [next(read) for _ in row] for field, row in images.items()}


def _with_header(image: _Image) -> _Image:
    if not image.paths:
        return image
    try:
        header = read_header(image.paths[0])
    except ImageError as error:
        reason = image.reason or error.reason
        return _Image(image.well, image.site, image.channel, image.paths, reason=reason)
    return _Image(image.well, image.site, image.channel, image.paths, header, image.reason)


def _judge(images: dict[tuple[str, int], list[_Image]]) -> dict[tuple[str, int], list[_Image]]:
    """Hold each readable image against the size most of the plate and the type most of its channel have."""
    sound = [image for row in images.values() for image in row if image.header and not image.reason]
    if not sound:
        return images
    size = _most_common([(image.header.height, image.header.width) for image in sound])
    types = {
        channel: _most_common([image.header.dtype for image in sound if image.channel == channel])
        for channel in {image.channel for image in sound}
    }
    return {field: [_against(image, size, types) for image in row] for field, row in images.items()}


def _most_common(values: list[Any]) -> Any:
    counts = Counter(values)
    # Ties go to the larger value, so that the order of files never decides.
    return max(counts, key=lambda value: (counts[value], value))


def _against(image: _Image, size: tuple[int, int], types: Mapping[str, str]) -> _Image:
    if image.header is None or image.reason:
        return image
    own = (image.header.height, image.header.width)
    reason = ""
    if own != size:
        reason = f"{own[0]} x {own[1]} pixels where most of the plate has {size[0]} x {size[1]}"
    elif image.header.dtype != types[image.channel]:
        reason = f"pixels of type {image.header.dtype} where most of the channel has {types[image.channel]}"
    return _Image(image.well, image.site, image.channel, image.paths, image.header, reason)


def _table(plate: str, fields: list[list[_Image]]) -> pd.DataFrame:
    rows = [_row(plate, image) for row in fields for image in row]
    return pd.DataFrame(rows, columns=list(INVENTORY_DTYPES)).astype(INVENTORY_DTYPES)


def _row(plate: str, image: _Image) -> tuple[Any, ...]:
    path = image.paths[0] if image.paths else ""
    header = image.header or Header(0, 0, "", 0, 0)
    facts = (header.size, header.mtime_ns, header.dtype, header.height, header.width)
    return plate, image.well, image.site, image.channel, path, *facts, BAD if image.reason else OK, image.reason


def _refuse_too_many(
    folder: str | Path, plate: str, images: dict[tuple[str, int], list[_Image]], max_bad_fields: float
) -> None:
    bad = {field: [image for image in row if image.reason] for field, row in images.items()}
    bad = {field: row for field, row in bad.items() if row}
    if len(bad) <= max_bad_fields * len(images):
        return
    lines = [
        f"  {well} site {site}: {row[0].channel}: {row[0].reason}" for (well, site), row in list(bad.items())[:_NAMED]
    ]
    more = [f"  and {len(bad) - _NAMED} more"] if len(bad) > _NAMED else []
    raise DataError(
        "\n".join(
            [
                f"{folder}: found {len(bad)} of {len(images)} fields of plate {plate} bad; expected at most "
                f"{max_bad_fields:.0%} (max_bad_fields):",
                *lines,
                *more,
                "Hint: copy the images again from the microscope; take wells that were never imaged off the plate map; "
                "or raise `images: max_bad_fields:` in the config to go on without these fields.",
            ]
        )
    )


def _shortened(names: Sequence[str], what: str) -> str:
    return f"{what} {', '.join(names)}" if len(names) <= 10 else f"{len(names)} {what} ({', '.join(names[:10])}, ...)"


def _same(table: pd.DataFrame, path: Path, provenance: dict[str, Any]) -> bool:
    if not path.is_file():
        return False
    try:
        old = read_table(path)
        facts = read_provenance(path)
    except (DataError, OSError, ValueError):
        return False
    return facts == provenance and old.equals(table)
