"""Cells to wells (level 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from platewise.algorithms import ALGORITHMS
from platewise.columns import CELL_COUNT, LEFT_OUT, OBJECT, PLATE, SITE, TOUCHES_BORDER, WELL
from platewise.config.profiles import AggregateConfig, CellsConfig
from platewise.errors import DataError
from platewise.profiles.cell_quality import BORDER, DEBRIS, KEPT, REASONS, judge_plate, share_left_out
from platewise.profiles.cell_tables import common_features, read_wells
from platewise.profiles.frame import WELL_METADATA, dropped_path, dropped_table
from platewise.profiles.summaries import summarise, summary_names
from platewise.tables import read_columns, read_table, write_table

FEW_CELLS = "Metadata_FewCells"


@dataclass(frozen=True)
class WellProfile:
    """A well's profile, and how many of its cells there are of each verdict (`cell_quality.REASONS`)."""

    values: NDArray[np.float32]
    counts: tuple[int, ...]

    @property
    def cells(self) -> int:
        """How many cells are behind the profile."""
        return self.counts[KEPT]


def run_aggregate_plate(
    cells_paths: Sequence[str],
    platemap: pd.DataFrame,
    plate: str,
    out: str,
    config: AggregateConfig,
    cells_config: CellsConfig | None = None,
    judged_paths: Sequence[str] = (),
) -> None:
    """Write one profile a well of one plate, and what was dropped; memory does not depend on the number of cells.

    Parameters
    ----------
    cells_paths
        The plate's tables of cells, or of embeddings; a well may span several.
    platemap
        A row a well: ``Metadata_Well``, ``Metadata_Perturbation``, ``Metadata_Dose``, ``Metadata_MOA``,
        ``Metadata_ControlType``, ``Metadata_Batch``.
    plate
        Name of the plate.
    out
        ``{features}.wells.parquet``.
    config
        How to aggregate.
    cells_config
        Which cells are left out, beside those at the border; None for no rule.
    judged_paths
        The tables of cells that the rules look at; needed where there are rules.
    """
    features = common_features(cells_paths)
    rules = cells_config if cells_config is not None and cells_config.features else None
    leave_out_border = config.border_cells == "leave_out"
    if rules is None:
        cells = [_read_keys(path, leave_out_border) for path in cells_paths]
    else:
        verdicts = judge_plate(judged_paths, platemap, rules, leave_out_border)
        cells = [_join_verdicts(path, verdicts) for path in cells_paths]
    profiles = aggregate_plate(cells_paths, cells, features, config)
    names = summary_names(features, config)
    table, dropped = assemble_wells(profiles, names, platemap, plate, config, rules is not None)
    parameters = config.model_dump() | ({} if rules is None else {"cells": rules.model_dump()})
    facts = {"stage": "profiles", "algorithm": ALGORITHMS["profiles"], "parameters": parameters}
    write_table(table, out, facts)
    write_table(dropped, dropped_path(out), facts)


def aggregate_plate(
    paths: Sequence[str], cells: Sequence[pd.DataFrame], features: Sequence[str], config: AggregateConfig
) -> dict[str, WellProfile]:
    """Sum up the cells of every well that has a row in a table.

    Parameters
    ----------
    paths
        Tables of cells.
    cells
        ``Metadata_Well`` and ``Verdict`` (`cell_quality.REASONS`) of each row of each table.
    features
        Columns to aggregate.
    config
        How.
    """
    names = sorted({well for table in cells for well in table[WELL].unique()})
    place = {well: number for number, well in enumerate(names)}
    wells = [table[WELL].map(place).to_numpy(dtype=np.intp) for table in cells]
    counts = np.zeros((len(names), len(REASONS)), dtype=np.int64)
    for own, table in zip(wells, cells, strict=True):
        np.add.at(counts, (own, table["Verdict"].to_numpy(dtype=np.intp)), 1)
    kept = [np.where(table["Verdict"] == KEPT, own, -1) for own, table in zip(wells, cells, strict=True)]
    values = np.full((len(config.statistics), len(names), len(features)), np.nan, dtype=np.float32)
    for chunk in read_wells(paths, features, kept):
        columns = slice(chunk.start, chunk.start + len(chunk.values))
        for well, rows in chunk.wells:
            found = summarise(chunk.values[:, rows], config)
            values[:, well, columns] = found.reshape(len(config.statistics), -1)
    return {
        well: WellProfile(values[:, number].ravel(), tuple(map(int, counts[number])))
        for number, well in enumerate(names)
    }


