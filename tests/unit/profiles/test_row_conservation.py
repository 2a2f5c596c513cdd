"""Random plates from the user's table to consensus: every row is kept, among the dropped, or named in an error."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platewise.config.metadata import MetadataConfig
from platewise.config.profiles import ConsensusConfig, NormaliseConfig, SelectConfig
from platewise.config.table import TableColumns, TableConfig
from platewise.errors import ConfigError, DataError
from platewise.plan.plates import PlateRow, read_plate
from platewise.plan.wells import normal_well
from platewise.profiles.consensus import run_build_consensus
from platewise.profiles.importing import run_import_profiles
from platewise.profiles.normalise import run_normalise_plates
from platewise.profiles.plates import plates_of
from platewise.profiles.select import run_select_features
from platewise.tables import read_table

SPELLINGS = st.sampled_from(["a1", "A1", "A01", "a01", "b2", "B02", "C12", "c12", "D7"])
# Mostly different ones, so that most tables get past the duplicates.
WELLS = st.one_of(SPELLINGS, *[st.integers(1, 24).map(f"{row}{{}}".format) for row in "EFGHIJKLMN"])
NAMES = st.sampled_from(
    ["DMSO", " DMSO ", "taxol", "Taxol", 'a, "b"', "../x", "", None, "β", "007", "7", "7.0", "5.10", "5.1", "true"]
)
VALUES = st.one_of(st.floats(-5, 5, width=32), st.sampled_from([np.nan, np.inf, -np.inf]))
COLUMNS = TableColumns(plate="plate", well="well", perturbation="drug", dose="dose", cell_count="cells")
KEYS = ["Metadata_Plate", "Metadata_Well", "Metadata_Perturbation", "Metadata_Dose"]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Return up to three plates; a column that numbers the rows is a feature, so that it travels with them."""
    rows = [
        (plate, draw(WELLS), draw(NAMES), draw(st.sampled_from([None, 0.0, 1.0, 10.0])), cells, draw(VALUES))
        for plate in draw(st.lists(st.sampled_from(["P1", "0123", "123"]), min_size=1, max_size=3, unique=True))
        for cells in draw(st.lists(st.sampled_from([0, 5, 80, None]), min_size=1, max_size=7))
    ]
    table = pd.DataFrame(rows, columns=["plate", "well", "drug", "dose", "cells", "Cells_X_Value"])
    table["cells"] = table["cells"].astype("Int64")
    return table.assign(Cells_X_Row=np.arange(len(rows), dtype=float))


