"""What moved: against hand-computed effects and scipy, and nothing where nothing did."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from platewise.explanation.movers import (
    MOST_FEATURES,
    MOVER_COLUMNS,
    SUMMARY_COLUMNS,
    control_ratios,
    find_movers,
    rank_p_values,
    run_explain_treatments,
)
from platewise.tables import read_table, write_table

AREA = "Nuclei_AreaShape_Area"


def wells(treated: int = 4, controls: int = 16, others: int = 60, shift: float = 8.0, seed: int = 0) -> pd.DataFrame:
    """A drug that makes nuclei larger on plates P1 and P2, one that does nothing, controls; and other features."""
    rng = np.random.default_rng(seed)
    names = ["drug"] * treated + ["nothing"] * treated + ["DMSO"] * controls
    values = rng.normal(size=(len(names), 1 + others))
    values[:treated, 0] += shift
    table = pd.DataFrame(values, columns=[AREA, *(f"Cells_AreaShape_Zernike_9_{number}" for number in range(others))])
    metadata = {
        "Metadata_Plate": [f"P{number % 2 + 1}" for number in range(len(names))],
        "Metadata_Well": [f"{'ABCDEFGH'[number // 6]}{number % 6 + 1:02d}" for number in range(len(names))],
        "Metadata_Batch": "B",
        "Metadata_Perturbation": names,
        "Metadata_Dose": [1.0 if name != "DMSO" else np.nan for name in names],
        "Metadata_MOA": "",
        "Metadata_ControlType": ["negcon" if name == "DMSO" else "" for name in names],
        "Metadata_CellCount": 10,
    }
    return pd.concat([pd.DataFrame(metadata), table], axis=1)


def raw(normalised: pd.DataFrame) -> pd.DataFrame:
    """Level 3 for a level 4a: nuclei of 100 pixels and a deviation of 10; on the second plate twice as large."""
    factor = np.where(normalised["Metadata_Plate"] == "P2", 2.0, 1.0)
    return normalised.assign(**{AREA: (100 + 10 * normalised[AREA]) * factor})


def features_of(table: pd.DataFrame) -> list[str]:
    return [name for name in table if not name.startswith("Metadata_")]


def test_effect_ratio_and_p_by_hand():
    table = wells()
    found = find_movers(table, raw(table), features_of(table), ("DNA",))
    row = found.features.set_index(["Metadata_Perturbation", "Feature"]).loc[("drug", AREA)]
    drug, control = table[AREA][:4], table[AREA][8:]
    assert row["Effect"] == pytest.approx(np.median(drug) - np.median(control))
    # All four above all sixteen: two of C(20, 4) arrangements are as extreme.
    assert row["PValue"] == pytest.approx(2 / len(list(combinations(range(20), 4))))
    middles = {plate: raw(table).query(f"Metadata_Plate == '{plate}'")[AREA][-8:].median() for plate in ("P1", "P2")}
    expected = [value / middles[plate] for value, plate in zip(raw(table)[AREA][:4], ["P1", "P2"] * 2, strict=True)]
    assert row["Ratio"] == pytest.approx(np.median(expected))
    summary = found.treatments.set_index("Metadata_Perturbation")
    assert summary.loc["drug", ["Wells", "Moved", "Tested", "Note"]].tolist() == [4, 1, 61, ""]
    assert summary.loc["drug", "Words"].startswith("nuclei 1.")
    assert summary.loc["nothing", ["Moved", "Words"]].tolist() == [0, ""]
    assert "DMSO" not in summary.index


def test_under_the_null_few_features_move():
    # With q < 0.05 and no true effect, a treatment has any mover in at most one of twenty draws.
    any_moved = []
    for seed in range(60):
        table = wells(shift=0.0, others=20, seed=seed)
        any_moved += (find_movers(table, raw(table), features_of(table), ()).treatments["Moved"] > 0).tolist()
    assert np.mean(any_moved) <= 0.1


@pytest.mark.parametrize(("wells_of_each", "ties"), [(4, False), (12, False), (4, True)])
def test_p_is_uniform_under_the_null(wells_of_each, ties):
    """Exact with few wells, approximate with more or with equal values."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(wells_of_each + 16, 3000))
    if ties:
        values = values.round(1)
    p = rank_p_values(values[:wells_of_each], values[wells_of_each:])
    for level in (0.01, 0.05, 0.2, 0.5):
        reached = int((p <= level).sum())
        # p of few wells has steps: never too small, and at most a step too large.
        assert reached <= binom.ppf(1 - 1e-4, 3000, level)
        assert reached >= binom.ppf(1e-4, 3000, 0.8 * level)


def test_equal_values_in_one_feature_leave_the_exact_test_to_the_others():
    rng = np.random.default_rng(0)
    treated, controls = rng.normal(9, 1, (4, 2)), rng.normal(0, 1, (16, 2))
    controls[:2, 1] = 0.0
    p = rank_p_values(treated, controls)
    assert p[0] == pytest.approx(2 / 4845)
    # The normal approximation: less extreme.
    assert 0.001 < p[1] < 0.01


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
    assert found.treatments["Note"].tolist() == ["only 2 negative control wells"] * 2
    assert found.treatments["Moved"].tolist() == [0, 0]
    assert found.features["QValue"].isna().all()
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
    assert row["Effect"] == pytest.approx(-table[AREA][8:].median())
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