def assemble_wells(
    profiles: dict[str, WellProfile],
    names: Sequence[str],
    platemap: pd.DataFrame,
    plate: str,
    config: AggregateConfig,
    judged: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join the profiles of a plate with its plate map.

    Every well of the plate map is in one of the two tables that are returned.

    Parameters
    ----------
    names
        The profiles' columns.
    judged
        Whether cells were left out by rules: how many is then told for every well.

    Returns
    -------
    wells
        Level 3, in the order of the plate map: metadata, ``Metadata_FewCells``, ``Metadata_LeftOutCells`` (0 to 1,
        where ``judged``), features.
    dropped
        Wells of the map without a cell, wells with cells that the map does not know, and, where ``judged``, the cells
        that were left out of each well.
    """
    if platemap[WELL].duplicated().any():
        twice = platemap.loc[platemap[WELL].duplicated(), WELL].iloc[0]
        raise DataError(f"plate {plate}: well {twice} is on the plate map twice. Hint: remove one of its rows.")
    lost = []
    for well in platemap[WELL]:
        profile = profiles.get(well)
        if profile is None or profile.cells == 0:
            lost.append(("aggregate_plate", f"{plate} {well}", _why_empty(profile)))
    known = set(platemap[WELL])
    lost += [("aggregate_plate", f"{plate} {well}", "not on the plate map") for well in profiles if well not in known]
    filled = [well in profiles and profiles[well].cells > 0 for well in platemap[WELL]]
    kept = platemap[np.array(filled, dtype=bool)].reset_index(drop=True)
    kept = kept.assign(**{PLATE: plate, CELL_COUNT: [profiles[well].cells for well in kept[WELL]]})
    metadata = kept[WELL_METADATA].copy()
    metadata[FEW_CELLS] = metadata[CELL_COUNT] < config.few_cells
    if judged:
        metadata[LEFT_OUT] = np.array([share_left_out(profiles[well].counts) for well in kept[WELL]], dtype=np.float64)
        lost += [row for well in kept[WELL] for row in _cells_left_out(f"{plate} {well}", profiles[well].counts)]
    values = np.array([profiles[well].values for well in kept[WELL]], dtype=np.float32).reshape(len(kept), len(names))
    return pd.concat([metadata, pd.DataFrame(values, columns=list(names))], axis=1), dropped_table(lost)


def _why_empty(profile: WellProfile | None) -> str:
    found = [] if profile is None else [f"{n} {why}" for n, why in zip(profile.counts, REASONS, strict=True) if n]
    return f"no cells but {', '.join(found)}" if found else "no cells"


def _cells_left_out(well: str, counts: Sequence[int]) -> list[tuple[str, str, str]]:
    total = sum(counts)
    left_out = zip(counts[DEBRIS:], REASONS[DEBRIS:], strict=True)
    return [("leave_out_cells", f"{well}: {number} of {total} cells", reason) for number, reason in left_out if number]


def _read_keys(path: str, leave_out_border: bool) -> pd.DataFrame:
    at_border = leave_out_border and TOUCHES_BORDER in read_columns(path)
    table = read_table(path, [WELL, TOUCHES_BORDER] if at_border else [WELL]).astype({WELL: "category"})
    verdict = table[TOUCHES_BORDER].to_numpy(dtype=bool) * np.uint8(BORDER) if at_border else np.uint8(KEPT)
    return table[[WELL]].assign(Verdict=verdict)


def _join_verdicts(path: str, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Look up each cell of a table: learned features have the cells that were measured, in another order perhaps."""
    keys = read_table(path, [WELL, SITE, OBJECT])
    found = keys.astype({WELL: verdicts[WELL].dtype}).merge(verdicts, "left", [WELL, SITE, OBJECT])
    if len(found) > len(keys) or found["Verdict"].isna().any():
        raise DataError(
            f"{path}: its cells are not those that were measured, each once. "
            "Hint: remove the file and run again; it was made from other labels."
        )
    return found[[WELL, "Verdict"]].astype({"Verdict": np.uint8})
