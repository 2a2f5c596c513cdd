"""Segment the fields of a block and commit each, skipping what is committed already."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from platewise.ahead import run_ahead
from platewise.algorithms import ALGORITHMS
from platewise.columns import PLATE, SITE, WELL
from platewise.config.segmentation import SegmentationConfig
from platewise.config.store import StoreConfig
from platewise.device import DeviceRequest, choose_device, torch_threads
from platewise.errors import DataError
from platewise.fields import MISSING, BadFieldError, ReadFile, read_field
from platewise.illumination import read_illumination
from platewise.inventory import field_status
from platewise.qc.fields import field_quality
from platewise.scratch import Scratch, read_fields
from platewise.segmentation.engine import FieldEngine, FieldLabels, Label, make_engine, needs_torch
from platewise.segmentation.weight_files import label_parameters
from platewise.store.commit import Commit, clean_well, commit_field, digest_of, read_commit, remove_field
from platewise.store.fields import hash_label
from platewise.tables import read_table, write_table

log = logging.getLogger(__name__)

Rows = list[dict[str, object]]


@dataclass(frozen=True)
class SegmentSettings:
    """What `segment_block` needs of the config."""

    channels: list[str]
    pixel_size: float | None
    segmentation: SegmentationConfig
    store: StoreConfig
    saturation_level: float


@dataclass(frozen=True)
class _Field:
    well: str
    site: int
    rows: pd.DataFrame
    digest: str


@dataclass(frozen=True)
class _Batch:
    """Fields that the engine takes at a time: those that could be read, with their images, and those that could not."""

    fields: list[_Field]
    raws: list[npt.NDArray[np.float32]]
    bad: list[tuple[_Field, str]]


def segment_block(
    inventory: Path,
    illumination: Path,
    store: Path,
    manifest: Path,
    plate: str,
    settings: SegmentSettings,
    scratch: Scratch | None = None,
    *,
    device: DeviceRequest = "auto",
    allotted: bool = False,
    threads: int = 1,
) -> None:
    """Segment every readable field of a block and write the block's manifest last.

    A field whose commit was made from the same images, parameters and algorithm is kept. A field that cannot be used
    is in the manifest with ``Status`` ``bad`` and the reason; it never stops the block.

    Parameters
    ----------
    inventory
        The block's inventory table.
    illumination
        The plate's flat fields.
    store
        The plate store, prepared.
    manifest
        Table to write, a row a field.
    plate
        Name of the plate.
    settings
        Sections of the config.
    scratch
        Where images are copied ahead; None reads them in their place.
    device, allotted
        See ``device.choose_device``; for engines that are networks in torch.
    threads
        CPU threads, of networks and of what follows them.
    """
    table = read_table(inventory)
    flat = read_illumination(illumination)
    parameters = label_parameters(settings.segmentation)
    rows: Rows = []
    pending: list[_Field] = []
    for well in dict.fromkeys(table[WELL]):
        clean_well(store, well)
    for (well, site), group in table.groupby([WELL, SITE], sort=False):
        field = _Field(str(well), int(site), group, _digest(group, flat, settings, parameters))
        if group["Status"].ne("ok").any():
            rows.append(_bad(store, plate, field, field_status(group)["Reason"].iloc[0]))
        elif (commit := read_commit(store, field.well, field.site, field.digest)) is not None:
            log.info("%s %s field %d is committed already", plate, field.well, field.site)
            rows.append(_good(plate, field, commit))
        else:
            pending.append(field)
    if pending:
        with _engine(settings, device, allotted, threads) as (engine, on_gpu):
            # A GPU looks at the next fields while cells are grown and written; without one that would only take more
            # memory, and more cores than the job has.
            depth = int(on_gpu)
            made = list(_segment(pending, flat, store, plate, settings, engine, scratch, depth, threads))
        if len(made) > 1 and all(str(row["Reason"]).endswith(MISSING) for row in made):
            # One file was deleted; all of them are a share that is not mounted here.
            raise DataError(
                f"{inventory}: none of {len(made)} fields is there any more, all of which the inventory saw. "
                "Hint: is the share with the images mounted on this node? Run again when it is."
            )
        rows.extend(made)
    facts = {
        "stage": "segment",
        "algorithm": ALGORITHMS["segment"],
        "parameters": parameters,
    }
    write_table(_manifest(rows, settings.channels), manifest, facts, versioned=False)


@contextmanager
def _engine(
    settings: SegmentSettings, device: DeviceRequest, allotted: bool, threads: int
) -> Iterator[tuple[FieldEngine, bool]]:
    """Make the engine, on the device that is to be used, and say whether that is a GPU."""
    if not needs_torch(settings.segmentation):
        # It is never imported then.
        yield make_engine(settings.segmentation, settings.channels, None, threads), False
        return
    with torch_threads(threads):
        chosen = choose_device(device, allotted)
        yield make_engine(settings.segmentation, settings.channels, chosen, threads), chosen.type != "cpu"


def _segment(
    fields: list[_Field],
    flat: npt.NDArray[np.float32] | None,
    store: Path,
    plate: str,
    settings: SegmentSettings,
    engine: FieldEngine,
    scratch: Scratch | None,
    depth: int,
    threads: int,
) -> Iterator[dict[str, object]]:
    """Find nuclei, then cells, and commit the fields; ``depth`` batches go through each of the three at a time."""

    def images(batch: _Batch) -> list[npt.NDArray[np.float32]]:
        return batch.raws if flat is None else [raw / flat for raw in batch.raws]

    def find_nuclei(batch: _Batch) -> tuple[list[Label], int]:
        before = engine.nuclei.halvings
        return engine.find_nuclei(images(batch)) if batch.fields else [], engine.nuclei.halvings - before

    def find_cells(seen: tuple[_Batch, Future[tuple[list[Label], int]]]) -> tuple[list[FieldLabels], int]:
        before = engine.cells.halvings
        batch, (nuclei, halvings) = seen[0], seen[1].result()
        labels = engine.find_cells(images(batch), nuclei) if batch.fields else []
        return labels, halvings + engine.cells.halvings - before

    def write(field: _Field, raw: npt.NDArray[np.float32], labels: FieldLabels, halvings: int) -> dict[str, object]:
        facts = {
            "nuclei_count": int(labels.nuclei.max(initial=0)),
            "cells_count": int(labels.cells.max(initial=0)),
            "batch_halvings": halvings,
            "quality": field_quality(raw, settings.channels, settings.saturation_level),
        }
        commit = commit_field(
            store,
            field.well,
            field.site,
            {"nuclei": labels.nuclei, "cells": labels.cells},
            field.digest,
            facts,
            np.clip(np.rint(raw), 0, 65535).astype(np.uint16) if settings.store.images else None,
            settings.channels,
            settings.pixel_size,
            settings.store.levels,
        )
        log.info("%s %s field %d: %d cells", plate, field.well, field.site, facts["cells_count"])
        return _good(plate, field, commit)

    with_nuclei = run_ahead(find_nuclei, _read_batches(fields, settings, scratch), depth)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for (batch, _), segmented in run_ahead(find_cells, with_nuclei, depth):
            for field, reason in batch.bad:
                yield _bad(store, plate, field, reason)
            found, halvings = segmented.result()
            yield from pool.map(write, batch.fields, batch.raws, found, repeat(halvings))


def _read_batches(fields: list[_Field], settings: SegmentSettings, scratch: Scratch | None) -> Iterator[_Batch]:
    """Read the fields that the engine takes at a time."""

    def read(_: _Field, rows: pd.DataFrame, read_file: ReadFile) -> npt.NDArray[np.float32]:
        return read_field(rows, settings.channels, None, read_file)

    reading = read_fields([(field, field.rows) for field in fields], read, scratch)
    size = settings.segmentation.batch_size
    for _ in range(0, len(fields), size):
        batch = _Batch([], [], [])
        for field, image in islice(reading, size):
            try:
                batch.raws.append(image.result())
                batch.fields.append(field)
            except BadFieldError as error:
                batch.bad.append((field, error.reason))
        yield batch


def _digest(
    rows: pd.DataFrame,
    flat: npt.NDArray[np.float32] | None,
    settings: SegmentSettings,
    parameters: dict[str, Any],
) -> str:
    """Everything that a field's group in the store depends on."""
    inputs = rows[["Channel", "Path", "Size", "MtimeNs"]].astype(str).to_numpy().tolist()
    return digest_of(
        {
            "inputs": inputs,
            "parameters": parameters,
            "store": settings.store.model_dump(mode="json"),
            "saturation_level": settings.saturation_level,
            "channels": settings.channels,
            "pixel_size": settings.pixel_size,
            "illumination": "none" if flat is None else hash_label((flat * 65536).astype(np.int32)),
            "algorithm": ALGORITHMS["segment"],
        }
    )


