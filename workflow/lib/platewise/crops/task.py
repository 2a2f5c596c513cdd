"""Cut the cells of a block of fields, to be kept as a store or to be embedded at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from platewise.columns import SITE, WELL
from platewise.config.crops import CropsConfig
from platewise.crops.choose import list_objects, select_objects
from platewise.crops.cut import cut_crops
from platewise.crops.store import CropWriter
from platewise.plan.wells import parse_well
from platewise.scratch import Scratch
from platewise.store.block import BlockFiles, read_block
from platewise.store.fields import read_label
from platewise.tables import read_table

Piece = tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]


def crop_block(
    files: BlockFiles,
    out: Path,
    plate: str,
    channels: list[str],
    config: CropsConfig,
    seed: int,
    scratch: Scratch | None = None,
) -> None:
    """Write the crop store of a block: every cell, or a sample of every well, as the config says.

    Parameters
    ----------
    files
        What the block is read from.
    out
        ``P/crops/{block}.zarr``.
    plate
        Name of the plate; with ``seed`` it decides the sample.
    channels
        Names of the channels, in the images' order.
    config
        Section ``crops``.
    seed
        Seed of the campaign.
    scratch
        Where images are copied ahead; None reads them in their place.
    """
    chosen = select_objects(_list_block(files, config), config.keep, config.cells_per_well, seed, plate)
    facts = {"stage": "crop", "plate": plate, "parameters": config.model_dump(mode="json"), "seed": seed}
    with CropWriter(out, channels, config.size, facts) as writer:
        for crops, objects in cut_block(files, channels, config, chosen, scratch):
            writer.append(crops, objects)


def cut_block(
    files: BlockFiles,
    channels: list[str],
    config: CropsConfig,
    chosen: npt.NDArray[np.int32] | None = None,
    scratch: Scratch | None = None,
) -> Iterator[Piece]:
    """Yield the crops of a block field by field.

    Parameters
    ----------
    files
        What the block is read from.
    channels
        Names of the channels, in the images' order.
    config
        Size, border and mask.
    chosen
        The objects to cut, (n, 4) as `platewise.crops.choose.select_objects` returns them; None for all that the config
        keeps.
    scratch
        Where images are copied ahead; None reads them in their place.

    Yields
    ------
    crops, objects
        (n, channel, size, size) uint16 and (n, 4) int32: row, column, site, object number.
    """
    for field in read_block(files, channels, scratch):
        place = np.array([*parse_well(field.well), field.site], dtype=np.int32)
        numbers = None
        if chosen is not None:
            numbers = chosen[(chosen[:, :3] == place).all(axis=1), 3]
        crops, cut = cut_crops(
            field.image, field.labels, config.size, numbers, keep_border=config.keep_border, mask=config.mask
        )
        yield crops, _objects(place, cut)


def _list_block(files: BlockFiles, config: CropsConfig) -> npt.NDArray[np.int32]:
    parts = [np.empty((0, 4), dtype=np.int32)]
    for row in read_table(files.manifest).query("Status == 'ok'").to_dict("records"):
        cells = read_label(files.store, row[WELL], int(row[SITE]), "cells")
        place = np.array([*parse_well(row[WELL]), row[SITE]], dtype=np.int32)
        parts.append(_objects(place, list_objects(cells, config.keep_border)))
    return np.concatenate(parts)


def _objects(place: npt.NDArray[np.int32], numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    return np.column_stack([np.tile(place, (len(numbers), 1)), numbers]).astype(np.int32)
