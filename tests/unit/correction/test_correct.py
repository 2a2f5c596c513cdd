"""Every correction keeps the rows, and both files say the same."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from platewise.config.correction import (
    CombatCorrection,
    CorrectionConfig,
    HarmonyCorrection,
    MnnCorrection,
    NoCorrection,
    ReplicateCorrection,
    SpheringCorrection,
)
from platewise.correction.correct import METHODS, correct, correction_note, run_correct_batches
from platewise.correction.method import Corrected, CorrectionRefusedError
from platewise.tables import read_provenance, read_table

REPLICATES = ReplicateCorrection(min_differences=12)


def wells(plates: int = 4, per_plate: int = 10) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for plate in range(plates):
        for well in range(per_plate):
            control = well < per_plate // 2
            rows.append(
                {
                    "Metadata_Plate": f"P{plate}",
                    "Metadata_Well": f"A{well + 1:02d}",
                    "Metadata_Batch": f"B{plate // 2}",
                    "Metadata_Perturbation": "DMSO" if control else f"compound α<{well}>",
                    "Metadata_Dose": np.nan if control else 1.5,
                    "Metadata_MOA": "" if control else "a|b",
                    "Metadata_ControlType": "negcon" if control else "",
                    "Metadata_CellCount": 100 + well,
                    **{f"Cells_X_{index}": np.float32(rng.normal() + plate // 2) for index in range(5)},
                }
            )
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "method",
    [
        NoCorrection(),
        SpheringCorrection(),
        REPLICATES,
        CombatCorrection(),
        HarmonyCorrection(components=3),
        MnnCorrection(),
    ],
    ids=lambda method: method.method,
)
def test_rows_stay_and_the_two_files_agree(method: object, tmp_path: Path) -> None:
    table = wells()
    table.to_parquet(tmp_path / "selected.parquet")
    out, h5ad = str(tmp_path / "corrected.parquet"), str(tmp_path / "corrected.h5ad")
    run_correct_batches(str(tmp_path / "selected.parquet"), out, h5ad, method)
    done, data = read_table(out), anndata.read_h5ad(h5ad)
    metadata = [name for name in table if name.startswith("Metadata_")]
    pd.testing.assert_frame_equal(done[metadata], table[metadata])
    np.testing.assert_array_equal(data.X, done.drop(columns=metadata).to_numpy())
    assert np.isfinite(data.X).all()
    assert data.obs_names[0] == "P0_A01"
    assert data.obs["Metadata_Perturbation"].tolist() == table["Metadata_Perturbation"].tolist()
    assert read_provenance(out)["parameters"]["method"] == method.method


def test_none_changes_nothing() -> None:
    table = wells()
    pd.testing.assert_frame_equal(correct(table, NoCorrection())[0], table)


@pytest.mark.parametrize(
    "method", [CombatCorrection(), SpheringCorrection(), HarmonyCorrection(components=3), MnnCorrection()]
)
def test_the_same_input_gives_the_same_output(method: object) -> None:
    pd.testing.assert_frame_equal(correct(wells(), method)[0], correct(wells(), method)[0])


def test_combat_takes_out_a_shift_between_batches_with_the_same_content() -> None:
    table = wells()
    table.loc[table["Metadata_Batch"] == "B1", "Cells_X_0"] += np.float32(5)
    done = correct(table, CombatCorrection())[0]

    def shift(profiles: pd.DataFrame) -> float:
        return profiles.groupby("Metadata_Batch")["Cells_X_0"].mean().diff().iloc[1]

    assert shift(table) > 5
    # Empirical Bayes pulls the estimate towards the other features' shift: most of it goes, not all.
    assert abs(shift(done)) < 0.3


@pytest.mark.parametrize("method", [CombatCorrection(), HarmonyCorrection(), MnnCorrection()])
def test_one_batch_is_refused(method: object) -> None:
    with pytest.raises(CorrectionRefusedError, match=r"expected at least two.*Hint: use the correction `none`"):
        correct(wells(plates=2), method)


def test_a_refused_sphering_may_leave_profiles_as_they_are_and_says_so(tmp_path: Path) -> None:
    table = wells(plates=1)
    table.to_parquet(tmp_path / "in.parquet")
    out = str(tmp_path / "out.parquet")
    with pytest.raises(CorrectionRefusedError):
        run_correct_batches(str(tmp_path / "in.parquet"), out, str(tmp_path / "x.h5ad"), SpheringCorrection())
    assert not Path(out).exists()
    method = SpheringCorrection(when_refused="leave")
    run_correct_batches(str(tmp_path / "in.parquet"), out, str(tmp_path / "x.h5ad"), method)
    pd.testing.assert_frame_equal(read_table(out), table)
    assert correction_note(out).startswith("profiles are not corrected: correction sphering: found 5 negative control")


def test_the_config_knows_every_method_and_its_preset() -> None:
    spelled = {name: {"method": name} for name in METHODS}
    config = CorrectionConfig.model_validate({"methods": spelled, "preset": "combat"})
    assert [method.method for method in config.methods.values()] == list(METHODS)
    with pytest.raises(ValidationError, match="preset is 'rpca'; expected one of the methods: none, sphering"):
        CorrectionConfig(preset="rpca")
    with pytest.raises(ValidationError, match="expected `auto` or a number from 0 to 1"):
        SpheringCorrection(shrinkage=1.5)


def test_a_correction_that_gives_no_number_is_refused(monkeypatch) -> None:
    def broken(metadata: pd.DataFrame, values: np.ndarray, config: NoCorrection) -> Corrected:
        values = values.copy()
        values[:3, 1] = np.nan
        return Corrected(values)

    monkeypatch.setitem(METHODS, "none", broken)
    monkeypatch.setitem(METHODS, "sphering", broken)
    with pytest.raises(CorrectionRefusedError, match=r"none: found no number for 1 of \d+ .* in 3 of 40 wells.*Hint: "):
        correct(wells(), NoCorrection())
    left, corrected = correct(wells(), SpheringCorrection(when_refused="leave"))
    assert corrected.note.startswith("profiles are not corrected: correction sphering: found no number")
    assert np.isfinite(left[[name for name in left if name.startswith("Cells_")]].to_numpy()).all()
