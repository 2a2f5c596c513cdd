"""Which cells of a plate enter no profile: those at the image border, debris, clumps and outliers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from platewise.columns import CONTROL_TYPE, NEGCON, OBJECT, SITE, TOUCHES_BORDER, WELL
from platewise.config.profiles import CellsConfig
from platewise.errors import DataError
from platewise.profiles.normalise import MAD_TO_SD
from platewise.tables import read_columns, read_table

KEPT, BORDER, DEBRIS, CLUMP, OUTLIER = range(5)
# In words, by those numbers.
REASONS = ("", "at the image border", "smaller than profiles.cells.size", "larger than profiles.cells.size", "outliers")


def judge_cells(
    cells: pd.DataFrame, controls: Collection[str], config: CellsConfig, leave_out_border: bool
) -> NDArray[np.uint8]:
    """Say of every cell of a plate whether it enters profiles.

    The typical size, and the median and spread of each feature, are those of the cells of negative controls that do not
    touch the border (of all cells, where there is no such cell, or the config says so). Outliers are judged among what
    is neither debris nor clump. A cell without a value is not judged by it; a feature whose MAD is 0 judges nothing.

    Parameters
    ----------
    cells
        A row a cell of the whole plate: ``Metadata_Well``, the features of the rules, and ``Metadata_TouchesBorder``
        (without it all cells are taken to be whole).
    controls
        Wells with negative controls.
    config
        Section ``profiles.cells``.
    leave_out_border
        Whether cells at the border are left out.

    Returns
    -------
    verdicts
        ``(cells,)``; 0 for a cell that is kept, else an index of ``REASONS``, the first that applies.
    """
    verdicts = np.full(len(cells), KEPT, dtype=np.uint8)
    whole = np.ones(len(cells), dtype=bool)
    if TOUCHES_BORDER in cells:
        whole = ~cells[TOUCHES_BORDER].to_numpy(dtype=bool)
    if leave_out_border:
        verdicts[~whole] = BORDER
    typical = whole & cells[WELL].isin(list(controls)).to_numpy()
    if config.typical == "plate" or not typical.any():
        typical = whole
    if config.size is not None:
        size = _known(cells, config.size.feature)
        usual = _median(size[typical])
        verdicts[(verdicts == KEPT) & (size < config.size.smallest * usual)] = DEBRIS
        if config.size.largest is not None:
            verdicts[(verdicts == KEPT) & (size > config.size.largest * usual)] = CLUMP
    if config.outliers is not None:
        good = typical & (verdicts != DEBRIS) & (verdicts != CLUMP)
        for feature in config.outliers.features:
            value = _known(cells, feature)
            middle = _median(value[good])
            spread = MAD_TO_SD * _median(np.abs(value[good] - middle))
            if spread > 0:
                far = np.abs(value - middle) > config.outliers.max_mads * spread
                verdicts[(verdicts == KEPT) & far] = OUTLIER
    return verdicts


def share_left_out(counts: Sequence[int]) -> float:
    """Return the share of cells, those at the border aside, that rules left out; NaN where there is none.

    Parameters
    ----------
    counts
        Cells of each verdict, ``(verdicts,)``.
    """
    whole = counts[KEPT] + sum(counts[DEBRIS:])
    return sum(counts[DEBRIS:]) / whole if whole else float("nan")


def judge_plate(
    cells_paths: Sequence[str], platemap: pd.DataFrame, config: CellsConfig, leave_out_border: bool
) -> pd.DataFrame:
    """Judge the measured cells of a plate; only the columns of the rules are read.

    Returns
    -------
    verdicts
        ``Metadata_Well``, ``Metadata_Site``, ``Metadata_ObjectNumber``, ``Verdict`` (as `judge_cells`), a row a cell in
        the order of the tables.

    Raises
    ------
    DataError
        If a table lacks a feature of the rules.
    """
    tables = []
    for path in cells_paths:
        there = read_columns(path)
        missing = [name for name in config.features if name not in there]
        if missing:
            raise DataError(
                f"{path}: has no column {', '.join(missing)}, which profiles.cells looks at. "
                "Hint: name features that are measured (section measure), or leave the rule out."
            )
        wanted = [WELL, *(name for name in (SITE, OBJECT, TOUCHES_BORDER) if name in there), *config.features]
        tables.append(read_table(path, wanted).astype({WELL: "category"}))
    cells = stack(tables)
    controls = set(platemap.loc[platemap[CONTROL_TYPE] == NEGCON, WELL])
    verdicts = judge_cells(cells, controls, config, leave_out_border)
    keys = cells[[name for name in (WELL, SITE, OBJECT) if name in cells]]
    return keys.assign(Verdict=verdicts)


def stack(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Stack tables whose wells are categories, which stay categories: a plate has many cells and few wells."""
    wells = pd.api.types.union_categoricals([table[WELL] for table in tables])
    return pd.concat([table.drop(columns=WELL) for table in tables], ignore_index=True).assign(**{WELL: wells})


def _known(cells: pd.DataFrame, feature: str) -> NDArray[np.float64]:
    values = cells[feature].to_numpy(dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _median(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")
