"""A user's table becomes wells of platewise, or says what is wrong with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platewise.config.table import TableColumns, TableConfig
from platewise.errors import ConfigError, DataError
from platewise.profiles.importing import check_tables, choose_features, read_profiles, run_import_profiles
from platewise.profiles.plates import plates_of
from platewise.tables import read_table

COLUMNS = TableColumns(plate="plate", well="well", batch="week", perturbation="drug", dose="um", moa="moa")


def small_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "plate": ["P2", "P1", "P1"],
            "well": ["b3", "A01", "A2"],
            "week": ["W2", "W1", "W1"],
            "drug": ["taxol", "DMSO", "taxol"],
            "um": [0.5, 0.0, np.nan],
            "moa": ["stabiliser", "vehicle", "stabiliser"],
            "Cells_AreaShape_Area": [3.0, 1.0, 2.0],
            "Cells_Location_Center_X": [9.0, 9.0, 9.0],
            "Nuclei_Texture_Gabor": [np.inf, 0.5, np.nan],
            "emb_1": [1, 2, 3],
        }
    )


def config_for(*paths: Path, **changes: object) -> TableConfig:
    return TableConfig(**{"paths": tuple(map(str, paths)), "columns": COLUMNS, "negcon": ("DMSO",), **changes})


@pytest.fixture
def table_path(tmp_path: Path) -> Path:
    path = tmp_path / "wells.parquet"
    small_table().to_parquet(path)
    return path


def test_reads_wells_in_our_columns_sorted_by_plate_and_well(table_path: Path) -> None:
    wells, dropped = read_profiles(config_for(table_path))
    assert wells["Metadata_Well"].tolist() == ["A01", "A02", "B03"]
    assert wells["Metadata_Batch"].tolist() == ["W1", "W1", "W2"]
    assert wells["Metadata_ControlType"].tolist() == ["negcon", "", ""]
    # What the vehicle does is no annotation.
    assert wells["Metadata_MOA"].tolist() == ["", "stabiliser", "stabiliser"]
    assert wells["Metadata_Dose"].tolist()[::2] == [0.0, 0.5]
    assert np.isnan(wells["Metadata_Dose"][1])
    assert wells["Cells_AreaShape_Area"].tolist() == [1.0, 2.0, 3.0]
    # Infinite is missing; positions and columns that no pattern names are left out.
    assert wells["Nuclei_Texture_Gabor"].isna().tolist() == [False, True, True]
    assert [name for name in wells if not name.startswith("Metadata_")] == [
        "Cells_AreaShape_Area",
        "Nuclei_Texture_Gabor",
    ]
    assert len(dropped) == 0


def test_writes_one_file_a_plate_and_what_was_dropped(tmp_path: Path) -> None:
    table = small_table()
    table.loc[2, "drug"] = ""
    table.to_parquet(tmp_path / "wells.parquet")
    config = config_for(tmp_path / "wells.parquet")
    paths = {plate: str(tmp_path / plate / "classical.wells.parquet") for plate in plates_of(config)}
    run_import_profiles(config, paths)
    assert read_table(paths["P1"])["Metadata_Well"].tolist() == ["A01"]
    assert read_table(paths["P2"])["Metadata_Well"].tolist() == ["B03"]
    dropped = read_table(tmp_path / "P1" / "classical.wells.dropped.parquet")
    assert dropped["Reason"].tolist() == ["no perturbation"]
    assert dropped["Row"][0].endswith("wells.parquet, row 3")
    assert list(read_table(tmp_path / "P2" / "classical.wells.dropped.parquet")) == ["Step", "Row", "Reason"]


def test_csv_and_parquet_give_the_same_wells(table_path: Path, tmp_path: Path) -> None:
    small_table().replace([np.inf], np.nan).to_csv(tmp_path / "wells.csv", index=False)
    pd.testing.assert_frame_equal(
        read_profiles(config_for(tmp_path / "wells.csv"))[0], read_profiles(config_for(table_path))[0]
    )


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize(("kind", "separator"), [("csv", ","), ("tsv", "\t")])
def test_names_that_look_like_numbers_stay_as_they_are_written(
    tmp_path: Path, kind: str, separator: str, quote: str
) -> None:
    rows = [
        ("0123", "A01", "0", "1e2", "5.10", "007"),
        ("0123", "A02", "007", "5.10", "5.10", "true"),
        ("123", "A01", "7", "", "1", "2024-01-31 00:00"),
        ("123", "A02", "", "2", "1", ""),
    ]
    paths = [tmp_path / f"{name}.{kind}" for name in ("mixed", "whole")]
    names = ["plate", "well", "drug", "um", "week", "moa", "Cells_X_Y"]
    for path, chosen in zip(paths, (rows, [("9", "A01", "0", "3", "1", "007")]), strict=True):
        cells = [names, *([f"{quote}{cell}{quote}" if cell else "" for cell in row] + ["1.5"] for row in chosen)]
        path.write_text("".join(separator.join(row) + "\n" for row in cells))
    config = config_for(*paths, negcon=("0",))
    assert plates_of(config) == ["0123", "123", "9"]
    wells, dropped = read_profiles(config)
    assert wells["Metadata_Plate"].tolist() == ["0123", "0123", "123", "9"]
    assert wells["Metadata_Perturbation"].tolist() == ["0", "007", "7", "0"]
    assert wells["Metadata_ControlType"].tolist() == ["negcon", "", "", "negcon"]
    assert wells["Metadata_Batch"].tolist() == ["5.10", "5.10", "1", "1"]
    assert wells["Metadata_MOA"].tolist() == ["", "true", "2024-01-31 00:00", ""]
    assert wells["Metadata_Dose"].fillna(-1).tolist() == [100.0, 5.1, -1.0, 3.0]
    assert dropped[["Metadata_Plate", "Reason"]].to_numpy().tolist() == [["123", "no perturbation"]]
    problems = []
    given = check_tables(config, problems)
    assert problems == []
    assert [treatment.perturbation for treatment in given] == ["0", "007", "7", "0"]


def test_names_of_other_features_are_stored_as_deep(table_path: Path) -> None:
    wells, _ = read_profiles(config_for(table_path, features=("emb_*",)))
    assert wells["Deep_emb_1"].tolist() == [2, 3, 1]


def test_exclude_wins_over_features() -> None:
    config = TableConfig(paths=("x",), exclude=("*_Zernike_*",))
    names = ["Cells_AreaShape_Zernike_1", "Cells_AreaShape_Area", "Nuclei_Location_Center_X", "plate"]
    assert choose_features(names, config) == {"Cells_AreaShape_Area": "Cells_AreaShape_Area"}


def broken(tmp_path: Path, **changes: object) -> str:
    table = small_table().assign(**changes)
    table.to_parquet(tmp_path / "wells.parquet")
    with pytest.raises(ConfigError) as caught:
        read_profiles(config_for(tmp_path / "wells.parquet"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("column", "values", "place", "found"),
    [
        ("well", ["b3", "A0", "A2"], "row 2, column well", "'A0'"),
        ("um", ["1", "1", "much"], "row 3, column um", "'much'"),
        ("um", [1.0, -1.0, 1.0], "row 2, column um", "'-1.0'"),
        ("plate", ["P2", "../P1", "P1"], "row 2, column plate", "'../P1'"),
        ("Cells_AreaShape_Area", ["1", "2", "big"], "column Cells_AreaShape_Area", "'1'"),
    ],
)
def test_wrong_values_are_named_with_their_place(
    tmp_path: Path, column: str, values: list[object], place: str, found: str
) -> None:
    message = broken(tmp_path, **{column: values})
    assert f"wells.parquet, {place}: found {found}" in message
    assert "Hint:" in message


def test_a_well_that_occurs_twice_is_an_error(tmp_path: Path) -> None:
    message = broken(tmp_path, well=["b3", "A01", "a1"])
    assert "row 3" in message
    assert "plate P1, well A01 a second time" in message
    assert "row 2" in message


def test_a_missing_column_is_named(table_path: Path) -> None:
    config = config_for(table_path, columns=COLUMNS.model_copy(update={"dose": "molar"}))
    with pytest.raises(ConfigError, match="expected also molar"):
        read_profiles(config)


def test_no_feature_columns_is_an_error(table_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"set table\.features"):
        read_profiles(config_for(table_path, features=("Golgi_*",)))


def test_tables_with_different_features_are_not_stacked(table_path: Path, tmp_path: Path) -> None:
    other = small_table().assign(plate="P9").rename(columns={"Cells_AreaShape_Area": "Cells_AreaShape_Width"})
    other.to_parquet(tmp_path / "more.parquet")
    third = small_table().assign(plate=["P5", "P6", "P5"])
    third.to_parquet(tmp_path / "third.parquet")
    config = config_for(table_path, tmp_path / "more.parquet", tmp_path / "third.parquet")
    said = (
        r"more\.parquet, header: found this table \(plates P9\) lacks 1 feature \(Cells_AreaShape_Area\) and has 1 "
        r"feature beside those \(Cells_AreaShape_Width\)"
    )
    with pytest.raises(ConfigError, match=said):
        read_profiles(config)
    # Already when the campaign is planned, from the headers alone.
    problems = []
    check_tables(config, problems)
    (problem,) = problems
    assert re.search(said, str(problem))


def test_whole_numbers_beside_missing_values_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "wells.parquet"
    drugs = pd.array([7, None, 8], dtype="Int64")
    small_table().assign(plate=[1, 1, 2], well=["A1", "A2", "A1"], drug=drugs).to_parquet(path)
    config = config_for(path, negcon=("7",))
    assert plates_of(config) == ["1", "2"]
    wells, dropped = read_profiles(config)
    assert wells["Metadata_Perturbation"].tolist() == ["7", "8"]
    assert wells["Metadata_ControlType"].tolist() == ["negcon", ""]
    assert dropped["Reason"].tolist() == ["no perturbation"]
    problems = []
    given = check_tables(config, problems)
    assert [(treatment.well, treatment.perturbation) for treatment in given] == [("A01", "7"), ("A01", "8")]
    assert problems == []


def test_two_columns_that_are_stored_under_one_name_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "wells.parquet"
    small_table().assign(Deep_emb_1=[4, 5, 6]).to_parquet(path)
    with pytest.raises(ConfigError, match=r"found 'Deep_emb_1' twice(.|\n)*Hint: rename one of the columns"):
        read_profiles(config_for(path, features=("emb_*", "Deep_*")))
    path = tmp_path / "wells.csv"
    path.write_text("plate,well,week,drug,um,moa,Cells_X_Y,Cells_X_Y\nP,A01,W,DMSO,,,1,2\n")
    with pytest.raises(ConfigError, match="found 'Cells_X_Y' twice"):
        read_profiles(config_for(path))


STRANGE = [
    "a, b",
    'he said "no"',
    "β-лактам 薬",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    " x ",
    "TP53 p.R175H",
]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["P1", "P2"]),
            st.sampled_from(["a1", "A1", "A01", "a01", "b12", "B12", "C03"]),
            st.sampled_from([*STRANGE, "", None]),
            st.sampled_from([0, 5, None]),
        ),
        min_size=1,
        max_size=8,
    ),
    kind=st.sampled_from(["parquet", "csv", "tsv"]),
)
def test_every_row_is_a_well_or_dropped_or_named_as_a_duplicate(rows: list[tuple], kind: str) -> None:
    table = pd.DataFrame(rows, columns=["plate", "well", "drug", "cells"]).assign(Cells_X_Y=range(len(rows)))
    table["cells"] = table["cells"].astype("Int64")
    columns = TableColumns(plate="plate", well="well", perturbation="drug", cell_count="cells")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"wells.{kind}"
        table.to_parquet(path) if kind == "parquet" else table.to_csv(path, index=False, sep=",\t"[kind == "tsv"])
        config = config_for(path, columns=columns)
        keys = [(plate, well[0].upper() + f"{int(well[1:]):02d}") for plate, well, *_ in rows]
        if len(set(keys)) < len(keys):
            with pytest.raises(ConfigError, match="a second time"):
                read_profiles(config)
            return
        wells, dropped = read_profiles(config)
    assert len(wells) + len(dropped) == len(rows)
    told = dict(zip(zip(wells["Metadata_Plate"], wells["Metadata_Well"], strict=True), wells["Cells_X_Y"], strict=True))
    for number, (key, (_, _, drug, cells)) in enumerate(zip(keys, rows, strict=True)):
        assert (key in told) == (bool(drug) and cells != 0)
        if key in told:
            assert told[key] == number
            given_name = wells.loc[wells["Cells_X_Y"] == number, "Metadata_Perturbation"].item()
            assert given_name == drug.strip()


def test_unknown_control_type_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "wells.parquet"
    small_table().assign(kind=["", "negcontrol", ""]).to_parquet(path)
    config = config_for(path, columns=COLUMNS.model_copy(update={"control_type": "kind"}), negcon=())
    with pytest.raises(ConfigError, match="row 2, column kind: found 'negcontrol'; expected `negcon`"):
        read_profiles(config)


def test_an_unset_variable_and_a_missing_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PLATEWISE_NO_SUCH_FOLDER"):
        plates_of(TableConfig(paths=("${PLATEWISE_NO_SUCH_FOLDER}/x.parquet",)))
    with pytest.raises(ConfigError, match="a readable Parquet, CSV or TSV table"):
        plates_of(TableConfig(paths=(str(tmp_path / "none.parquet"),)))


def test_plates_of_refuses_names_that_are_paths(tmp_path: Path) -> None:
    path = tmp_path / "wells.parquet"
    small_table().assign(plate=["P1", "..", None]).to_parquet(path)
    with pytest.raises(ConfigError) as caught:
        plates_of(config_for(path))
    assert len(caught.value.problems) == 2


def test_a_planned_plate_that_is_not_in_the_table_is_an_error(table_path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows for the plates P7"):
        run_import_profiles(config_for(table_path), {"P7": str(tmp_path / "x.parquet")})


def test_listing_plates_imports_nothing_heavy(table_path: Path) -> None:
    # It runs at every parse of the workflow, in every job.
    code = (
        "import sys; from platewise.profiles.plates import plates_of; from platewise.config.table import *;"
        f"c = TableConfig(paths=({str(table_path)!r},), columns=TableColumns(plate='plate'));"
        "print(plates_of(c), [m for m in ('pandas', 'torch', 'scanpy', 'scipy', 'zarr') if m in sys.modules])"
    )
    library = str(Path(__file__).parents[3] / "workflow" / "lib")
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": library}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['P1', 'P2'] []"
