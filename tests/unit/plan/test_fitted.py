"""What scale and features are fitted on is decided once, and stays while plates come and go."""

from __future__ import annotations

from pathlib import Path

import pytest

from platewise.errors import ConfigError
from platewise.plan.campaign import Campaign, load_campaign
from platewise.plan.fitted import fit_path, fitted_keys, fitted_plates, write_fit


def campaign_of(folder: Path, plates: list[str], **profiles: object) -> Campaign:
    rows = [f"{plate}\tA01\tDMSO\t1.0" for plate in plates]
    table = folder / "table.tsv"
    table.write_text("\n".join(["Metadata_Plate\tMetadata_Well\tMetadata_Perturbation\tCells_X_Y", *rows]) + "\n")
    raw = {"campaign": "c", "results": str(folder), "table": {"paths": [str(table)], "negcon": ["DMSO"]}}
    return load_campaign(raw | {"profiles": profiles})


def fit(campaign: Campaign) -> None:
    selection = campaign.folder / "campaign/profiles/classical.selection.parquet"
    selection.parent.mkdir(parents=True, exist_ok=True)
    write_fit(selection, fitted_keys(campaign), fitted_plates(campaign, "classical"))


def test_the_first_fit_takes_all_plates_and_later_ones_do_not_join_it(tmp_path: Path) -> None:
    first = campaign_of(tmp_path, ["P2", "P3"])
    assert fitted_plates(first, "classical") == ["P2", "P3"]
    fit(first)
    grown = campaign_of(tmp_path, ["P1", "P2", "P3", "P4"])
    assert fitted_plates(grown, "classical") == ["P2", "P3"]
    # Another kind of features has a fit of its own.
    assert fitted_plates(grown, "deep") == ["P1", "P2", "P3", "P4"]


def test_removing_the_record_asks_for_another_fit(tmp_path: Path) -> None:
    fit(campaign_of(tmp_path, ["P1"]))
    grown = campaign_of(tmp_path, ["P1", "P2"])
    assert fitted_plates(grown, "classical") == ["P1"]
    fit_path(grown, "classical").unlink()
    assert fitted_plates(grown, "classical") == ["P1", "P2"]


def test_a_plate_that_left_is_left_out(tmp_path: Path) -> None:
    fit(campaign_of(tmp_path, ["P1", "P2"]))
    assert fitted_plates(campaign_of(tmp_path, ["P2", "P3"]), "classical") == ["P2"]
    assert fitted_plates(campaign_of(tmp_path, ["P3", "P4"]), "classical") == ["P3", "P4"]


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({"select": {"max_correlation": 0.8}}, False),
        ({"normalise": {"min_controls": 6}}, False),
        ({"aggregate": {"method": "distribution"}}, False),
        ({"select": {"max_missing": 0.2}}, False),
        ({"consensus": {"method": "mean"}}, True),
    ],
)
def test_settings_of_the_fit_ask_for_another_one(tmp_path: Path, changed: dict, kept: bool) -> None:
    fit(campaign_of(tmp_path, ["P1"]))
    assert fitted_plates(campaign_of(tmp_path, ["P1", "P2"], **changed), "classical") == (
        ["P1"] if kept else ["P1", "P2"]
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plates": ["P1"]}', '{"keys": {}, "plates": 3}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    campaign = campaign_of(tmp_path, ["P1"])
    fit(campaign)
    fit_path(campaign, "classical").write_text(text)
    with pytest.raises(ConfigError, match=r"classical\.plates\.json(.|\n)*no record of a fit(.|\n)*remove the file"):
        fitted_plates(campaign, "classical")
