"""What moved: against hand-computed effects and scipy, and nothing where nothing did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from platewise.config.profiles import NormaliseConfig
from platewise.explanation.movers import (
    MOST_FEATURES,
    MOVER_COLUMNS,
    SUMMARY_COLUMNS,
    control_ratios,
    find_movers,
    run_explain_treatments,
)
from platewise.profiles.frame import is_negcon, split_profiles
from platewise.profiles.normalise import fit_campaign_scale, normalise_plate
from platewise.tables import read_table, write_table

AREA = "Nuclei_AreaShape_Area"
# Of the four wells of a treatment.
PLATES = ["P1", "P2", "P1", "P2"]


def well_metadata(names: list[str], plates: str | list[str], columns: int) -> pd.DataFrame:
    """Metadata of wells that were given ``names``, in rows of so many columns."""
    return pd.DataFrame(
        {
            "Metadata_Plate": plates,
            "Metadata_Well": [
                f"{'ABCDEFGH'[place // columns]}{place % columns + 1:02d}" for place in range(len(names))
            ],
            "Metadata_Batch": "B",
            "Metadata_Perturbation": names,
            "Metadata_Dose": [1.0 if name != "DMSO" else np.nan for name in names],
            "Metadata_MOA": "",
            "Metadata_ControlType": ["negcon" if name == "DMSO" else "" for name in names],
            "Metadata_CellCount": 10,
        }
    )


def wells(treated: int = 4, controls: int = 16, others: int = 60, shift: float = 8.0, seed: int = 0) -> pd.DataFrame:
    """A drug that makes nuclei larger on plates P1 and P2, one that does nothing, controls; and other features."""
    rng = np.random.default_rng(seed)
    names = ["drug"] * treated + ["nothing"] * treated + ["DMSO"] * controls
    values = rng.normal(size=(len(names), 1 + others))
    values[:treated, 0] += shift
    table = pd.DataFrame(values, columns=[AREA, *(f"Cells_AreaShape_Zernike_9_{number}" for number in range(others))])
    metadata = well_metadata(names, [f"P{number % 2 + 1}" for number in range(len(names))], columns=6)
    return pd.concat([metadata, table], axis=1)


def raw(normalised: pd.DataFrame) -> pd.DataFrame:
    """Level 3 for a level 4a: nuclei of 100 pixels and a deviation of 10; on the second plate twice as large."""
    factor = np.where(normalised["Metadata_Plate"] == "P2", 2.0, 1.0)
    return normalised.assign(**{AREA: (100 + 10 * normalised[AREA]) * factor})


def features_of(table: pd.DataFrame) -> list[str]:
    return [name for name in table if not name.startswith("Metadata_")]


def test_effect_ratio_and_p_by_hand():
    table = wells(others=40)
    found = find_movers(table, raw(table), features_of(table), ("DNA",))
    row = found.features.set_index(["Metadata_Perturbation", "Feature"]).loc[("drug", AREA)]
    beyond = table[AREA][:4] - [table.query(f"Metadata_Plate == '{plate}'")[AREA][-8:].median() for plate in PLATES]
    assert row["Effect"] == pytest.approx(beyond.median())
    # On each of two plates both wells above all eight controls: of C(10, 2) arrangements each, two are as extreme.
    assert row["PValue"] == pytest.approx(2 / 45**2)
    middles = {plate: raw(table).query(f"Metadata_Plate == '{plate}'")[AREA][-8:].median() for plate in ("P1", "P2")}
    expected = [value / middles[plate] for value, plate in zip(raw(table)[AREA][:4], PLATES, strict=True)]
    assert row["Ratio"] == pytest.approx(np.median(expected))
    summary = found.treatments.set_index("Metadata_Perturbation")
    assert summary.loc["drug", ["Wells", "Moved", "Tested", "Note"]].tolist() == [4, 1, 41, ""]
    assert summary.loc["drug", "Words"].startswith("nuclei 1.")
    assert summary.loc["nothing", ["Moved", "Words"]].tolist() == [0, ""]
    assert "DMSO" not in summary.index


def normalised_null(controls: int, plates_of_each: int, factors: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Levels 4a and 3 of eight plates, 32 treatments of four wells that do nothing, and plates that differ.

    The wells of a treatment lie on ``plates_of_each`` plates; ``factors`` numbers of a well move all its features.
    """
    rng = np.random.default_rng(seed)
    normalised, level3, features = [], [], 40
    loadings = rng.normal(size=(factors, features))
    for plate in range(8):
        own = [f"drug {number}" for number in range(32) if (plate - number) % 8 < plates_of_each]
        names = ["DMSO"] * controls + own * (4 // plates_of_each)
        values = rng.normal(size=(len(names), features)) + rng.normal(size=(len(names), factors)) @ loadings
        values += 3 * rng.normal(size=features)
        metadata = well_metadata(names, f"P{plate}", columns=12)
        columns = [f"Cells_AreaShape_Zernike_9_{number}" for number in range(features)]
        level3.append(pd.concat([metadata, pd.DataFrame(values, columns=columns)], axis=1))
    config = NormaliseConfig()
    scale = fit_campaign_scale([split_profiles(table)[1][is_negcon(table)] for table in level3], config)
    normalised = [normalise_plate(table, scale, config) for table in level3]
    return pd.concat(normalised, ignore_index=True), pd.concat(level3, ignore_index=True)


@pytest.mark.parametrize("factors", [0, 3], ids=["independent features", "features that move together"])
@pytest.mark.parametrize("plates_of_each", [1, 2, 4])
@pytest.mark.parametrize("controls", [4, 16])
def test_under_the_null_few_treatments_move(controls, plates_of_each, factors):
    """As plates are normalised, to the median of their own few controls: it is off for all their wells alike."""
    moved = []
    for seed in range(3):
        table, level3 = normalised_null(controls, plates_of_each, factors, seed)
        moved += (find_movers(table, level3, features_of(table), ()).treatments["Moved"] > 0).tolist()
    assert len(moved) == 96
    assert np.mean(moved) <= 0.1


@pytest.mark.parametrize("plates_of_each", [1, 2, 4])
def test_p_is_uniform_under_the_null(monkeypatch, plates_of_each):
    monkeypatch.setattr("platewise.explanation.movers.MOST_FEATURES", 10**6)
    tables = [normalised_null(4, plates_of_each, 0, seed) for seed in range(6)]
    p = np.concatenate([find_movers(*both, features_of(both[0]), ()).features["PValue"] for both in tables])
    assert len(p) == 6 * 32 * 40
    for level in (0.05, 0.2, 0.5, 0.8):
        # p of few wells has steps; at each step that can be reached it is uniform. Treatments of a plate share its
        # controls, so that their p vary more than so many independent ones.
        step = p[p <= level].max()
        assert np.mean(p <= level) == pytest.approx(step, abs=0.025)


def test_on_one_plate_it_is_the_exact_mann_whitney_test():
    table = wells(shift=1.0).assign(Metadata_Plate="P1")
    found = find_movers(table, raw(table), features_of(table), ()).features.query("Metadata_Perturbation == 'drug'")
    for feature, p in zip(found["Feature"], found["PValue"], strict=True):
        assert p == pytest.approx(mannwhitneyu(table[feature][:4], table[feature][8:], method="exact").pvalue)


def test_what_is_wrong_with_a_plate_is_none_of_the_treatments():
    """All wells and controls of one plate lie higher: neither effect nor p changes."""
    table = wells(shift=1.0)
    off = table["Metadata_Plate"] == "P2"
    names = features_of(table)
    moved = table.assign(**{name: table[name] + 5 * off for name in names})
    before, after = (find_movers(own, raw(table), names, ()).features for own in (table, moved))
    pd.testing.assert_frame_equal(before, after)


def test_wells_on_plates_without_controls_take_no_part():
    table = wells()
    alone = table.assign(
        Metadata_Plate=["P3" if row == 0 else plate for row, plate in enumerate(table["Metadata_Plate"])]
    )
    without = table.drop(index=0).reset_index(drop=True)
    found, expected = (find_movers(own, raw(own), features_of(own), ()) for own in (alone, without))
    columns = ["Metadata_Perturbation", "Feature", "Effect", "PValue", "QValue"]
    pd.testing.assert_frame_equal(found.features[columns], expected.features[columns])
    assert found.treatments["Wells"].tolist() == [4, 4]
    assert found.treatments["Note"].tolist() == ["1 of 4 wells on plates without negative controls", ""]
    none = table.assign(
        Metadata_Plate=["P3" if row < 4 else plate for row, plate in enumerate(table["Metadata_Plate"])]
    )
    found = find_movers(none, raw(none), features_of(none), ())
    assert found.treatments["Note"].tolist() == ["no negative controls on its plates", ""]
    assert found.treatments["Moved"].tolist() == [0, 0]
    drug = found.features["Metadata_Perturbation"] == "drug"
    assert found.features.loc[drug, ["Effect", "PValue", "QValue"]].isna().all(axis=None)
    assert found.features.loc[~drug, ["Effect", "PValue", "QValue"]].notna().all(axis=None)


def test_a_ratio_needs_two_positive_numbers():
    table = wells(others=0)
    level3 = raw(table)
    level3.loc[0, AREA], level3.loc[1, AREA] = -1.0, np.nan
    ratios = control_ratios(table, level3, [AREA])[:, 0]
    assert np.isnan(ratios[:2]).all()
    assert np.isfinite(ratios[2:]).all()
    none = level3.assign(Metadata_ControlType="")
    assert np.isnan(control_ratios(table, none, [AREA])).all()


def test_a_table_that_was_normalised_before_has_no_ratios():
    table = wells(others=0)
    assert np.isnan(control_ratios(table, table, [AREA])).all()
    # Nor where controls lie so near 0 that they are as good as there.
    near = table.assign(**{AREA: table[AREA] - table[AREA].min() + 0.01})
    assert np.isnan(control_ratios(table, near, [AREA])).any()


def test_too_few_controls_or_wells_are_said():
    few = wells(controls=2)
    found = find_movers(few, raw(few), features_of(few), ())
    # There are three arrangements on each plate, and of all nine two are as extreme.
    assert found.treatments["Note"].tolist() == ["with so few wells p is at least 0.22"] * 2
    assert found.treatments["Moved"].tolist() == [0, 0]
    assert found.features["PValue"].min() == pytest.approx(2 / 9)
    one = wells(treated=1)
    found = find_movers(one, raw(one), features_of(one), ())
    assert found.treatments["Note"].tolist() == ["one well: nothing can be sure"] * 2
    assert found.treatments["Moved"].tolist() == [0, 0]
    assert found.features["PValue"].isna().all()
    assert found.features["Effect"].notna().all()


def test_missing_values_count_as_the_controls_centre():
    table = wells()
    table.loc[:3, AREA] = np.nan
    found = find_movers(table, raw(table), features_of(table), ())
    row = found.features.set_index(["Metadata_Perturbation", "Feature"]).loc[("drug", AREA)]
    middles = table[8:].groupby("Metadata_Plate")[AREA].median()
    assert row["Effect"] == pytest.approx(-middles.mean())
    assert np.isnan(row["Ratio"])


def test_only_controls_give_empty_tables():
    table = wells()[8:].reset_index(drop=True)
    found = find_movers(table, raw(table), features_of(table), ())
    assert list(found.features) == MOVER_COLUMNS
    assert list(found.treatments) == SUMMARY_COLUMNS
    assert found.features.empty
    assert found.treatments.empty


def test_files(tmp_path):
    table = wells()
    write_table(table, tmp_path / "normalised.parquet")
    write_table(raw(table), tmp_path / "wells.parquet")
    names = features_of(table)
    selection = pd.DataFrame({"Feature": names, "Kept": False, "Reason": "correlated with another feature"})
    selection.loc[0, "Kept"] = True
    selection.loc[1, "Reason"] = "near-zero variance (0)"
    write_table(selection, tmp_path / "selection.parquet")
    outs = [str(tmp_path / name) for name in ("movers.parquet", "treatments.parquet")]
    paths = [str(tmp_path / name) for name in ("normalised.parquet", "wells.parquet", "selection.parquet")]
    run_explain_treatments([paths[0]], [paths[1]], paths[2], *outs, ("DNA",))
    movers = read_table(outs[0])
    assert (movers.groupby("Metadata_Perturbation").size() == MOST_FEATURES).all()
    assert names[1] not in set(movers["Feature"])
    assert movers.iloc[0]["Feature"] == AREA
    assert read_table(outs[1])["Tested"].tolist() == [60, 60]
