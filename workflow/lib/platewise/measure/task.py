"""Measure every cell of a block of fields."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import PLATE, SITE, WELL
from platewise.config.measure import MeasureConfig
from platewise.measure.field import measure_field
from platewise.scratch import Scratch
from platewise.store.block import BlockFiles, read_block
from platewise.tables import write_table

log = logging.getLogger(__name__)


def measure_block(
    files: BlockFiles,
    out: Path,
    plate: str,
    channels: list[str],
    config: MeasureConfig,
    scratch: Scratch | None = None,
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
    """
    tables = []
    for field in read_block(files, channels, scratch):
        cells = measure_field(field.image, field.labels, channels, config)
        cells.insert(0, PLATE, plate)
        cells.insert(1, WELL, field.well)
        cells.insert(2, SITE, field.site)
        tables.append(cells)
        log.info("%s %s field %d: %d cells measured", plate, field.well, field.site, len(cells))
    facts = {"stage": "measure", "algorithm": ALGORITHMS["measure"], "parameters": config.model_dump(mode="json")}
    table = pd.concat(tables, ignore_index=True) if tables else _no_cells(channels, config)
    write_table(table, out, facts)


def _no_cells(channels: list[str], config: MeasureConfig) -> pd.DataFrame:
    """Return the table of a block whose fields are all bad: no row, the usual columns."""
    blank = np.zeros((len(channels), 8, 8), dtype=np.float32)
    label = np.zeros((8, 8), dtype=np.int32)
    cells = measure_field(blank, {"nuclei": label, "cells": label}, channels, config)
    cells.insert(0, PLATE, pd.Series(dtype=object))
    cells.insert(1, WELL, pd.Series(dtype=object))
    cells.insert(2, SITE, pd.Series(dtype="int64"))
    return cells
