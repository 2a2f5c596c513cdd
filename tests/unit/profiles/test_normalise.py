"""Plates on the scale of their controls: hand-computed cases, and a weight that follows the evidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import median_abs_deviation

from platewise.config.profiles import NormaliseConfig
from platewise.profiles.normalise import (
    MAD_TO_SD,
    CampaignScale,
    fit_campaign_scale,
    held_out_likelihood,
    normalise_plate,
    pooled_scale,
    robust_scale,
    run_normalise_plates,
    shrunk_scale,
)
from platewise.tables import read_provenance, read_table


def wells_of(values: np.ndarray, controls: int, plate: str = "P") -> pd.DataFrame:
    count = len(values)
    table = pd.DataFrame(
        {
            "Metadata_Plate": plate,
            "Metadata_Well": [f"A{number:02d}" for number in range(1, count + 1)],
            "Metadata_Batch": "B",
            "Metadata_Perturbation": ["DMSO"] * controls + ["drug"] * (count - controls),
            "Metadata_Dose": np.nan,
            "Metadata_MOA": "",
            "Metadata_ControlType": ["negcon"] * controls + [""] * (count - controls),
            "Metadata_CellCount": 100,
        }
    )
    for index in range(values.shape[1]):
        table[f"Cells_X_{index}"] = values[:, index]
    return table


def only_own(features: int) -> CampaignScale:
    return CampaignScale(np.full(features, np.nan), 0.0, {})


def test_robust_scale_is_scipys() -> None:
    values = np.random.default_rng(1).normal(size=(31, 4))
    values[3, 2] = np.nan
    expected = median_abs_deviation(values, scale="normal", nan_policy="omit")
    np.testing.assert_allclose(robust_scale(values), expected, rtol=1e-6)


def test_centre_and_scale_are_those_of_the_controls() -> None:
    # Controls 1 2 3 4 5: median 3, MAD 1. The treated well at 13 lies 10 MADs out.
    wells = wells_of(np.array([[1.0], [2], [3], [4], [5], [13]]), controls=5)
    done = normalise_plate(wells, only_own(1), NormaliseConfig(prior_controls=0))
    np.testing.assert_allclose(done["Cells_X_0"], np.array([-2, -1, 0, 1, 2, 10]) / MAD_TO_SD, rtol=1e-6)
    assert set(done["Metadata_NormalisedTo"]) == {"negcon"}
    assert set(done["Metadata_FeaturesNormalisedToPlate"]) == {0}


def test_shrinkage_weighs_variances_by_counts() -> None:
    # 6 controls at scale 2, and a prior of 6 at scale 4: sqrt((6 * 4 + 6 * 16) / 12).
    np.testing.assert_allclose(shrunk_scale(np.array([2.0]), 6, np.array([4.0]), 6.0), [np.sqrt(10)])
    np.testing.assert_allclose(shrunk_scale(np.array([2.0]), 6, np.array([4.0]), 0.0), [2.0])
    np.testing.assert_allclose(shrunk_scale(np.array([2.0]), 6, np.array([4.0]), np.inf), [4.0])


def test_too_few_controls_take_all_wells_and_say_so() -> None:
    wells = wells_of(np.array([[1.0], [2], [3], [4], [5]]), controls=3)
    done = normalise_plate(wells, only_own(1), NormaliseConfig())
    np.testing.assert_allclose(done["Cells_X_0"], np.array([-2, -1, 0, 1, 2]) / MAD_TO_SD, rtol=1e-6)
    assert set(done["Metadata_NormalisedTo"]) == {"plate"}


def test_a_feature_without_spread_among_controls_takes_all_wells() -> None:
    # The first feature is constant among the controls, the second is fine.
    values = np.array([[7.0, 1], [7, 2], [7, 3], [7, 4], [7, 5], [9, 3], [11, 3], [13, 3], [15, 3], [17, 3], [19, 3]])
    done = normalise_plate(wells_of(values, controls=5), only_own(2), NormaliseConfig(prior_controls=0))
    # All wells: median 9, MAD 2.
    np.testing.assert_allclose(done["Cells_X_0"], (values[:, 0] - 9) / (2 * MAD_TO_SD), rtol=1e-6)
    assert set(done["Metadata_NormalisedTo"]) == {"negcon"}
    assert set(done["Metadata_FeaturesNormalisedToPlate"]) == {1}


def test_a_feature_without_any_scale_is_zero_or_missing() -> None:
    values = np.array([[7.0]] * 9 + [[8.0]])
    done = normalise_plate(wells_of(values, controls=5), only_own(1), NormaliseConfig())
    assert done["Cells_X_0"].tolist()[:9] == [0.0] * 9
    assert np.isnan(done["Cells_X_0"][9])


def test_pooled_scale_finds_the_scale_within_plates() -> None:
    rng = np.random.default_rng(2)
    # Plates differ by far more than wells; the scale within them is 2.
    controls = [rng.normal(100 * plate, 2.0, size=(8, 40)) for plate in range(40)]
    assert np.median(pooled_scale(controls)) == pytest.approx(2.0, rel=0.12)


def test_the_weight_follows_the_evidence() -> None:
    rng = np.random.default_rng(3)
    same = [rng.normal(size=(6, 30)) for _ in range(12)]
    scales = np.exp(rng.normal(0, 1.5, size=(12, 1, 30)))
    different = [rng.normal(size=(40, 30)) * scale for scale in scales]
    assert fit_campaign_scale(same, NormaliseConfig()).prior_controls >= 32
    assert fit_campaign_scale(different, NormaliseConfig()).prior_controls <= 2


def test_the_likelihood_looks_at_controls_alone_and_is_repeatable() -> None:
    rng = np.random.default_rng(4)
    controls = [rng.normal(size=(6, 5)) for _ in range(4)]
    assert held_out_likelihood(controls) == held_out_likelihood([rows.copy() for rows in controls])


def test_a_single_plate_has_nothing_to_pool() -> None:
    scale = fit_campaign_scale([np.random.default_rng(5).normal(size=(6, 3))], NormaliseConfig())
    assert (scale.prior_controls, scale.likelihood) == (0.0, {})


def test_campaign_of_plates_on_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    sources, targets = {}, {}
    for number in range(3):
        plate = f"P{number}"
        # The last plate has too few controls.
        table = wells_of(rng.normal(50 * number, 1 + number, size=(20, 4)), 2 if number == 2 else 8, plate)
        sources[plate], targets[plate] = str(tmp_path / f"{plate}.in.parquet"), str(tmp_path / f"{plate}.out.parquet")
        table.to_parquet(sources[plate])
    run_normalise_plates(sources, targets, NormaliseConfig())
    done = {plate: read_table(path) for plate, path in targets.items()}
    assert [set(table["Metadata_NormalisedTo"]) for table in done.values()] == [{"negcon"}, {"negcon"}, {"plate"}]
    controls = done["P1"].loc[done["P1"]["Metadata_ControlType"] == "negcon", "Cells_X_0"]
    assert np.median(controls) == pytest.approx(0, abs=1e-6)
    assert float(read_provenance(targets["P0"])["prior_controls"]) >= 0


def test_a_campaign_without_controls_is_normalised_to_its_plates(tmp_path: Path) -> None:
    wells_of(np.arange(5.0)[:, None], 0).to_parquet(tmp_path / "in.parquet")
    run_normalise_plates({"P": str(tmp_path / "in.parquet")}, {"P": str(tmp_path / "out.parquet")}, NormaliseConfig())
    assert set(read_table(tmp_path / "out.parquet")["Metadata_NormalisedTo"]) == {"plate"}


@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 12), share=st.floats(0, 1), features=st.integers(1, 4), seed=st.integers(0, 99))
def test_no_row_is_lost_or_moved(count: int, share: float, features: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(count, features)).round(1)
    wells = wells_of(values, controls=int(count * share))
    done = normalise_plate(wells, CampaignScale(np.ones(features), 4.0, {}), NormaliseConfig())
    assert done["Metadata_Well"].tolist() == wells["Metadata_Well"].tolist()
    assert done["Metadata_ControlType"].tolist() == wells["Metadata_ControlType"].tolist()


def test_a_negative_prior_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected `auto` or a number from 0 up"):
        NormaliseConfig(prior_controls=-1)
