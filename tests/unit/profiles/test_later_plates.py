"""A plate that comes later moves no profile of the plates before it, and is named where it does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from platewise.config.profiles import NormaliseConfig, SelectConfig
from platewise.errors import DataError
from platewise.profiles.normalise import run_normalise_plates
from platewise.profiles.select import run_select_features
from platewise.tables import read_provenance, read_table

FEATURES = [f"Cells_X_{number}" for number in range(6)]


def plate_of(name: str, seed: int, spread: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = spread * rng.normal(size=(24, len(FEATURES)))
    # On every plate the first two say the same, but for the plate with the wide spread.
    values[:, 1] = values[:, 0] + (0.1 if spread == 1 else 5) * rng.normal(size=24)
    table = pd.DataFrame(
        {
            "Metadata_Plate": name,
            "Metadata_Well": [f"A{number:02d}" for number in range(1, 25)],
            "Metadata_Batch": "B",
            "Metadata_Perturbation": ["DMSO"] * 8 + ["drug"] * 16,
            "Metadata_Dose": np.nan,
            "Metadata_MOA": "",
            "Metadata_ControlType": ["negcon"] * 8 + [""] * 16,
            "Metadata_CellCount": 100,
        }
    )
    return table.join(pd.DataFrame(values, columns=FEATURES))


def run(folder: Path, plates: dict[str, pd.DataFrame], fitted_on: list[str] | None) -> pd.DataFrame:
    """Return level 4b."""
    folder.mkdir(exist_ok=True)
    wells = {name: str(folder / f"{name}.wells.parquet") for name in plates}
    normalised = {name: str(folder / f"{name}.normalised.parquet") for name in plates}
    for name, table in plates.items():
        table.to_parquet(wells[name])
    run_normalise_plates(wells, normalised, NormaliseConfig(), fitted_on)
    out, selection = str(folder / "f.selected.parquet"), str(folder / "f.selection.parquet")
    run_select_features(normalised, out, selection, SelectConfig(), fitted_on)
    return read_table(out)


def test_old_profiles_stay_to_the_last_bit(tmp_path: Path) -> None:
    old = {f"P{number}": plate_of(f"P{number}", number) for number in range(3)}
    # Ahead of the others in the campaign, and quite another scale.
    new = {"N": plate_of("N", 9, spread=40)} | old
    before = run(tmp_path / "before", old, None)
    frozen = run(tmp_path / "frozen", new, ["P0", "P1", "P2"])
    pd.testing.assert_frame_equal(frozen[24:].reset_index(drop=True), before, check_exact=True)
    for plate in old:
        same = [(tmp_path / run / f"{plate}.normalised.parquet").read_bytes() for run in ("before", "frozen")]
        assert same[0] == same[1]
    assert frozen["Metadata_Plate"].tolist()[:24] == ["N"] * 24
    assert read_provenance(tmp_path / "frozen" / "f.selection.parquet")["fitted_on"] == ["P0", "P1", "P2"]
    # The test would show a plate that moves them.
    moved = run(tmp_path / "moved", new, None)
    assert list(moved) != list(before)
    assert not np.allclose(moved["Cells_X_2"][24:], before["Cells_X_2"])


def test_a_later_plate_that_lacks_many_features_is_refused(tmp_path: Path) -> None:
    plates = {"P0": plate_of("P0", 0), "N": plate_of("N", 1).assign(Cells_X_3=np.nan)}
    with pytest.raises(
        DataError, match=r"plate N: 1 of 5 features .* no value in any of its wells \(Cells_X_3\).*Hint"
    ):
        run(tmp_path, plates, ["P0"])


def test_a_feature_that_a_whole_plate_lacks_is_not_chosen(tmp_path: Path) -> None:
    plates = {f"P{number}": plate_of(f"P{number}", number) for number in range(30)}
    plates["P7"]["Cells_X_3"] = np.nan
    # One plate of 30: 3.3 % of wells, below the limit of 5 %. Filled in, they would all look like controls.
    assert "Cells_X_3" not in run(tmp_path, plates, None)
    selection = read_table(tmp_path / "f.selection.parquet").set_index("Feature")
    assert selection.loc["Cells_X_3", "Reason"] == "missing on a whole plate (P7)"
    assert selection.loc["Cells_X_3", "Missing"] == 24


def test_a_later_plate_is_the_first_with_enough_controls(tmp_path: Path) -> None:
    few = plate_of("P0", 0).assign(Metadata_ControlType=["negcon"] * 3 + [""] * 21)
    plates = {"P0": few, "N": plate_of("N", 1)}
    run(tmp_path, plates, ["P0"])
    first, later = (read_table(tmp_path / f"{name}.normalised.parquet") for name in plates)
    assert set(first["Metadata_NormalisedTo"]) == {"plate"}
    assert set(later["Metadata_NormalisedTo"]) == {"negcon"}
    # No scale of the campaign was ever fitted: the plate has its own controls'.
    values = plates["N"][FEATURES].to_numpy()
    middle = np.median(values[:8], axis=0)
    spread = 1.482602218505602 * np.median(np.abs(values[:8] - middle), axis=0)
    np.testing.assert_allclose(later[FEATURES], (values - middle) / spread, rtol=1e-6)


def test_a_plate_without_a_well_lacks_nothing(tmp_path: Path) -> None:
    plates = {"P0": plate_of("P0", 0), "E": plate_of("E", 1)[:0], "P1": plate_of("P1", 1)}
    assert len(run(tmp_path, plates, None)) == 48
    assert len(run(tmp_path, plates, ["P0"])) == 48
