"""Activity of treatments is copairs' and that of the scores, and nothing is active by chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from copairs.map import average_precision, mean_average_precision
from made_screen import wells_table

from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.evaluation.evaluate import evaluate
from platewise.profiles.consensus import consensus
from platewise.profiles.frame import split_profiles
from platewise.screens.activity import ACTIVITY_COLUMNS, treatment_activity

CONFIG = EvaluationConfig(permutations=20, shuffles=10, bootstraps=20, null_size=4000)


def screen(doses: tuple[float, ...], strength: float = 1.5, seed: int = 0, controls: int = 8) -> pd.DataFrame:
    """Five perturbations once a plate at each dose, on four plates; effects grow with the dose."""
    rng = np.random.default_rng(seed)
    centres = strength * rng.normal(size=(5, 12))
    given, values, plates = [], [], []
    for plate in range(4):
        for number, centre in enumerate(centres):
            for place, dose in enumerate(doses):
                given.append((f"drug{number}", dose, ""))
                values.append(rng.normal(size=12) + centre * (place + 1) / len(doses))
                plates.append(f"P{plate}")
        for _ in range(controls):
            given.append(("DMSO", np.nan, "negcon"))
            values.append(rng.normal(size=12))
            plates.append(f"P{plate}")
    return wells_table(given, np.array(values), plates)


def test_it_is_copairs_by_treatment(tmp_path: Path) -> None:
    wells = screen((0.5, 5.0))
    metadata, values, _ = split_profiles(wells)
    metadata = metadata.assign(
        Treatment=metadata["Metadata_Perturbation"] + metadata["Metadata_Dose"].fillna(0).map("@{:g}".format),
        Control=metadata["Metadata_ControlType"] == "negcon",
    )
    theirs = average_precision(metadata, values, ["Treatment"], [], ["Metadata_Plate"], ["Control"], progress_bar=False)
    theirs = theirs[~theirs["Control"]]
    summary = mean_average_precision(theirs, ["Treatment"], 4000, 0.05, 0, progress_bar=False, cache_dir=tmp_path)
    ours = treatment_activity(wells, CONFIG)
    names = ours["Metadata_Perturbation"] + ours["Metadata_Dose"].map("@{:g}".format)
    summary = summary.set_index("Treatment").loc[names]
    assert list(ours) == ACTIVITY_COLUMNS
    assert len(ours) == 10
    np.testing.assert_allclose(ours["AveragePrecision"], summary["mean_average_precision"], atol=1e-5)
    np.testing.assert_allclose(ours["PValue"], summary["p_value"], atol=0.02)
    np.testing.assert_allclose(ours["QValue"], summary["corrected_p_value"], atol=0.03)


def test_without_doses_it_is_what_the_scores_count() -> None:
    wells = screen((np.nan,), strength=0.8)
    scores, _ = evaluate(wells, consensus(wells, "median"), CONFIG, NetworkConfig(), "classical", "none")
    scores = scores[scores["Baseline"] == ""].set_index("Metric")["Value"]
    activity = treatment_activity(wells, CONFIG)
    assert activity["AveragePrecision"].mean() == pytest.approx(scores["map_replicate"])
    assert activity["Active"].mean() == scores["map_replicate_significant"]


def test_strong_effects_are_active_and_chance_is_not() -> None:
    strong = treatment_activity(screen((1.0,), strength=5.0, controls=20), CONFIG)
    assert strong["Active"].all()
    assert strong["Replicates"].tolist() == [4] * 5
    assert (strong["Note"] == "").all()
    found = pd.concat([treatment_activity(screen((1.0, 2.0), strength=0.0, seed=seed), CONFIG) for seed in range(20)])
    assert found["Active"].mean() < 0.02
    # A treatment's mean over its wells varies less than the null of one well, which is copairs': where it matters, p is
    # rather too large than too small.
    for level in (0.01, 0.05, 0.1, 0.2):
        assert (found["PValue"] < level).mean() <= level


def test_what_cannot_be_told_is_a_row_with_a_reason() -> None:
    wells = screen((1.0,), strength=5.0, controls=4)
    drug = wells["Metadata_Perturbation"]
    pairs = wells["Metadata_Plate"].isin(["P0", "P1"])
    lone = wells["Metadata_Plate"] == "P0"
    kept = wells[(drug != "drug0") & (drug != "drug1") | (drug == "drug0") & lone | (drug == "drug1") & pairs]
    table = treatment_activity(kept.reset_index(drop=True), CONFIG).set_index("Metadata_Perturbation")
    assert table.loc["drug0", "Note"] == "one well: no other to compare it with"
    assert np.isnan(table.loc["drug0", "PValue"])
    assert not table.loc["drug0", "Active"]
    # One partner among four controls comes first in one of five random rankings.
    assert table.loc["drug1", "Note"].startswith("2 wells beside 4 controls a plate cannot have a p below 0.")
    assert table.loc["drug1", "PValue"] == pytest.approx(0.2, abs=0.02)
    assert len(table) == 5
    none = treatment_activity(wells[wells["Metadata_ControlType"] == ""].reset_index(drop=True), CONFIG)
    assert set(none["Note"]) == {"no negative controls on the plates of the treated wells"}
    assert none["QValue"].isna().all()
