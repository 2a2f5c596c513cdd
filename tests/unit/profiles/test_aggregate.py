"""Cells to wells: exact medians, and no well lost without a record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platewise.config.profiles import AggregateConfig
from platewise.errors import DataError
from platewise.profiles.aggregate import WellProfile, assemble_wells, run_aggregate_plate
from platewise.tables import read_table

FEATURES = ["Cells_AreaShape_Area", "Nuclei_Intensity_Mean_DNA"]


def cells_of(rows: list[tuple[str, float, float, bool]]) -> pd.DataFrame:
    wells, areas, means, border = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "Metadata_Plate": "P",
            "Metadata_Well": wells,
            "Metadata_Site": 1,
            "Metadata_ObjectNumber": range(1, len(rows) + 1),
            "Metadata_TouchesBorder": border,
            "Cells_AreaShape_Area": np.array(areas, dtype=np.float32),
            "Cells_Location_Center_X": np.float32(7),
            "Nuclei_Intensity_Mean_DNA": np.array(means, dtype=np.float32),
        }
    )


def platemap_of(wells: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Well": wells,
            "Metadata_Perturbation": [f"drug {well}" for well in wells],
            "Metadata_Dose": 1.0,
            "Metadata_MOA": "",
            "Metadata_ControlType": "",
            "Metadata_Batch": "B",
        }
    )


def write_cells(folder: Path, *tables: pd.DataFrame) -> list[str]:
    paths = [str(folder / f"{number}.parquet") for number in range(len(tables))]
    for table, path in zip(tables, paths, strict=True):
        table.to_parquet(path)
    return paths


def aggregated(folder: Path, rows: list[tuple[str, float, float, bool]], **settings: object) -> pd.DataFrame:
    out = str(folder / "wells.parquet")
    wells = sorted({well for well, *_ in rows})
    run_aggregate_plate(write_cells(folder, cells_of(rows)), platemap_of(wells), "P", out, AggregateConfig(**settings))
    return read_table(out)


def test_median_without_border_cells_and_missing_values(tmp_path: Path) -> None:
    rows = [("A01", 1, 5, False), ("A01", 3, np.nan, False), ("A01", 8, 7, False), ("A01", 99, 99, True)]
    done = aggregated(tmp_path, rows)
    assert done[FEATURES].to_numpy().tolist() == [[3.0, 6.0]]
    assert done["Metadata_CellCount"].tolist() == [3]


def test_mean_and_border_cells_on_request(tmp_path: Path) -> None:
    done = aggregated(tmp_path, [("A01", 1, 5, False), ("A01", 3, 7, True)], method="mean", border_cells="keep")
    assert done[FEATURES].to_numpy().tolist() == [[2.0, 6.0]]
    assert done["Metadata_CellCount"].tolist() == [2]


def test_an_infinite_value_is_missing(tmp_path: Path) -> None:
    rows = [("A01", np.inf, -np.inf, False), ("A01", 3, 2, False), ("A01", 5, 4, False), ("A02", np.inf, 1, False)]
    for method in ("median", "mean"):
        done = aggregated(tmp_path, rows, method=method)[FEATURES].to_numpy()
        np.testing.assert_equal(done, np.array([[4, 3], [np.nan, 1]], dtype=np.float32))


def test_a_distribution_has_its_columns_beside_the_median(tmp_path: Path) -> None:
    # Areas 0 to 10: median 5, deviations 0 1 1 2 2 3 3 4 4 5 5, MAD 3.
    rows = [("A01", area, 7, False) for area in range(11)]
    done = aggregated(tmp_path, rows, method="distribution", quantiles=(90, 5))
    assert done["Cells_AreaShape_Area"].tolist() == [5]
    assert done["Cells_AreaShape_Area_MAD"].tolist() == [3]
    assert done["Cells_AreaShape_Area_Q05"].tolist() == [0.5]
    assert done["Cells_AreaShape_Area_Q90"].tolist() == [9]
    assert done["Nuclei_Intensity_Mean_DNA_MAD"].tolist() == [0]
    assert list(done)[-8:] == [f"{name}{end}" for end in ("", "_MAD", "_Q05", "_Q90") for name in FEATURES]


def test_a_well_that_spans_files_is_joined_before_its_median(tmp_path: Path) -> None:
    # Medians of the files would be 1 and 10; the median of all three cells is 2.
    first = cells_of([("A01", 1, 0, False), ("A02", 5, 0, False)])
    second = cells_of([("A01", 2, 0, False), ("A01", 10, 0, False)])
    out = str(tmp_path / "classical.wells.parquet")
    platemap = platemap_of(["A01", "A02", "A03"])
    run_aggregate_plate(write_cells(tmp_path, first, second), platemap, "P", out, AggregateConfig(few_cells=2))
    wells = read_table(out)
    assert wells["Metadata_Well"].tolist() == ["A01", "A02"]
    assert wells["Cells_AreaShape_Area"].tolist() == [2.0, 5.0]
    assert wells["Metadata_CellCount"].tolist() == [3, 1]
    assert wells["Metadata_FewCells"].tolist() == [False, True]
    assert "Cells_Location_Center_X" not in wells
    dropped = read_table(tmp_path / "classical.wells.dropped.parquet")
    assert dropped.to_dict("records") == [{"Step": "aggregate_plate", "Row": "P A03", "Reason": "no cells"}]


def test_only_border_cells_drop_a_well_and_say_so(tmp_path: Path) -> None:
    out = str(tmp_path / "w.parquet")
    paths = write_cells(tmp_path, cells_of([("A01", 1, 1, True)]))
    run_aggregate_plate(paths, platemap_of(["A01"]), "P", out, AggregateConfig())
    assert len(read_table(out)) == 0
    assert list(read_table(out))[-2:] == FEATURES
    assert read_table(tmp_path / "w.dropped.parquet")["Reason"].tolist() == ["no cells but 1 at the image border"]


def test_embeddings_have_no_border_column(tmp_path: Path) -> None:
    table = cells_of([("A01", 1, 1, False)])[["Metadata_Plate", "Metadata_Well"]].assign(Deep_000=np.float32(0.25))
    out = str(tmp_path / "deep.wells.parquet")
    run_aggregate_plate(write_cells(tmp_path, table), platemap_of(["A01"]), "P", out, AggregateConfig())
    assert read_table(out)["Deep_000"].tolist() == [0.25]


def test_files_with_different_features_are_an_error(tmp_path: Path) -> None:
    table = cells_of([("A01", 1, 1, False)])
    paths = write_cells(tmp_path, table, table.drop(columns="Cells_AreaShape_Area"))
    with pytest.raises(DataError, match=r"1\.parquet: its features differ .*Cells_AreaShape_Area.*Hint"):
        run_aggregate_plate(paths, platemap_of(["A01"]), "P", str(tmp_path / "w.parquet"), AggregateConfig())


def test_a_plate_map_with_a_well_twice_is_an_error() -> None:
    with pytest.raises(DataError, match="well A01 is on the plate map twice"):
        assemble_wells({}, FEATURES, platemap_of(["A01", "A01"]), "P", AggregateConfig())


names = st.sampled_from([f"{row}{column:02d}" for row in "ABC" for column in (1, 2, 3)])


@settings(max_examples=60, deadline=None)
@given(mapped=st.lists(names, unique=True), counts=st.dictionaries(names, st.integers(0, 5)))
def test_every_well_is_kept_once_or_dropped_once(mapped: list[str], counts: dict[str, int]) -> None:
    profiles = {well: WellProfile(np.ones(2, dtype=np.float32), (count, 0, 0, 0, 0)) for well, count in counts.items()}
    kept, dropped = assemble_wells(profiles, FEATURES, platemap_of(mapped), "P", AggregateConfig())
    told = [*kept["Metadata_Well"], *(row.split()[1] for row in dropped["Row"])]
    assert sorted(told) == sorted(set(mapped) | set(counts))
    assert all(counts.get(well, 0) > 0 for well in kept["Metadata_Well"])
