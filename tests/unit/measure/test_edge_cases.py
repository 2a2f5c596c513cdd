"""What is defined of cells that hardly are any: as the table in docs/methods.md says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from platewise.config.measure import MeasureConfig
from platewise.measure.field import measure_field

METHODS = Path(__file__).parents[3] / "docs" / "methods.md"
SIDE = 96
CELLS = {
    "an ordinary cell": 1,
    "a cell of one pixel": 2,
    "a cell that the border cuts": 3,
    "a cell that is all nucleus": 4,
}


@pytest.fixture(scope="module")
def missing() -> pd.DataFrame:
    """Whether each feature (a row) of each cell of `CELLS` (a column) is missing."""
    y, x = np.mgrid[:SIDE, :SIDE]
    labels = {name: np.zeros((SIDE, SIDE), np.int32) for name in ("nuclei", "cells")}
    for number, row, column, cell, nucleus in (
        (1, 30, 30, 14, 7),
        (2, 60, 60, 0, 0),
        (3, 0, 70, 12, 5),
        (4, 75, 25, 8, 8),
    ):
        for name, radius in (("cells", cell), ("nuclei", nucleus)):
            labels[name][(y - row) ** 2 + (x - column) ** 2 <= radius**2] = number
    rng = np.random.default_rng(0)
    first, second = (rng.gamma(4, 100, (SIDE, SIDE)) for _ in range(2))
    image = np.stack([first, second, np.full((SIDE, SIDE), 500.0)]).astype(np.float32)
    table = measure_field(image, labels, ["DNA", "ER", "Flat"], MeasureConfig())
    features = table.loc[:, ~table.columns.str.startswith("Metadata_")]
    assert not np.isinf(features.to_numpy()).any()
    found = features.isna().T
    found.columns = [
        {number: name for name, number in CELLS.items()}[number] for number in table["Metadata_ObjectNumber"]
    ]
    return found


def defined(missing: pd.DataFrame, pattern: str, cell: str) -> str:
    """Say how many of the features that match a pattern a cell has."""
    chosen = missing.index[missing.index.str.match(pattern)]
    assert len(chosen)
    count = int((~missing.loc[chosen, cell]).sum())
    return "all" if count == len(chosen) else "none" if count == 0 else f"{count} of {len(chosen)}"


def edge_table(missing: pd.DataFrame) -> list[str]:
    """Return the table of docs/methods.md, line by line."""
    varying = missing[~missing.index.str.contains("Flat")]
    lines = [
        f"| group | {' | '.join(CELLS)} | its cytoplasm, where that is empty |",
        f"| --- |{' --- |' * (len(CELLS) + 1)}",
    ]
    groups = list(dict.fromkeys(name.split("_")[1] for name in varying.index))
    for group in groups:
        cells = [defined(varying, f"Cells_{group}_", cell) for cell in CELLS]
        own = varying.index.str.match(f"Cytoplasm_{group}_").any()
        empty = defined(varying, f"Cytoplasm_{group}_", "a cell that is all nucleus") if own else "not measured"
        lines.append(f"| {group} | {' | '.join(cells)} | {empty} |")
    return lines


def test_what_is_defined_is_what_the_documentation_says(missing):
    lines = METHODS.read_text().splitlines()
    assert [line for line in edge_table(missing) if line not in lines] == []


def test_in_a_constant_channel_only_correlation_is_missing(missing):
    gone = missing.index[missing["an ordinary cell"]]
    assert len(gone) == 6
    assert all(
        re.fullmatch(r"(Nuclei|Cells|Cytoplasm)_Correlation_Correlation_(DNA_Flat|ER_Flat)", name) for name in gone
    )
