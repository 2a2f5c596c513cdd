"""Cells to wells (level 3)."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import CELL_COUNT, PLATE, TOUCHES_BORDER, WELL, feature_columns
from platewise.config.profiles import AggregateConfig
from platewise.errors import DataError
from platewise.profiles.frame import WELL_METADATA, dropped_path, dropped_table
from platewise.tables import read_table, write_table

FEW_CELLS = "Metadata_FewCells"


@dataclass(frozen=True)
class WellProfile:
    """A well's profile, how many cells are behind it, and how many were left out at the border."""

    values: np.ndarray
    cells: int
    border_cells: int


def run_aggregate_plate(
    cells_paths: Sequence[str], platemap: pd.DataFrame, plate: str, out: str, config: AggregateConfig
) -> None:
    """Write one profile a well of one plate, and the wells that were dropped.

    Parameters
    ----------
    cells_paths
        The plate's tables of cells, or of embeddings; one is read at a time, and a well may span several.
    platemap
        A row a well: ``Metadata_Well``, ``Metadata_Perturbation``, ``Metadata_Dose``, ``Metadata_MOA``,
        ``Metadata_ControlType``, ``Metadata_Batch``.
    plate
        Name of the plate.
    out
        ``{features}.wells.parquet``.
    config
        How to aggregate.
    """
    features = _common_features(cells_paths)
    profiles = {well: aggregate_well(cells, features, config) for well, cells in _wells_of(cells_paths, features)}
    table, dropped = assemble_wells(profiles, features, platemap, plate, config)
    facts = {"stage": "profiles", "algorithm": ALGORITHMS["profiles"], "parameters": config.model_dump()}
    write_table(table, out, facts)
    write_table(dropped, dropped_path(out), facts)


def aggregate_well(cells: pd.DataFrame, features: Sequence[str], config: AggregateConfig) -> WellProfile:
    """Sum up the cells of one well, missing values left out feature by feature.

    Parameters
    ----------
    cells
        A row a cell; without ``Metadata_TouchesBorder`` all cells are taken to be whole.
    features
        Columns to aggregate.
    config
        Median or mean, and what to do with cells at the border.

    Returns
    -------
    profile
        ``values`` is float32 ``(features,)``, NaN where no cell has the feature.
    """
    values = cells[list(features)].to_numpy(dtype=np.float32)
    border = np.zeros(len(cells), dtype=bool)
    if config.border_cells == "leave_out" and TOUCHES_BORDER in cells:
        border = cells[TOUCHES_BORDER].to_numpy(dtype=bool)
    whole = values[~border]
    if len(whole) == 0:
        return WellProfile(np.full(len(features), np.nan, dtype=np.float32), 0, int(border.sum()))
    with warnings.catch_warnings():
        # A feature that no cell of the well has is missing, not a mistake.
        warnings.filterwarnings("ignore", "All-NaN|Mean of empty", RuntimeWarning)
        # A mean of thousands of float32 numbers needs more digits on the way.
        summary = (
            np.nanmedian(whole, axis=0) if config.method == "median" else np.nanmean(whole, axis=0, dtype=np.float64)
        )
    return WellProfile(summary.astype(np.float32), len(whole), int(border.sum()))


def assemble_wells(
    profiles: dict[str, WellProfile],
    features: Sequence[str],
    platemap: pd.DataFrame,
    plate: str,
    config: AggregateConfig,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join the profiles of a plate with its plate map.

    Every well of the plate map is in one of the two tables that are returned.

    Returns
    -------
    wells
        Level 3, in the order of the plate map: metadata, ``Metadata_FewCells``, features.
    dropped
        Wells of the map without a cell, and wells with cells that the map does not know.
    """
    if platemap[WELL].duplicated().any():
        twice = platemap.loc[platemap[WELL].duplicated(), WELL].iloc[0]
        raise DataError(f"plate {plate}: well {twice} is on the plate map twice. Hint: remove one of its rows.")
    lost = []
    for well in platemap[WELL]:
        profile = profiles.get(well)
        if profile is None or profile.cells == 0:
            border = profile.border_cells if profile else 0
            reason = f"no cells but {border} at the image border" if border else "no cells"
            lost.append(("aggregate_plate", f"{plate} {well}", reason))
    known = set(platemap[WELL])
    lost += [("aggregate_plate", f"{plate} {well}", "not on the plate map") for well in profiles if well not in known]
    filled = [well in profiles and profiles[well].cells > 0 for well in platemap[WELL]]
    kept = platemap[np.array(filled, dtype=bool)].reset_index(drop=True)
    kept = kept.assign(**{PLATE: plate, CELL_COUNT: [profiles[well].cells for well in kept[WELL]]})
    metadata = kept[WELL_METADATA].copy()
    metadata[FEW_CELLS] = metadata[CELL_COUNT] < config.few_cells
    values = np.array([profiles[well].values for well in kept[WELL]], dtype=np.float32).reshape(
        len(kept), len(features)
    )
    return pd.concat([metadata, pd.DataFrame(values, columns=list(features))], axis=1), dropped_table(lost)


def _common_features(paths: Sequence[str]) -> list[str]:
    first: list[str] | None = None
    for path in paths:
        features = feature_columns(read_columns(path))
        if first is None:
            first = features
        elif features != first:
            other = sorted(set(features) ^ set(first))[:5]
            raise DataError(
                f"{path}: its features differ from those of {paths[0]} ({', '.join(other) or 'their order'}). "
                "Hint: remove the older of the two files and run again; they were made with different settings."
            )
    return first or []


def read_columns(path: str) -> list[str]:
    """Return the names of a Parquet file's columns without reading them."""
    import pyarrow.parquet as pq

    return pq.read_schema(path).names


def _wells_of(paths: Sequence[str], features: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each well with all its cells, as soon as the last file with that well has been read."""
    wells_by_path = {path: set(read_table(path, [WELL])[WELL]) for path in paths}
    waiting = Counter(well for wells in wells_by_path.values() for well in wells)
    parts: dict[str, list[pd.DataFrame]] = {}
    for path in paths:
        columns = read_columns(path)
        wanted = [WELL, *([TOUCHES_BORDER] if TOUCHES_BORDER in columns else []), *features]
        for well, cells in read_table(path, wanted).groupby(WELL, sort=True):
            parts.setdefault(str(well), []).append(cells)
            waiting[well] -= 1
            if waiting[well] == 0:
                yield str(well), pd.concat(parts.pop(str(well)), ignore_index=True)
