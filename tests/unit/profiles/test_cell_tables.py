"""Cells are read a bounded number at a time, whatever files and wells look like; every cell counts once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platewise.config.profiles import AggregateConfig
from platewise.profiles.aggregate import aggregate_plate
from platewise.profiles.cell_tables import files_with_whole_wells, read_wells
from platewise.profiles.summaries import summarise

FEATURES = [f"Cells_X_{number}" for number in range(5)]
layouts = st.lists(st.lists(st.sampled_from(["A01", "A02", "B01", "B02"]), max_size=12), min_size=1, max_size=5)


def write(folder: Path, layout: list[list[str]], seed: int) -> tuple[list[str], list[pd.DataFrame]]:
    """Write a table a file, with values missing and infinite here and there."""
    rng = np.random.default_rng(seed)
    paths, tables = [], []
    for number, wells in enumerate(layout):
        values = rng.normal(size=(len(wells), len(FEATURES))).astype(np.float32)
        values[rng.random(values.shape) < 0.2] = np.nan
        values[rng.random(values.shape) < 0.1] = np.inf
        table = pd.DataFrame(values, columns=FEATURES)
        table.insert(0, "Metadata_Well", pd.Series(wells, dtype=object))
        table["Verdict"] = (rng.random(len(wells)) < 0.2).astype(np.uint8)
        paths.append(str(folder / f"{number}.parquet"))
        table.to_parquet(paths[-1])
        tables.append(table)
    return paths, tables


@settings(max_examples=60, deadline=None)
@given(layout=layouts, seed=st.integers(0, 99), most=st.sampled_from([1, 7, 20, 10_000]))
def test_any_layout_gives_what_grouping_all_cells_gives(layout: list[list[str]], seed: int, most: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        paths, tables = write(Path(folder), layout, seed)
        patch.setattr(read_wells, "__defaults__", (most,))
        found = aggregate_plate(paths, tables, FEATURES, AggregateConfig())
    cells = pd.concat(tables, ignore_index=True)
    assert {well: profile.counts[:2] for well, profile in found.items()} == {
        well: (int((rows["Verdict"] == 0).sum()), int((rows["Verdict"] == 1).sum()))
        for well, rows in cells.groupby("Metadata_Well")
    }
    kept = cells[cells["Verdict"] == 0].replace([np.inf, -np.inf], np.nan)
    naive = kept.groupby("Metadata_Well")[FEATURES].median()
    for well, profile in found.items():
        expected = naive.loc[well].to_numpy() if well in naive.index else np.full(len(FEATURES), np.nan)
        np.testing.assert_allclose(profile.values, expected, rtol=1e-6)


@given(
    wells=st.lists(st.lists(st.integers(-1, 5), max_size=4).map(lambda row: np.array(row, dtype=np.intp)), max_size=6)
)
def test_parts_hold_whole_wells_and_every_file_once(wells: list[np.ndarray]) -> None:
    parts = list(files_with_whole_wells(wells))
    assert [number for start, stop in parts for number in range(start, stop)] == list(range(len(wells)))
    held = [{int(well) for own in wells[start:stop] for well in own if well >= 0} for start, stop in parts]
    assert sum(map(len, held)) == len(set().union(*held)) if held else True


def test_files_are_read_together_only_where_they_share_a_well() -> None:
    wells = [np.array(own, dtype=np.intp) for own in ([0, 0], [1], [1, 2], [3], [2, -1], [4], [-1])]
    assert list(files_with_whole_wells(wells)) == [(0, 1), (1, 5), (5, 6), (6, 7)]


def test_no_more_is_held_than_asked(tmp_path: Path) -> None:
    paths, _ = write(tmp_path, [["A01", "A02"] * 50, ["B01"] * 30], seed=1)
    wells = [np.zeros(100, dtype=np.intp), np.ones(30, dtype=np.intp)]
    sizes = [chunk.values.size for chunk in read_wells(paths, FEATURES, wells, most_values=250)]
    # 100 cells: 2 features at a time; 30 cells: all 5.
    assert sizes == [200, 200, 100, 150]


@settings(max_examples=40, deadline=None)
@given(cells=st.integers(1, 30), seed=st.integers(0, 999), missing=st.floats(0, 0.6))
def test_statistics_are_numpys(cells: int, seed: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, cells)).astype(np.float32)
    values[rng.random(values.shape) < missing] = np.nan
    values[:, 0] = 1.5  # One value at least; numpy warns of none.
    before = values.copy()
    found = summarise(values, AggregateConfig(method="distribution", quantiles=(5, 90))).reshape(4, 4)
    np.testing.assert_array_equal(values, before)
    wide = values.astype(np.float64)
    median = np.nanmedian(wide, axis=1)
    np.testing.assert_allclose(found[0], median, rtol=1e-6)
    np.testing.assert_allclose(found[1], np.nanmedian(np.abs(wide - median[:, None]), axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[2:], np.nanquantile(wide, [0.05, 0.9], axis=1), rtol=1e-5, atol=1e-6)


def test_nothing_to_sum_up_is_missing() -> None:
    for method in ("median", "mean", "distribution"):
        config = AggregateConfig(method=method)
        assert np.isnan(summarise(np.empty((2, 0), dtype=np.float32), config)).all()
        assert np.isnan(summarise(np.full((2, 3), np.nan, dtype=np.float32), config)).all()