@settings(max_examples=60, deadline=None)
@given(
    table=tables(),
    method=st.sampled_from(["median", "mean", "modz"]),
    kind=st.sampled_from(["parquet", "csv", "tsv"]),
)
def test_no_step_loses_or_doubles_a_well(table: pd.DataFrame, method: str, kind: str) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / f"wells.{kind}"
        # Text has a header, which is row 1.
        row_of_first = 1 if kind == "parquet" else 2
        table.to_parquet(path) if kind == "parquet" else table.to_csv(path, index=False, sep=",\t"[kind == "tsv"])
        config = TableConfig(paths=(str(path),), columns=COLUMNS, negcon=("DMSO",))
        wells, normalised = (
            {plate: str(folder / plate / f"f.{level}.parquet") for plate in plates_of(config)}
            for level in ("wells", "normalised")
        )
        keys = list(zip(table["plate"], map(normal_well, table["well"]), strict=True))
        twice = {key: [row + row_of_first for row, other in enumerate(keys) if other == key] for key in keys}
        if any(len(rows) > 1 for rows in twice.values()):
            with pytest.raises(ConfigError) as caught:
                run_import_profiles(config, wells)
            # Each row but the first of a well is named, beside the first.
            for (_, well), (first, *others) in twice.items():
                for row in others:
                    told = rf"row {row}, columns plate and well: found plate \w+, well {well} a second time \(first in "
                    assert pd.Series([str(caught.value)]).str.contains(rf"{told}[^)]*row {first}\)").item()
            return
        run_import_profiles(config, wells)
        given_names = table["drug"].fillna("").str.strip()
        kept = (given_names != "") & (table["cells"].fillna(1) != 0)
        level3 = pd.concat(map(read_table, wells.values()), ignore_index=True)
        lost = pd.concat([read_table(path.replace(".parquet", ".dropped.parquet")) for path in wells.values()])
        assert sorted(level3["Cells_X_Row"]) == table.loc[kept, "Cells_X_Row"].tolist()
        assert sorted(int(row.split()[-1]) - row_of_first for row in lost["Row"]) == np.flatnonzero(~kept).tolist()
        assert not np.isinf(level3["Cells_X_Value"]).any()
        by_row = level3.sort_values("Cells_X_Row")
        assert by_row["Metadata_Plate"].tolist() == table.loc[kept, "plate"].tolist()
        assert by_row["Metadata_Perturbation"].tolist() == given_names[kept].tolist()

        run_normalise_plates(wells, normalised, NormaliseConfig())
        level4 = pd.concat(map(read_table, normalised.values()), ignore_index=True)
        pd.testing.assert_frame_equal(level4[KEYS], level3[KEYS])
        selected, consensus = folder / "4b.parquet", folder / "5.parquet"
        try:
            run_select_features(normalised, str(selected), str(folder / "s.parquet"), SelectConfig())
        except DataError as refusal:
            error = str(refusal)
        else:
            error = ""
        if error:
            assert "features is left" in error or "no plate has a well left" in error
            assert "Hint: " in error
            return
        chosen = read_table(selected)
        pd.testing.assert_frame_equal(chosen[KEYS], level3[KEYS])
        run_build_consensus(str(selected), str(consensus), ConsensusConfig(method=method))
        treatments = read_table(consensus)
        counted = level3.groupby(["Metadata_Perturbation", "Metadata_Dose"], dropna=False, sort=True).size()
        assert treatments["Metadata_Replicates"].tolist() == counted.tolist()
        for made in (chosen, treatments):
            features = [column for column in made if column.startswith("Cells_")]
            assert np.isfinite(made[features].to_numpy()).all()


@settings(max_examples=60, deadline=None)
@given(
    wells=st.lists(SPELLINGS, min_size=1, max_size=7),
    imaged=st.sets(st.sampled_from(["A01", "B02", "C12", "D07"]), max_size=3),
)
def test_a_well_twice_on_a_plate_map_names_both_rows(wells: list[str], imaged: set[str]) -> None:
    with TemporaryDirectory() as name:
        path = Path(name) / "map.csv"
        # A control that no spelling names, so that the map is sound otherwise.
        rows = [("H12", "DMSO"), *((well, f"drug {row}") for row, well in enumerate(wells))]
        pd.DataFrame(rows, columns=["well_position", "compound"]).to_csv(path, index=False)
        sheet = {"plate": "P", "batch": "B", "reader": "phenix", "images": name, "platemap": str(path)}
        row = PlateRow.from_param(sheet | {"format": 96, "fields_per_well": 1, "wells": []})
        names = [normal_well(well) for well, _ in rows]
        first = {well: names.index(well) + 2 for well in names}
        twice = [(well, line) for line, well in enumerate(names, 2) if line != first[well]]
        metadata = MetadataConfig(key="compound", negcon=("DMSO",))
        if twice:
            with pytest.raises(ConfigError) as caught:
                read_plate(row, metadata)
            for well, line in twice:
                told = f"row {line}, column well_position: found {well} a second time (first in row {first[well]})"
                assert told in str(caught.value)
            return
        plate = read_plate(row, metadata)
        assert {treatment.well: treatment.perturbation for treatment in plate.treatments} == dict(
            zip(names, [drug for _, drug in rows], strict=True)
        )
        # Wells that were not imaged are left out, none of the others; one that is on no map is an error.
        asked = PlateRow.from_param(row.as_param() | {"wells": sorted({*imaged, "H12"})})
        if imaged <= set(names):
            assert {treatment.well for treatment in read_plate(asked, metadata).treatments} == {*imaged, "H12"}
        else:
            with pytest.raises(ConfigError, match=r"wells that .* lists"):
                read_plate(asked, metadata)
