"""Measure every cell of a block of fields."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import PLATE, SITE, WELL
from platewise.config.measure import PLACE_KEYS, MeasureConfig
from platewise.device import DeviceRequest, choose_device, torch_threads
from platewise.measure.field import measure_field
from platewise.scratch import Scratch
from platewise.store.block import BlockFiles, read_block
from platewise.tables import write_table

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


def measure_block(
    files: BlockFiles,
    out: Path,
    plate: str,
    channels: list[str],
    config: MeasureConfig,
    scratch: Scratch | None = None,
    *,
    device: DeviceRequest = "auto",
    allotted: bool = False,
    threads: int = 1,
) -> None:
    """Write the ``cells`` table of a block: a row a cell of every good field.

    Parameters
    ----------
    files
        What the block is read from.
    out
        ``P/cells/{block}.parquet``.
    plate
        Name of the plate.
    channels
        Names of the channels, in the images' order.
    config
        Section ``measure``.
    scratch
        Where images are copied ahead; None reads them in their place.
    device, allotted
        See ``device.choose_device``; for ``gpu`` in the config.
    threads
        CPU threads of torch.
    """
    tables = []
    with _gpu(config, device, allotted, threads) as gpu:
        for field in read_block(files, channels, scratch):
            cells = measure_field(field.image, field.labels, channels, config, gpu)
            cells.insert(0, PLATE, plate)
            cells.insert(1, WELL, field.well)
            cells.insert(2, SITE, field.site)
            tables.append(cells)
            log.info("%s %s field %d: %d cells measured", plate, field.well, field.site, len(cells))
    parameters = config.model_dump(mode="json", exclude=PLACE_KEYS)
    facts = {"stage": "measure", "algorithm": ALGORITHMS["measure"], "parameters": parameters}
    table = pd.concat(tables, ignore_index=True) if tables else _no_cells(channels, config)
    write_table(table, out, facts)


@contextmanager
def _gpu(config: MeasureConfig, device: DeviceRequest, allotted: bool, threads: int) -> Iterator[torch.device | None]:
    """Say which GPU to measure on: None where the config asks for none, or the one it asks for is a CPU after all."""
    if not config.gpu:
        # torch is never imported then.
        yield None
        return
    with torch_threads(threads):
        chosen = choose_device(device, allotted)
        if chosen.type == "cpu":
            log.info("no GPU here: all groups are measured on the CPU")
        yield None if chosen.type == "cpu" else chosen


def _no_cells(channels: list[str], config: MeasureConfig) -> pd.DataFrame:
    """Return the table of a block whose fields are all bad: no row, the usual columns."""
    blank = np.zeros((len(channels), 8, 8), dtype=np.float32)
    label = np.zeros((8, 8), dtype=np.int32)
    cells = measure_field(blank, {"nuclei": label, "cells": label}, channels, config)
    cells.insert(0, PLATE, pd.Series(dtype=object))
    cells.insert(1, WELL, pd.Series(dtype=object))
    cells.insert(2, SITE, pd.Series(dtype="int64"))
    return cells
