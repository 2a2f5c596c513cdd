"""The QC of one plate, from its manifests and cell tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import LEFT_OUT, SITE, TOUCHES_BORDER, WELL
from platewise.config.profiles import CellsConfig
from platewise.config.qc import QcConfig
from platewise.errors import DataError
from platewise.profiles.cell_quality import KEPT, REASONS, judge_plate, share_left_out
from platewise.qc.fields import field_quality
from platewise.qc.wells import METADATA, cell_intensities, well_quality
from platewise.tables import read_columns, read_table, read_tables, write_table

ReadField = Callable[[str, int], np.ndarray]


def summarise_qc(
    *,
    platemap: pd.DataFrame,
    fields: Sequence[str | Path],
    channels: Sequence[str],
    settings: QcConfig,
    fields_target: str | Path,
    wells_target: str | Path,
    cells: Sequence[str | Path] = (),
    border_cells: bool = False,
    rules: CellsConfig | None = None,
    read: ReadField | None = None,
) -> None:
    """Write the QC tables of a plate.

    Parameters
    ----------
    platemap
        The plate's wells with the metadata columns of the architecture, one row a well.
    fields
        Manifests of the plate's blocks.
    channels
        Names of the channels, in the config's order.
    settings
        The config's section ``qc``.
    fields_target, wells_target
        Files to write: ``P/qc/fields.parquet`` and ``P/qc/wells.parquet``.
    cells
        Cell tables of the plate's blocks. With them, counts and means are those of the cells; without, counts come
        from the manifests and means from whole fields. The provenance says which (``mean_of``).
    border_cells
        Whether cells that touch the border of their field count: true where they enter the profiles.
    rules
        Which other cells enter no profile: they count neither, and each well tells their share.
    read
        ``read(well, site)`` gives a field as (channel, y, x). Called for usable fields whose manifest does not hold
        the channels' measures already.

    Raises
    ------
    DataError
        If the plate map lacks a metadata column or names a well twice.
    """
    _check_platemap(platemap)
    table = read_tables(fields).sort_values([WELL, SITE], kind="stable", ignore_index=True)
    if read is not None:
        table = _add_quality(table, channels, settings, read)
    intensities = None
    if cells:
        wanted = [f"Cells_Intensity_MeanIntensity_{name}" for name in channels]
        verdicts = judge_plate(cells, platemap, rules, not border_cells) if rules and rules.features else None
        intensities = cell_intensities(_read_cells(cells, wanted, border_cells, verdicts), channels)
        if verdicts is not None:
            intensities = _add_left_out(intensities, verdicts)
    wells = well_quality(platemap, table, channels, settings, intensities)
    facts = {
        "stage": "qc",
        "algorithm": ALGORITHMS["qc"],
        "parameters": settings.model_dump(mode="json"),
        "mean_of": "cells" if cells else "fields",
        "border_cells": border_cells,
    } | ({"cells": rules.model_dump()} if rules and rules.features else {})
    write_table(table, fields_target, facts)
    write_table(wells, wells_target, facts)


def _check_platemap(platemap: pd.DataFrame) -> None:
    missing = [name for name in METADATA if name not in platemap]
    if missing:
        raise DataError(
            f"plate map: the columns {', '.join(map(str, platemap.columns))} lack {', '.join(missing)}. "
            "Hint: hand over the plan's table of wells, with the metadata columns of docs/architecture.md."
        )
    twice = platemap.loc[platemap[WELL].duplicated(), WELL].unique()
    if len(twice):
        raise DataError(f"plate map: the wells {', '.join(twice)} stand there twice. Hint: keep one row a well.")


def _add_quality(table: pd.DataFrame, channels: Sequence[str], settings: QcConfig, read: ReadField) -> pd.DataFrame:
    measures = [f"{kind}_{name}" for kind in ("Mean", "Focus", "Saturated") for name in channels]
    table = table.copy()
    for name in measures:
        if name not in table:
            table[name] = np.nan
    for row in table.index[(table["Status"] == "ok") & table[measures].isna().all(axis=1)]:
        image = read(table.at[row, WELL], int(table.at[row, SITE]))
        for name, value in field_quality(image, channels, settings.saturation_level).items():
            table.at[row, name] = value
    return table


def _read_cells(
    paths: Sequence[str | Path], wanted: Sequence[str], border_cells: bool, verdicts: pd.DataFrame | None
) -> pd.DataFrame:
    """Read only the columns that are needed: a cell table holds a thousand others."""
    parts = []
    for path in paths:
        there = read_columns(path)
        part = read_table(path, [WELL, TOUCHES_BORDER, *(name for name in wanted if name in there)])
        parts.append(part if border_cells or verdicts is not None else part[~part[TOUCHES_BORDER]])
    cells = pd.concat(parts, ignore_index=True)
    return cells if verdicts is None else cells[(verdicts["Verdict"] == KEPT).to_numpy()]


def _add_left_out(intensities: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Add the share of cells that rules left out; a well may have lost all of its cells."""
    counts = pd.crosstab(verdicts[WELL], verdicts["Verdict"]).reindex(columns=range(len(REASONS)), fill_value=0)
    shares = pd.Series([share_left_out(row) for row in counts.to_numpy()], index=counts.index.astype(str))
    return intensities.reindex(intensities.index.union(shares.index)).assign(**{LEFT_OUT: shares})