def _good(plate: str, field: _Field, commit: Commit) -> dict[str, object]:
    return {
        PLATE: plate,
        WELL: field.well,
        SITE: field.site,
        "Status": "ok",
        "Reason": "",
        "NucleiCount": commit.facts["nuclei_count"],
        "CellsCount": commit.facts["cells_count"],
        "NucleiHash": commit.hashes["nuclei"],
        "CellsHash": commit.hashes["cells"],
        "Digest": commit.digest,
        "BatchHalvings": commit.facts["batch_halvings"],
        **commit.facts["quality"],
    }


def _bad(store: Path, plate: str, field: _Field, reason: str) -> dict[str, object]:
    # What an earlier, better image left in the store must not be taken for this one's.
    remove_field(store, field.well, field.site)
    log.warning("%s %s field %d is left out: %s", plate, field.well, field.site, reason)
    empty = {"NucleiCount": 0, "CellsCount": 0, "NucleiHash": "", "CellsHash": "", "BatchHalvings": 0}
    return {
        PLATE: plate,
        WELL: field.well,
        SITE: field.site,
        "Status": "bad",
        "Reason": reason,
        "Digest": field.digest,
        **empty,
    }


def _manifest(rows: Rows, channels: list[str]) -> pd.DataFrame:
    """Order and type the manifest's columns, whatever fields there are."""
    quality = [f"{measure}_{channel}" for channel in channels for measure in ("Mean", "Focus", "Saturated")]
    names = [PLATE, WELL, SITE, "Status", "Reason", "NucleiCount", "CellsCount", "NucleiHash", "CellsHash", "Digest"]
    table = pd.DataFrame(rows, columns=[*names, "BatchHalvings", *quality])
    counts = dict.fromkeys([SITE, "NucleiCount", "CellsCount", "BatchHalvings"], "int64")
    table = table.astype(counts | dict.fromkeys(quality, "float64"))
    return table.sort_values([WELL, SITE], ignore_index=True)
