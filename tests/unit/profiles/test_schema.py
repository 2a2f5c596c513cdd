"""Plates that cannot be compared are named before anything is pooled."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from platewise.config.profiles import NormaliseConfig
from platewise.errors import DataError
from platewise.profiles.normalise import run_normalise_plates
from platewise.profiles.schema import channels_of, check_plates, describe_difference

FEATURES = ["Nuclei_AreaShape_Area", "Cells_Intensity_MeanIntensity_DNA", "Cells_Intensity_MeanIntensity_ER"]


def write(folder: Path, plates: dict[str, list[str]]) -> dict[str, str]:
    paths = {}
    for plate, features in plates.items():
        paths[plate] = str(folder / f"{plate}.parquet")
        pd.DataFrame({"Metadata_Well": ["A01"], **{name: [1.0] for name in features}}).to_parquet(paths[plate])
    return paths


def test_the_same_features_in_any_order_are_fine(tmp_path: Path) -> None:
    check_plates(write(tmp_path, {"P1": FEATURES, "P2": FEATURES[::-1]}))
    check_plates({})


def test_the_odd_plate_is_named_with_its_channels_and_features(tmp_path: Path) -> None:
    odd = [*FEATURES[:2], "Cells_Intensity_MeanIntensity_Mito"]
    paths = write(tmp_path, {"P1": odd, "P2": FEATURES, "P3": FEATURES, "P4": FEATURES[1:]})
    with pytest.raises(DataError) as error:
        run_normalise_plates(paths, {plate: str(tmp_path / "out") for plate in paths}, NormaliseConfig())
    assert str(error.value) == (
        "profiles: plates have different features and cannot be compared (2 of 4 plates differ from the 3 features "
        "that most have): plate P1 lacks the channel ER and lacks 1 feature (Cells_Intensity_MeanIntensity_ER) and has "
        "the channel Mito and has 1 feature beside those (Cells_Intensity_MeanIntensity_Mito); plate P4 lacks 1 "
        "feature (Nuclei_AreaShape_Area). Hint: make these plates again with the channels and settings of the others, "
        "or take them out of the campaign."
    )
    assert not (tmp_path / "out").exists()


def test_many_are_cut_short(tmp_path: Path) -> None:
    wide = [f"Cells_X_{number}" for number in range(9)]
    plates = {f"O{number}": [*wide[:1], f"Cells_Y_{number}"] for number in range(12)}
    with pytest.raises(
        DataError, match=r"12 of 14 plates differ.*\(Cells_X_1, .*Cells_X_5, \.\.\.\).*; 2 more plates dif"
    ):
        check_plates(write(tmp_path, plates | {"P1": wide, "P2": wide}))


def test_channels_are_read_off_mean_intensities() -> None:
    assert channels_of([*FEATURES, "Cells_Intensity_MeanIntensity_RNA_MAD", "Cells_X_MeanIntensity_No"]) == {
        "DNA",
        "ER",
        "RNA",
    }
    assert describe_difference(FEATURES, FEATURES) == ""
