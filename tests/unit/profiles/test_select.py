"""Features are dropped for a stated reason, and for no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pycytominer.operations import correlation_threshold, variance_threshold

from platewise.columns import feature_columns
from platewise.config.profiles import SelectConfig
from platewise.errors import DataError
from platewise.profiles.select import (
    apply_selection,
    choose_features,
    chosen_features,
    correlated_features,
    correlations,
    low_variance,
    run_select_features,
)
from platewise.tables import read_table


def table_of(features: dict[str, np.ndarray]) -> pd.DataFrame:
    count = len(next(iter(features.values())))
    return pd.DataFrame({"Metadata_Plate": "P", "Metadata_Well": [f"w{row}" for row in range(count)], **features})


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    good, other = rng.normal(size=(2, 100))
    gap = rng.normal(size=100)
    gap[:6] = np.nan
    few = rng.normal(size=100)
    few[:5] = np.nan
    return table_of(
        {
            "Cells_A_Good": good,
            "Cells_A_Copy": 2 * good + 0.01 * other,
            "Cells_A_Other": other,
            "Cells_A_Huge": np.r_[501.0, rng.normal(size=99)],
            "Cells_A_Gaps": gap,
            "Cells_A_FewGaps": few,
            "Cells_A_Constant": np.full(100, 3.0),
            "Cells_A_AlmostConstant": np.r_[[1.0], np.zeros(99)],
        }
    )


def choose(table: pd.DataFrame, config: SelectConfig | None = None, **fitted: list[str]) -> pd.DataFrame:
    plates = {str(plate): rows.__getitem__ for plate, rows in table.groupby("Metadata_Plate")}
    return choose_features(plates, feature_columns(table.columns), config or SelectConfig(), **fitted)


def test_every_feature_has_its_reason(table: pd.DataFrame) -> None:
    selection = choose(table).set_index("Feature")
    assert selection.index[selection["Kept"]].tolist() == ["Cells_A_Good", "Cells_A_Other", "Cells_A_FewGaps"] or (
        selection.index[selection["Kept"]].tolist() == ["Cells_A_Copy", "Cells_A_Other", "Cells_A_FewGaps"]
    )
    copies = selection.loc[["Cells_A_Good", "Cells_A_Copy"], "Reason"]
    assert sorted(copies)[0] == ""
    assert sorted(copies)[1].startswith("correlated with another feature (1.000 with Cells_A_")
    assert selection.loc["Cells_A_Huge", "Reason"] == "too large after normalisation (501, limit 500)"
    assert selection.loc["Cells_A_Gaps", "Reason"] == "missing in too many wells (6.0%, limit 5.0%)"
    assert selection.loc["Cells_A_Constant", "Reason"].startswith("near-zero variance")
    assert selection.loc["Cells_A_AlmostConstant", "Reason"] == "near-zero variance (one value in 99.0% of wells)"
    gaps = selection["Missing"]
    assert gaps[["Cells_A_Gaps", "Cells_A_FewGaps", "Cells_A_Good"]].tolist() == [6, 5, 0]


def test_no_two_kept_features_correlate_and_every_dropped_one_does() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 40)) + 0.3 * rng.normal(size=(200, 40))
    matrix = correlations([values[:90], values[90:90], values[90:]], values.mean(axis=0))
    np.testing.assert_allclose(matrix, np.corrcoef(values.T), atol=1e-12)
    dropped = correlated_features(matrix, 0.8)
    kept = sorted(set(range(40)) - {index for index, _, _ in dropped})
    left = np.abs(matrix[np.ix_(kept, kept)]) - np.eye(len(kept))
    assert left.max() <= 0.8
    assert all(partner in kept and abs(matrix[index, partner]) > 0.8 for index, partner, _ in dropped)
    # The kept library drops at least these: it also drops features whose only partner it has dropped already.
    table = pd.DataFrame(values, columns=[f"Cells_{index}" for index in range(40)])
    theirs = correlation_threshold(table, features=list(table), threshold=0.8)
    assert {f"Cells_{index}" for index, _, value in dropped if value > 0} <= set(theirs) | {
        f"Cells_{index}" for index, _, value in dropped if value < 0
    }


def test_low_variance_is_pycytominers() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(50, 6)) * np.array([1, 1e-2, 1e-4, 1e-5, 0, 1])
    table = pd.DataFrame(values, columns=[f"Cells_{index}" for index in range(6)])
    theirs = variance_threshold(table, features=list(table), min_variance=1e-6)
    ours = [name for name in table if low_variance(table[name].to_numpy(), SelectConfig())]
    assert ours == theirs == ["Cells_2", "Cells_3", "Cells_4"]


def test_what_is_left_missing_becomes_the_controls_centre_and_is_counted(table: pd.DataFrame) -> None:
    done = apply_selection(table, choose(table))
    assert done["Metadata_ImputedFeatures"].tolist() == [1] * 5 + [0] * 95
    assert done["Cells_A_FewGaps"].tolist()[:5] == [0.0] * 5
    assert done["Metadata_Well"].tolist() == table["Metadata_Well"].tolist()


def test_nothing_left_is_an_error() -> None:
    table = table_of({"Cells_A": np.ones(10), "Cells_B": np.zeros(10)})
    with pytest.raises(DataError, match=r"none of 2 features is left \(most often: near-zero variance\).*Hint"):
        chosen_features(choose(table))


def test_all_plates_are_judged_together(tmp_path: Path, table: pd.DataFrame) -> None:
    paths = {"P1": str(tmp_path / "1.parquet"), "P2": str(tmp_path / "2.parquet"), "P3": str(tmp_path / "3.parquet")}
    table[:40].to_parquet(paths["P1"])
    # A plate whose wells were all dropped; nothing tells the types of its columns.
    table[40:40].astype({"Metadata_Well": object}).to_parquet(paths["P2"])
    table[40:].to_parquet(paths["P3"])
    out, selection = str(tmp_path / "selected.parquet"), str(tmp_path / "selection.parquet")
    run_select_features(paths, out, selection, SelectConfig())
    pd.testing.assert_frame_equal(read_table(selection), choose(table))
    assert read_table(out)["Metadata_Well"].tolist() == table["Metadata_Well"].tolist()
