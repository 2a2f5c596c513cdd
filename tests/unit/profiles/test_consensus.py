"""Replicates to treatments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycytominer.cyto_utils.modz import modz as reference_modz

from platewise.config.profiles import ConsensusConfig
from platewise.profiles.consensus import combine, consensus, modz, run_build_consensus
from platewise.tables import read_table


def wells() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Plate": ["P1", "P2", "P1", "P1", "P2"],
            "Metadata_Well": ["A01", "A01", "A02", "B01", "B01"],
            "Metadata_Batch": ["W1", "W2", "W1", "W1", "W2"],
            "Metadata_Perturbation": ["taxol", "taxol", "taxol", "DMSO", "DMSO"],
            "Metadata_Dose": [1.0, 1.0, 3.0, np.nan, np.nan],
            "Metadata_MOA": ["tubulin", "tubulin", "tubulin", "", ""],
            "Metadata_ControlType": ["", "", "", "negcon", "negcon"],
            "Metadata_CellCount": [100, 50, 10, 200, 300],
            "Cells_A": [1.0, 3.0, 7.0, 0.0, 2.0],
        }
    )


@pytest.mark.parametrize("method", ["mean", "median", "modz"])
def test_one_row_a_treatment(method: str, tmp_path: Path) -> None:
    wells().to_parquet(tmp_path / "wells.parquet")
    run_build_consensus(str(tmp_path / "wells.parquet"), str(tmp_path / "out.parquet"), ConsensusConfig(method=method))
    done = read_table(tmp_path / "out.parquet")
    assert done["Metadata_Perturbation"].tolist() == ["DMSO", "taxol", "taxol"]
    assert np.isnan(done["Metadata_Dose"][0])
    assert done["Metadata_Dose"].tolist()[1:] == [1.0, 3.0]
    assert done["Metadata_Replicates"].tolist() == [2, 2, 1]
    assert done["Metadata_Batch"].tolist() == ["W1|W2", "W1|W2", "W1"]
    assert done["Metadata_CellCount"].tolist() == [250.0, 75.0, 10.0]
    assert done["Metadata_ControlType"].tolist() == ["negcon", "", ""]
    assert done["Cells_A"].tolist() == [1.0, 2.0, 7.0]


def test_median_ignores_an_outlier_and_mean_does_not() -> None:
    values, codes = np.array([[1.0], [2.0], [90.0]]), np.array([0, 0, 0])
    assert combine(values, codes, 1, "median").tolist() == [[2.0]]
    assert combine(values, codes, 1, "mean").tolist() == [[31.0]]


def test_modz_is_pycytominers() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=20) + 0.7 * rng.normal(size=(5, 20))
    table = pd.DataFrame(rows, columns=[f"Cells_{index}" for index in range(20)]).assign(Metadata_T="t")
    theirs = reference_modz(table, "Metadata_T", features=[f"Cells_{index}" for index in range(20)])
    # Their weights are rounded to four digits.
    np.testing.assert_allclose(modz(rows), theirs.iloc[0, 1:].to_numpy(dtype=float), atol=1e-3)


def test_modz_trusts_replicates_that_agree() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=50)
    rows = np.array([truth, truth + 0.01 * rng.normal(size=50), truth + 0.01 * rng.normal(size=50), -truth])
    assert np.corrcoef(modz(rows), truth)[0, 1] > 0.999
    assert np.linalg.norm(modz(rows) - truth) < 0.05 * np.linalg.norm(rows.mean(axis=0) - truth)


@settings(max_examples=40, deadline=None)
@given(codes=st.lists(st.integers(0, 4), min_size=1, max_size=30), seed=st.integers(0, 99))
def test_no_well_is_lost(codes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = pd.concat([wells()[:1]] * len(codes), ignore_index=True)
    table["Metadata_Perturbation"] = [f"drug {code}" for code in codes]
    table["Cells_A"] = rng.normal(size=len(codes))
    done = consensus(table, "mean")
    assert done["Metadata_Replicates"].sum() == len(codes)
    expected = table.groupby("Metadata_Perturbation")["Cells_A"].mean()
    np.testing.assert_allclose(done.set_index("Metadata_Perturbation")["Cells_A"], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", range(1, 11))
def test_medians_of_few_and_many_replicates_are_numpys(size: int) -> None:
    rng = np.random.default_rng(size)
    values = rng.integers(-3, 4, (5 * size, 7)).astype(float)
    values[0, 0] = np.nan
    codes = rng.permutation(np.repeat(np.arange(5), size))
    expected = [np.median(values[codes == group], axis=0) for group in range(5)]
    np.testing.assert_array_equal(combine(values, codes, 5, "median"), expected)


@pytest.mark.parametrize("method", ["median", "mean", "modz"])
def test_some_rows_are_combined_as_if_there_were_no_others(method: str) -> None:
    rng = np.random.default_rng(0)
    values, codes = rng.normal(size=(40, 6)), rng.permutation(np.arange(20) % 6)
    rows = rng.permutation(40)[:20]
    alone = combine(values[rows], codes, 6, method)
    assert combine(values, codes, 6, method, rows).tolist() == alone.tolist()
