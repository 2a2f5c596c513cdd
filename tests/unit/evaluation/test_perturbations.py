"""What replicates say of single perturbations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.evaluation.levels import read_levels
from platewise.evaluation.perturbations import PERTURBATION_COLUMNS, score_perturbations
from platewise.profiles.consensus import consensus


def scored(strengths: dict[str, float], seed: int = 0, controls: int = 8, plates: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for plate in range(plates):
        for place in range(controls + len(strengths)):
            name = "DMSO" if place < controls else list(strengths)[place - controls]
            profile = rng.normal(size=20)
            profile[place % 20] += strengths.get(name, 0.0)
            rows.append((f"P{plate}", f"A{place + 1:02d}", name, "negcon" if name == "DMSO" else "", *profile))
    columns = ["Metadata_Plate", "Metadata_Well", "Metadata_Perturbation", "Metadata_ControlType"]
    wells = pd.DataFrame(rows, columns=[*columns, *(f"Cells_X_{i}" for i in range(20))])
    wells = wells.assign(Metadata_Batch="b", Metadata_Dose=np.nan, Metadata_MOA="", Metadata_CellCount=10.0)
    campaign = read_levels(wells, consensus(wells, "mean"), NetworkConfig())
    return score_perturbations(campaign, EvaluationConfig())


def test_strong_perturbations_are_active_and_replicate_and_weak_ones_do_not() -> None:
    table = scored({"zebra": 20.0, "ant": 0.0, "bee": 20.0, **{f"none{n}": 0.0 for n in range(8)}})
    assert list(table) == PERTURBATION_COLUMNS
    assert table["Metadata_Perturbation"].tolist() == sorted(table["Metadata_Perturbation"])
    named = table.set_index("Metadata_Perturbation")
    for name in ("zebra", "bee"):
        assert named.loc[name, "MapReplicate"] == 1.0
        assert named.loc[name, "QValue"] < 0.05
        assert named.loc[name, "Replicating"] == 1.0
    assert (named.drop(["zebra", "bee"])["QValue"] > 0.05).all()
    assert (table["Wells"] == 4).all()
    assert (table["Note"] == "").all()


def test_where_nothing_is_there_small_p_values_are_rare() -> None:
    p = np.array([scored({"a": 0.0}, seed)["PValue"].iloc[0] for seed in range(200)])
    # The null takes the queries of a perturbation as wholly alike, as copairs does: p errs on the large side.
    assert (p < 0.05).mean() <= 0.08
    assert 0.2 < np.median(p) < 0.6


@pytest.mark.parametrize(("controls", "plates", "note"), [(0, 2, "no negative controls"), (4, 1, "two wells")])
def test_what_cannot_be_scored_is_a_row_with_a_note(controls: int, plates: int, note: str) -> None:
    table = scored({"a": 0.0, "b": 0.0}, controls=controls, plates=plates)
    assert table["Metadata_Perturbation"].tolist() == ["a", "b"]
    assert table["MapReplicate"].isna().all()
    assert table["Note"].str.contains(note).all()
