"""Flags of wells, in words, from tables with known faults."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from platewise.columns import (
    BATCH,
    CELL_COUNT,
    CONTROL_TYPE,
    DOSE,
    LEFT_OUT,
    MOA,
    PERTURBATION,
    PLATE,
    SITE,
    TOUCHES_BORDER,
    WELL,
)
from platewise.config.profiles import CellsConfig
from platewise.config.qc import QcConfig
from platewise.errors import DataError
from platewise.qc.task import summarise_qc
from platewise.qc.wells import robust_z, well_quality
from platewise.tables import read_provenance, read_table, write_table

WELLS = [f"{row}{column:02d}" for row in "ABCD" for column in range(1, 7)]
CONTROLS = WELLS[:6]


def platemap() -> pd.DataFrame:
    table = pd.DataFrame({PLATE: "P1", WELL: WELLS, BATCH: "b1", PERTURBATION: "drug", DOSE: 1.0, MOA: ""})
    table[CONTROL_TYPE] = np.where(table[WELL].isin(CONTROLS), "negcon", "")
    return table


def manifest(sites: int = 2, cells: int = 100) -> pd.DataFrame:
    """Every well with ``sites`` good fields of about ``cells`` cells."""
    rows = [
        [well, site, "ok", "", cells + place % 5 - 2, 500.0, -3.0 + 0.01 * (place % 7), 0.0]
        for place, well in enumerate(WELLS)
        for site in range(1, sites + 1)
    ]
    names = [WELL, SITE, "Status", "Reason", "CellsCount", "Mean_DNA", "Focus_DNA", "Saturated_DNA"]
    return pd.DataFrame(rows, columns=names).assign(**{PLATE: "P1"})


def spoil(fields: pd.DataFrame, well: str, site: int, **values) -> None:
    rows = (fields[WELL] == well) & (fields[SITE] == site)
    for name, value in values.items():
        fields.loc[rows, name] = value


def flags(fields: pd.DataFrame, settings: QcConfig | None = None, wells: pd.DataFrame | None = None) -> dict[str, str]:
    table = well_quality(platemap() if wells is None else wells, fields, ["DNA"], settings or QcConfig())
    return {well: flag for well, flag in zip(table[WELL], table["Flag"], strict=True) if flag}


def test_a_clean_plate_has_no_flag_and_exact_numbers():
    table = well_quality(platemap(), manifest(), ["DNA"], QcConfig())

    assert list(table[WELL]) == WELLS
    assert set(table["Flag"]) == {""}
    assert list(table[CELL_COUNT][:3]) == [196, 198, 200]
    assert set(table["FieldsOk"]) == {2}
    assert set(table["FieldsBad"]) == {0}
    assert set(table["Mean_DNA"]) == {500.0}


def test_each_fault_is_said_in_words():
    fields = manifest()
    spoil(fields, "B01", 2, Status="bad", Reason="all zero", CellsCount=0)
    for site in (1, 2):
        spoil(fields, "B02", site, Status="bad", Reason="all zero", CellsCount=0)
        spoil(fields, "B03", site, CellsCount=20)
        spoil(fields, "B06", site, CellsCount=0)
    spoil(fields, "B04", 2, Focus_DNA=-4.5)
    spoil(fields, "B05", 1, Saturated_DNA=0.02)
    fields = fields[fields[WELL] != "C01"]

    assert flags(fields) == {
        "B01": "1 of 2 fields bad (site 2)",
        "B02": "no usable field (all 2 bad)",
        "B03": "few cells: 20 a field, 20 % of the negative controls' median",
        "B04": "out of focus (DNA site 2)",
        "B05": "saturated (DNA site 1)",
        "B06": "no cells",
        "C01": "no images",
    }


def test_a_missing_field_is_not_a_low_count():
    fields = manifest()
    spoil(fields, "C03", 1, Status="bad", Reason="cut short", CellsCount=0)

    assert flags(fields) == {"C03": "1 of 2 fields bad (site 1)"}


def test_faults_of_one_well_are_joined():
    fields = manifest()
    spoil(fields, "D01", 1, Status="bad", Reason="x", CellsCount=0)
    spoil(fields, "D01", 2, CellsCount=10, Focus_DNA=-5.0)

    flag = flags(fields)["D01"]
    assert flag.split("; ") == [
        "1 of 2 fields bad (site 1)",
        "few cells: 10 a field, 10 % of the negative controls' median",
        "out of focus (DNA site 2)",
    ]


def test_few_controls_are_replaced_by_the_whole_plate_and_it_is_said():
    wells = platemap()
    wells.loc[wells[WELL] != "A01", CONTROL_TYPE] = ""
    fields = manifest()
    for site in (1, 2):
        spoil(fields, "B03", site, CellsCount=20)

    assert "the plate's (only 1 usable negative controls) median" in flags(fields, wells=wells)["B03"]


def test_counting_noise_alone_flags_few_wells():
    rng = np.random.default_rng(0)
    flagged = 0
    for _ in range(20):
        fields = manifest()
        fields["CellsCount"] = rng.poisson(60, len(fields))
        flagged += sum("few cells" in flag for flag in flags(fields).values())

    assert flagged <= 0.01 * 20 * len(WELLS)


def test_even_focus_is_not_cut_finer_than_the_least_loss():
    fields = manifest()
    fields["Focus_DNA"] = -3.0
    spoil(fields, "D02", 1, Focus_DNA=-3.4)

    assert flags(fields) == {}
    assert flags(fields, QcConfig(min_focus_loss=0.3)) == {"D02": "out of focus (DNA site 1)"}


def test_robust_z_by_hand():
    reference = np.array([1.0, 2.0, 3.0, 4.0, 100.0, np.nan])  # median 3, deviations 2 1 0 1 97: MAD 1

    assert robust_z(np.array([3.0, 3 + 1.4826]), reference) == pytest.approx([0, 1])
    assert np.isnan(robust_z(np.array([1.0]), np.array([np.nan]))).all()
    assert np.isnan(robust_z(np.array([1.0]), np.array([2.0, 2.0]))).all()
    assert robust_z(np.array([1.0]), np.array([2.0, 2.0]), least_scale=0.5) == pytest.approx([-2])


def cell_table() -> pd.DataFrame:
    rows = [
        [well, touches, value] for well in WELLS[:2] for touches, value in ((False, 10.0), (False, 20.0), (True, 99.0))
    ]
    return pd.DataFrame(rows, columns=[WELL, TOUCHES_BORDER, "Cells_Intensity_MeanIntensity_DNA"])


@pytest.mark.parametrize(("border", "count", "mean"), [(False, 2, 15.0), (True, 3, 43.0)])
def test_task_takes_counts_and_means_from_cells(tmp_path, border, count, mean):
    write_table(manifest(), tmp_path / "fields.parquet")
    write_table(cell_table(), tmp_path / "cells.parquet")

    summarise_qc(
        platemap=platemap(),
        fields=[tmp_path / "fields.parquet"],
        cells=[tmp_path / "cells.parquet"],
        channels=["DNA", "ER"],
        settings=QcConfig(),
        fields_target=tmp_path / "qc" / "fields.parquet",
        wells_target=tmp_path / "qc" / "wells.parquet",
        border_cells=border,
    )

    wells = read_table(tmp_path / "qc" / "wells.parquet").set_index(WELL)
    assert wells.loc["A01", CELL_COUNT] == count
    assert wells.loc["A01", "Mean_DNA"] == mean
    assert wells.loc["D06", CELL_COUNT] == 0
    assert np.isnan(wells.loc["D06", "Mean_DNA"])
    assert wells["Mean_ER"].isna().all()
    assert read_provenance(tmp_path / "qc" / "wells.parquet")["mean_of"] == "cells"


def test_cells_that_rules_leave_out_are_not_counted_and_their_share_is_told(tmp_path):
    # A01: two whole cells, one of them debris. A02: debris alone. The controls' typical size is 100.
    rows = [
        ["A01", False, 10.0, 100.0],
        ["A01", False, 50.0, 5.0],
        ["A01", True, 99.0, 100.0],
        ["A02", False, 1.0, 2.0],
    ]
    rows += [["A03", False, 7.0, 100.0], ["A03", False, 9.0, 100.0]]
    area = "Nuclei_AreaShape_Area"
    cells = pd.DataFrame(rows, columns=[WELL, TOUCHES_BORDER, "Cells_Intensity_MeanIntensity_DNA", area])
    write_table(manifest(), tmp_path / "fields.parquet")
    write_table(cells[:3], tmp_path / "1.parquet")
    write_table(cells[3:], tmp_path / "2.parquet")
    summarise_qc(
        platemap=platemap(),
        fields=[tmp_path / "fields.parquet"],
        cells=[tmp_path / "1.parquet", tmp_path / "2.parquet"],
        channels=["DNA"],
        settings=QcConfig(),
        fields_target=tmp_path / "qc" / "fields.parquet",
        wells_target=tmp_path / "qc" / "wells.parquet",
        rules=CellsConfig.model_validate({"size": {}}),
    )
    wells = read_table(tmp_path / "qc" / "wells.parquet").set_index(WELL)
    assert wells.loc[["A01", "A02", "A03", "A04"], CELL_COUNT].tolist() == [1, 0, 2, 0]
    np.testing.assert_equal(wells.loc[["A01", "A02", "A03", "A04"], LEFT_OUT].to_numpy(), [0.5, 1, 0, np.nan])
    np.testing.assert_equal(wells.loc[["A01", "A02", "A03"], "Mean_DNA"].to_numpy(), [10, np.nan, 8])


def test_task_measures_fields_that_were_not_measured(tmp_path):
    fields = manifest(sites=1).drop(columns=["Mean_DNA", "Focus_DNA", "Saturated_DNA"])
    spoil(fields, "A02", 1, Status="bad", Reason="missing", CellsCount=0)
    write_table(fields, tmp_path / "fields.parquet")
    asked = []

    def read(well: str, site: int) -> np.ndarray:
        asked.append((well, site))
        return np.full((1, 32, 32), 7.0 + WELLS.index(well), np.float32)

    summarise_qc(
        platemap=platemap(),
        fields=[tmp_path / "fields.parquet"],
        channels=["DNA"],
        settings=QcConfig(),
        fields_target=tmp_path / "f.parquet",
        wells_target=tmp_path / "w.parquet",
        read=read,
    )

    assert asked == [(well, 1) for well in WELLS if well != "A02"]
    wells = read_table(tmp_path / "w.parquet").set_index(WELL)
    assert wells.loc["A03", "Mean_DNA"] == 9
    assert np.isnan(wells.loc["A02", "Mean_DNA"])
    assert read_provenance(tmp_path / "w.parquet")["mean_of"] == "fields"


def test_same_input_same_bytes(tmp_path):
    write_table(manifest(), tmp_path / "fields.parquet")
    for name in ("a", "b"):
        summarise_qc(
            platemap=platemap(),
            fields=[tmp_path / "fields.parquet"],
            channels=["DNA"],
            settings=QcConfig(),
            fields_target=tmp_path / name / "f.parquet",
            wells_target=tmp_path / name / "w.parquet",
        )

    for file in ("f.parquet", "w.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize(
    ("wells", "message"),
    [
        (platemap().drop(columns=[MOA]), r"lack Metadata_MOA.*Hint"),
        (pd.concat([platemap(), platemap().head(1)]), r"wells A01 stand there twice.*Hint"),
    ],
)
def test_wrong_plate_maps_are_refused(tmp_path, wells, message):
    with pytest.raises(DataError, match=message):
        summarise_qc(
            platemap=wells,
            fields=[],
            channels=["DNA"],
            settings=QcConfig(),
            fields_target=tmp_path / "f.parquet",
            wells_target=tmp_path / "w.parquet",
        )


def test_an_unreadable_cell_table_is_named(tmp_path):
    write_table(manifest(), tmp_path / "fields.parquet")
    (tmp_path / "cells.parquet").write_bytes(b"PAR1 half a file")

    with pytest.raises(DataError, match=r"cells\.parquet: cannot be read as Parquet.*Hint"):
        summarise_qc(
            platemap=platemap(),
            fields=[tmp_path / "fields.parquet"],
            cells=[tmp_path / "cells.parquet"],
            channels=["DNA"],
            settings=QcConfig(),
            fields_target=tmp_path / "f.parquet",
            wells_target=tmp_path / "w.parquet",
        )
