import json

import numpy as np
import pandas as pd
import pytest
from small_run import FEATURES, WELLS, wells_table, write_run

from platewise.columns import CONTROL_TYPE
from platewise.compare.features import compare_features, control_spread, feature_group, group_features, measure_movement
from platewise.compare.results import open_results
from platewise.tables import write_table

AREA, CELL, MEAN = FEATURES
TABLES = {plate: f"plates/{plate}/profiles/classical.wells.parquet" for plate in ("P1", "P2")}


def test_known_movements():
    """A shift of 2, a doubling, a reversal, and a constant; four wells, spread 0.5."""
    old = np.tile(np.array([[0.0], [1], [2], [3]]), (1, 5))
    new = old.copy()
    new[:, 1] += 2
    new[:, 2] *= 2
    new[:, 3] *= -1
    new[:, 4] = 1
    table = measure_movement(old, new, np.full(5, 0.5))
    assert table["Correlation"].tolist()[:4] == pytest.approx([1, 1, 1, -1])
    assert np.isnan(table["Correlation"][4])
    assert table["Shift"].tolist() == [0, 4, 3, -6, -1]
    assert table["Movement"].tolist() == [0, 4, 3, 6, 2]
    assert table["Identical"].tolist() == [True, False, False, False, False]
    assert table["Wells"].tolist() == [4] * 5


def test_identical_features_are_exactly_alike_whatever_they_hold():
    old = np.array([[1e300, np.nan, 7, 1e-310], [2e300, np.nan, 7, 2e-310], [-3e300, np.nan, 7, 3e-310]])
    table = measure_movement(old, old.copy(), np.zeros(4))
    assert table["Identical"].all()
    assert table["Correlation"].tolist()[::2] == [1.0, 1.0]
    assert table["Correlation"][3] == 1.0
    assert np.isnan(table["Correlation"][1])
    assert table["Shift"].tolist()[0] == table["Movement"].tolist()[3] == 0


def test_huge_values_do_not_overflow_the_correlation():
    old = np.array([[1e200], [2e200], [3e200]])
    assert measure_movement(old, old[::-1], np.ones(1))["Correlation"][0] == pytest.approx(-1)


def test_missing_values_are_left_out_and_counted():
    old = np.array([[0.0], [1], [np.nan], [3], [np.inf]])
    new = np.array([[0.0], [np.nan], [5], [3], [1.0]])
    table = measure_movement(old, new, np.ones(1))
    assert table[["Wells", "Lost", "Gained"]].to_numpy().tolist() == [[2, 1, 2]]
    assert not table["Identical"][0]
    assert table["Movement"][0] == 0


def test_without_a_spread_a_movement_has_no_size():
    table = measure_movement(np.array([[1.0], [2]]), np.array([[1.5], [2.5]]), np.zeros(1))
    assert np.isnan(table["Shift"][0])


def test_the_spread_is_of_controls_around_their_plate():
    """Controls 1, 3 on one plate and 11, 15 on the other: deviations 1, 1, 2, 2, their median 1.5."""
    values = np.array([[1.0], [3], [100], [11], [15]])
    plates = np.array(["a", "a", "a", "b", "b"], object)
    controls = np.array([True, True, False, True, True])
    assert control_spread(values, plates, controls) == pytest.approx([1.4826 * 1.5])
    # Without controls, all wells: deviations 2, 0, 97, 2, 2.
    assert control_spread(values, plates, np.zeros(5, bool)) == pytest.approx([1.4826 * 2])


def test_groups_of_features():
    assert feature_group("Nuclei_AreaShape_Zernike_2_0") == "Nuclei AreaShape"
    assert feature_group("Deep_012") == "Deep"


def test_the_same_features(pair):
    section = compare_features(pair())
    assert section.moved is False
    assert section.facts["classical"] == {
        "features": 3,
        "identical": 3,
        "median_correlation": 1.0,
        "low_correlation": 0,
        "median_movement": 0.0,
        "wells": 16,
        "added": 0,
        "removed": 0,
    }
    assert section.sentences == ["classical: 3 features of 16 wells, every value the same."]


def test_a_moved_feature_comes_first_and_wells_are_matched_by_name(pair):
    """One feature grows by one old control spread on all wells, another is reversed; rows come in another order."""
    spread = 1.4826 * 0.5
    tables = {}
    for plate, path in TABLES.items():
        table = wells_table(plate)
        table[AREA] += spread
        table[CELL] *= -1
        tables[path] = table.iloc[::-1]
    section = compare_features(pair(tables=tables))
    rows = section.rows("classical_moved").set_index("Feature")
    assert rows.index[0] == CELL
    assert rows.loc[CELL, "Correlation"] == pytest.approx(-1)
    assert rows.loc[AREA, ["Correlation", "Shift", "Movement"]].tolist() == pytest.approx([1, 1, 1], rel=1e-6)
    assert rows.loc[MEAN, "Identical"]
    groups = section.rows("classical_groups").set_index("Group")
    assert groups.loc["Cells Intensity", "Identical"] == 1
    assert groups.loc["Cells AreaShape", "MostMoved"] == CELL


