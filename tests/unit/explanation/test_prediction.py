"""Learned features from engineered ones: found where they are a mixture, and not where they are noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from platewise.explanation.prediction import PREDICTION_COLUMNS, predict_features, run_explain_features
from platewise.tables import read_table, write_table

PREDICTORS = [f"Cells_{number}" for number in range(12)]


def tables(wells: int = 120, perturbations: int = 20, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A learned feature that is a mixture of two engineered ones, one that is noise, and one that is constant."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(wells, len(PREDICTORS)))
    metadata = pd.DataFrame(
        {
            "Metadata_Plate": "P",
            "Metadata_Well": [f"{'ABCDEFGHIJ'[number // 12]}{number % 12 + 1:02d}" for number in range(wells)],
            "Metadata_Perturbation": [f"drug {number % perturbations}" for number in range(wells)],
        }
    )
    mixture = 2 * values[:, 3] - values[:, 7] + 0.1 * rng.normal(size=wells)
    learned = pd.DataFrame({"Deep_000": mixture, "Deep_001": rng.normal(size=wells), "Deep_002": 1.0})
    return pd.concat([metadata, learned], axis=1), pd.concat(
        [metadata, pd.DataFrame(values, columns=PREDICTORS)], axis=1
    )


def test_a_mixture_is_predicted_noise_is_not_and_a_constant_has_nothing_to_predict():
    table = predict_features(*tables(), PREDICTORS).set_index("Feature")
    # The noise of 0.1 beside a variance of 5 leaves 0.998.
    assert table.loc["Deep_000", "R2"] == pytest.approx(0.998, abs=0.003)
    assert table.loc["Deep_001", "R2"] < 0.1
    assert np.isnan(table.loc["Deep_002", "R2"])
    first, second, *_ = table.loc["Deep_000", "Alike"].split("|")
    assert (first, second) == ("Cells_3", "Cells_7")
    assert [float(value) for value in table.loc["Deep_000", "Correlation"].split("|")[:2]] == pytest.approx(
        [2 / 5.01**0.5, -1 / 5.01**0.5], abs=0.12
    )
    assert table["Wells"].tolist() == [120] * 3


def test_what_only_names_the_perturbation_is_not_predicted():
    """Each perturbation has a value of its own in both: known perturbations could be looked up, new ones cannot."""
    learned, engineered = tables()
    rng = np.random.default_rng(1)
    codes = learned["Metadata_Perturbation"].astype("category").cat.codes.to_numpy()
    learned["Deep_001"] = rng.normal(size=20)[codes]
    for name in PREDICTORS:
        engineered[name] = rng.normal(size=20)[codes]
    assert predict_features(learned, engineered, PREDICTORS).set_index("Feature").loc["Deep_001", "R2"] < 0.3


def test_wells_are_matched_by_name_and_those_of_one_side_left_out():
    learned, engineered = tables()
    shuffled = engineered.sample(frac=1, random_state=0).iloc[:110]
    table = predict_features(learned, shuffled, PREDICTORS).set_index("Feature")
    assert table.loc["Deep_000", "R2"] > 0.99
    assert table["Wells"].tolist() == [110] * 3


def test_too_little_to_learn_from_is_said():
    few = predict_features(*tables(wells=12, perturbations=3), PREDICTORS)
    assert few["R2"].isna().all()
    assert few["Note"].str.startswith("fewer than 5 perturbations").all()
    none = predict_features(*tables(), [])
    assert none["R2"].isna().all()
    assert set(none["Alike"]) == {""}


def test_files(tmp_path):
    learned, engineered = tables()
    write_table(learned, tmp_path / "learned.parquet")
    write_table(engineered, tmp_path / "engineered.parquet")
    selection = pd.DataFrame({"Feature": PREDICTORS, "Kept": True, "Reason": ""})
    selection.loc[3, ["Kept", "Reason"]] = [False, "missing in too many wells (6.0%, limit 5.0%)"]
    write_table(selection, tmp_path / "selection.parquet")
    names = ("learned", "engineered", "selection", "out")
    first, second, third, out = (str(tmp_path / f"{name}.parquet") for name in names)
    run_explain_features([first], [second], third, out)
    table = read_table(out)
    assert list(table) == PREDICTION_COLUMNS
    assert "Cells_3" not in "|".join(table["Alike"]).split("|")
