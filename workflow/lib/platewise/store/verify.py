"""Holding plate stores against their manifests, and tables against themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from platewise.columns import SITE, WELL
from platewise.errors import DataError
from platewise.plan.campaign import Campaign
from platewise.plan.jobs import Job, list_jobs
from platewise.store.commit import find_commit
from platewise.store.fields import hash_label, read_label
from platewise.store.paths import HASH_COLUMNS
from platewise.tables import read_table

# What a block holds: (well, site); site None stands for all sites of the well.
Places = Sequence[tuple[str, int | None]]
Check = Callable[[Path], "Damage | None"]
# `map`, or that of a pool of processes.
Each = Callable[[Check, Sequence[Path]], Iterable["Damage | None"]]


# Stages whose tables are looked after in a way of their own.
_KINDS = {"segment": "segment", "train": "learned", "segmenter": "learned"}


@dataclass(frozen=True)
class Damage:
    """A manifest or another table that does not hold, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What was found of a plate, or (``name`` empty) among the tables of the campaign.

    ``blocks`` are damaged manifests, ``tables`` other damaged tables, ``kept`` damaged tables that are not removed,
    ``leftovers`` what belongs to nothing.
    """

    name: str
    checked: int
    blocks: list[Damage]
    tables: list[Damage]
    kept: list[Damage]
    leftovers: list[Path]

    @property
    def damages(self) -> int:
        """How many tables are damaged."""
        return len(self.blocks) + len(self.tables) + len(self.kept)


def verify_campaign(
    campaign: Campaign, remove: bool, workers: int = 1, before_plate: Callable[[], None] = lambda: None
) -> Iterator[Verdict]:
    """Check every plate of a campaign, then the campaign's own tables.

    Parameters
    ----------
    campaign
        The campaign; its paths count from the working directory.
    remove
        Whether to delete what is damaged, so that the next run makes it again. What an embedding or a segmenter learned
        is kept, whatever becomes of the record of its training: making that again would train it anew.
    workers
        Processes.
    before_plate
        Called before each plate: raises if nothing may be removed any more.

    Raises
    ------
    DataError
        If the campaign has no table at all.
    """
    jobs = list_jobs(campaign)
    if not any(Path(path).exists() for job in jobs for path in job.tables):
        raise DataError(
            f"{campaign.folder}: found no table of this campaign. Hint: run it first, or correct `results:`."
        )
    # A fresh process: one forked from here could inherit locks that pyarrow's threads hold.
    fresh = get_context("forkserver")
    with ProcessPoolExecutor(workers, fresh) if workers > 1 else nullcontext() as pool:
        each = map if pool is None else pool.map
        for name in [*campaign.plates, ""]:
            before_plate()
            folder, blocks = campaign.folder / "plates" / name, campaign.plates[name].blocks if name else {}
            yield _verdict(name, folder, blocks, [job for job in jobs if job.plate == name], remove, each)


def _verdict(
    name: str, folder: Path, blocks: Mapping[str, Places], jobs: Sequence[Job], remove: bool, each: Each
) -> Verdict:
    tables: dict[str, list[Path]] = {"segment": [], "learned": [], "other": []}
    for job in jobs:
        kind = _KINDS.get(job.stage.partition(":")[0], "other")
        tables[kind] += [path for path in map(Path, job.tables) if path.exists()]
    return Verdict(
        name,
        sum(map(len, tables.values())),
        verify_blocks(tables["segment"], folder / "plate.zarr", remove, each),
        verify_tables(tables["other"], remove, each),
        verify_tables(tables["learned"], False, each),
        list(find_leftovers(folder, blocks)) if blocks else [],
    )


def find_damage(manifest: Path, store: Path) -> Damage | None:
    """Return the first thing wrong with a block, None if its manifest holds.

    That is a manifest that cannot be read, a field that is gone, damaged or made from other inputs than the manifest
    lists, or a label that is not the one it lists.
    """
    try:
        table = read_table(manifest)
        for row in table[table["Status"] == "ok"].to_dict("records"):
            well, site = row[WELL], int(row[SITE])
            commit = find_commit(store, well, site)
            if commit is None:
                return Damage(manifest, f"{well} field {site}: the field is gone, or what it says of itself is damaged")
            if commit.digest != row["Digest"]:
                return Damage(manifest, f"{well} field {site}: the field was made from other inputs than those listed")
            for name, column in HASH_COLUMNS.items():
                if hash_label(read_label(store, well, site, name)) != row[column]:
                    return Damage(manifest, f"{well} field {site}: the label {name} is not the one listed")
    # Text that is no text is a ValueError; a column that is not there, a KeyError.
    except (DataError, ValueError, KeyError) as error:
        return Damage(manifest, _without_path(error, manifest))
    return None


def find_table_damage(table: Path) -> Damage | None:
    """Return what is wrong with a Parquet table, None if all of it can be read."""
    try:
        read_table(table)
    except (DataError, ValueError) as error:
        return Damage(table, _without_path(error, table))
    return None


def verify_blocks(manifests: Sequence[Path], store: Path, remove: bool, each: Each = map) -> list[Damage]:
    """Check a plate's blocks; with ``remove``, delete the manifests that do not hold, so that they are made again.

    Parameters
    ----------
    manifests
        The manifests; those that are missing are passed over.
    store
        The plate store.
    remove
        Whether to delete what is damaged, or only to return it.
    each
        ``map``, or that of a pool of processes.
    """
    return _damages(partial(find_damage, store=store), manifests, remove, each)


def verify_tables(tables: Sequence[Path], remove: bool, each: Each = map) -> list[Damage]:
    """Check tables; with ``remove``, delete those that cannot be read, so that they are made again."""
    return _damages(find_table_damage, tables, remove, each)


def find_leftovers(folder: Path, blocks: Mapping[str, Places]) -> Iterator[Path]:
    """Yield what lies in a plate's folder and belongs to nothing: fields that no manifest lists, temporary names.

    Fields of a block without a manifest are at work, or wait for it, and belong to it.

    Parameters
    ----------
    folder
        The plate's folder of results.
    blocks
        The plate's blocks.
    """
    listed: set[tuple[str, int]] = set()
    awaited: set[tuple[str, int | None]] = set()
    for block, places in blocks.items():
        try:
            table = read_table(folder / "fields" / f"{block}.parquet", [WELL, SITE, "Status"])
        except DataError:
            awaited.update(places)
            continue
        good = table[table["Status"] == "ok"]
        listed.update((str(well), int(site)) for well, site in zip(good[WELL], good[SITE], strict=True))
    for pattern in (".*.tmp", "*/.*.tmp", "*/*/.*.tmp"):
        yield from sorted(folder.glob(pattern))
    for well, entry in _well_entries(folder / "plate.zarr"):
        if entry.name.startswith("."):
            yield entry
        elif entry.name.isdigit():
            field = (well, int(entry.name))
            if field not in listed and field not in awaited and (well, None) not in awaited:
                yield entry


def _well_entries(store: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name of each well in the store with each thing in its folder."""
    for row in _folders(store):
        for column in _folders(row):
            for entry in sorted(column.iterdir()):
                yield row.name + column.name, entry


def _folders(parent: Path) -> list[Path]:
    with suppress(FileNotFoundError), os.scandir(parent) as entries:
        return sorted(Path(entry) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    return []


def _damages(check: Check, paths: Sequence[Path], remove: bool, each: Each) -> list[Damage]:
    damages = [damage for damage in each(check, [path for path in paths if path.exists()]) if damage is not None]
    for damage in damages if remove else ():
        # As it is now: it may have been made anew since it was read.
        if check(damage.path) is not None:
            damage.path.unlink(missing_ok=True)
    return damages


def _without_path(error: Exception, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ") or type(error).__name__