def test_added_and_removed_features_are_named(pair):
    tables = {path: wells_table(plate).rename(columns={MEAN: "Cells_Texture_New"}) for plate, path in TABLES.items()}
    section = compare_features(pair(tables=tables))
    assert section.moved is True
    assert section.rows("classical_only").to_numpy().tolist() == [["Cells_Texture_New", "NEW"], [MEAN, "OLD"]]
    assert section.facts["classical"]["features"] == 2


def test_wells_and_plates_of_one_run_are_left_out(pair):
    found = pair(tables={TABLES["P1"]: wells_table("P1").head(5)}, leave_out=[TABLES["P2"]])
    section = compare_features(found)
    assert section.facts["classical"]["wells"] == 5
    assert section.facts["classical"]["identical"] == 3


def test_without_controls_the_unit_is_said(tmp_path):
    free = {path: wells_table(plate).assign(**{CONTROL_TYPE: ""}) for plate, path in TABLES.items()}
    moved = {path: table.assign(**{AREA: table[AREA] + 1}) for path, table in free.items()}
    found = open_results(write_run(tmp_path / "a", tables=free), write_run(tmp_path / "b", tables=moved))
    assert "there are no negative controls" in compare_features(found).sentences[0]


def test_nothing_shared_is_nothing_moved(pair):
    section = compare_features(pair(leave_out=list(TABLES.values())))
    assert section.moved is None
    assert section.sentences[-1] == "No features could be compared: well profiles are missing."


def test_features_of_another_network_are_not_compared_one_by_one(pair):
    deep = {"plates/P1/profiles/deep.wells.parquet": wells_table("P1").rename(columns={AREA: "Deep_000"})}
    found = pair(tables=deep)
    path = found.old.folder / "plates/P1/profiles/deep.wells.parquet"
    path.write_bytes((found.new.folder / "plates/P1/profiles/deep.wells.parquet").read_bytes())
    for results, weights in ((found.old, "aa"), (found.new, "bb")):
        folder = results.folder / "campaign/embedding/deep"
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps({"weights_sha256": weights}))
    words = [sentence for sentence in compare_features(found).sentences if sentence.startswith("deep:")]
    assert "other weights" in words[-1]


def test_columns_are_read_in_pieces(pair):
    """With more features than are read at a time, nothing is lost or mixed up."""
    names = [f"Cells_Texture_T{number:03d}" for number in range(250)]
    rng = np.random.default_rng(0)
    moved = {name: number % 7 for number, name in enumerate(names)}
    tables = {}
    values = {plate: rng.normal(size=(len(WELLS), len(names))) for plate in TABLES}
    shifts = np.array([moved[name] for name in names])
    for plate, path in TABLES.items():
        tables[path] = wells_table(plate).join(pd.DataFrame(values[plate], columns=names))
    found = pair(tables=tables)
    for plate, path in TABLES.items():
        shifted = wells_table(plate).join(pd.DataFrame(values[plate] + shifts, columns=names))
        write_table(shifted, found.old.folder / path)
    rows = compare_features(found).rows("classical_moved").set_index("Feature").loc[names]
    assert (rows["Identical"] == [moved[name] == 0 for name in names]).all()
    assert rows["Correlation"].to_numpy() == pytest.approx(1)
    # All wells shift alike, against: OLD is the larger one.
    assert (np.sign(rows["Shift"]) == [-np.sign(moved[name]) for name in names]).all()


def test_groups_are_summarised():
    table = pd.DataFrame(
        {
            "Feature": ["Cells_A_1", "Cells_A_2", "Cells_B_1"],
            "Group": ["Cells A", "Cells A", "Cells B"],
            "Correlation": [0.2, 0.8, np.nan],
            "Movement": [3.0, 1.0, np.nan],
            "Identical": [False, False, True],
        }
    )
    rows = group_features(table).to_dict("records")
    assert rows[0] == {
        "Group": "Cells A",
        "Features": 2,
        "Identical": 0,
        "MedianCorrelation": 0.5,
        "LowestCorrelation": 0.2,
        "MedianMovement": 2.0,
        "MostMoved": "Cells_A_1",
    }
    assert np.isnan(rows[1]["MedianCorrelation"])


def test_a_statistic_of_cells_is_a_group_of_its_own():
    names = [
        "Nuclei_AreaShape_Area",
        "Nuclei_AreaShape_Area_MAD",
        "Deep_012",
        "Deep_012_Q10",
        "Cells_Intensity_MADIntensity_ER",
    ]
    assert [feature_group(name) for name in names] == [
        "Nuclei AreaShape",
        "Nuclei AreaShape MAD",
        "Deep",
        "Deep Q10",
        "Cells Intensity",
    ]
