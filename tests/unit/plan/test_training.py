"""What an embedding is trained on is decided once, and kept while plates and wells come and go."""

import json

import pytest
import yaml
from campaigns import write_campaign

from platewise.errors import ConfigError
from platewise.plan.campaign import load_campaign
from platewise.plan.training import (
    is_trained,
    record_path,
    shown_blocks,
    training_keys,
    training_plates,
    untrained_plates,
    write_record,
)


@pytest.fixture
def campaign(tmp_path):
    """Two plates of six wells in two blocks, as a function that reads them with changes of the config."""
    config = write_campaign(tmp_path, 2, 1, 3, 6, replicates=1)

    def read(embedding=None, **sections):
        raw = yaml.safe_load(config.read_text())
        raw["embeddings"] = {"deep": {"kind": "weak"} | (embedding or {})}
        return load_campaign(raw | sections)

    return read


def train(campaign):
    """Record what a training of today would record."""
    plates = training_plates(campaign, "deep")
    crops = [
        f"{campaign.folder}/plates/{plate.row['plate']}/crops/{block}.zarr"
        for plate in plates
        for block in plate.blocks
    ]
    folder = campaign.folder / "campaign/embedding/deep"
    write_record(folder, training_keys(campaign, "deep"), [plate.row for plate in plates], crops)


def names(campaign):
    return [plate.row["plate"] for plate in training_plates(campaign, "deep")]


def add_plate(folder):
    sheet = folder / "plates.tsv"
    sheet.write_text(sheet.read_text() + f"P003\tb3\tphenix\t{folder}/images\t{folder}/map1.txt\t1\n")


def test_nothing_recorded_the_config_decides(campaign):
    assert names(campaign()) == ["P001", "P002"]
    assert names(campaign({"train_plates": ["P002"]})) == ["P002"]
    assert names(campaign({"train_plates": ["P002"], "validation_plates": ["P001"]})) == ["P002", "P001"]
    assert names(campaign({"kind": "random"})) == ["P001"]
    assert training_plates(campaign(), "deep")[0].blocks == ["A01-A03", "B01-B03"]
    assert not is_trained(campaign(), "deep")


def test_a_trained_network_is_planned_as_it_was_trained(campaign, tmp_path):
    train(campaign())
    before = training_plates(campaign(), "deep")
    add_plate(tmp_path)
    # A block of wells less, and a batch renamed.
    (tmp_path / "map1.txt").write_text("well_position\tcompound\nA01\tDMSO\nA02\tC001\n")
    crops = campaign().folder / "plates/P001/crops/B01-B03.zarr"
    crops.mkdir(parents=True)
    sheet = tmp_path / "plates.tsv"
    sheet.write_text(sheet.read_text().replace("\tb2\t", "\tother\t"))
    assert list(campaign().plates) == ["P001", "P002", "P003"]
    assert training_plates(campaign(), "deep") == before
    assert is_trained(campaign(), "deep")
    assert untrained_plates(campaign(), "deep", before) == ["P003"]


def test_what_was_named_is_not_told_of_new_plates(campaign, tmp_path):
    train(campaign({"train_plates": ["P001"]}))
    add_plate(tmp_path)
    now = campaign({"train_plates": ["P001"]})
    assert untrained_plates(now, "deep", training_plates(now, "deep")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"embedding": {"epochs": 3}},
        {"embedding": {"train_plates": ["P001", "P002"]}},
        {"crops": {"size": 64}},
        {"blocks": {"wells_per_block": 2}},
        {"seed": 7},
    ],
)
def test_another_network_is_trained_on_what_is_there(campaign, tmp_path, change):
    train(campaign())
    now = campaign(**change)
    assert not is_trained(now, "deep")
    add_plate(tmp_path)
    expected = change.get("embedding", {}).get("train_plates", ["P001", "P002", "P003"])
    assert names(campaign(**change)) == expected


def test_the_batch_and_the_device_ask_for_no_other_network(campaign):
    train(campaign())
    assert is_trained(campaign({"batch": 3}, device="cpu"), "deep")


@pytest.mark.parametrize("lost", ["crops", "map"])
def test_a_network_whose_files_are_gone_is_trained_on_what_is_there(campaign, tmp_path, lost):
    train(campaign())
    sheet = tmp_path / "plates.tsv"
    sheet.write_text("".join(line for line in sheet.read_text().splitlines(True) if "P002" not in line))
    crops = [campaign().folder / "plates/P002/crops" / f"{block}.zarr" for block in ("A01-A03", "B01-B03")]
    for folder in crops:
        folder.mkdir(parents=True)
    assert names(campaign()) == ["P001", "P002"]
    if lost == "crops":
        crops[0].rmdir()
    else:
        (tmp_path / "map2.txt").unlink()
    assert names(campaign()) == ["P001"]


@pytest.mark.parametrize("text", ["{", "{}", json.dumps({"keys": {}, "plates": [{"rows": 1}]})])
def test_a_broken_record_is_an_error_with_its_remedy(campaign, text):
    train(campaign())
    path = record_path(campaign(), "deep")
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"deep\.plates\.json: found no record of a training.*Hint: remove the file"):
        training_plates(campaign(), "deep")


def test_cells_are_shown_of_plates_and_blocks_that_are_still_there(campaign, tmp_path):
    assert shown_blocks(campaign({"train_plates": ["P002"]}), "deep") == [("P002", "A01-A03"), ("P002", "B01-B03")]
    train(campaign())
    sheet = tmp_path / "plates.tsv"
    sheet.write_text("".join(line for line in sheet.read_text().splitlines(True) if "P002" not in line))
    for block in ("A01-A03", "B01-B03"):
        (tmp_path / f"results/bench/plates/P002/crops/{block}.zarr").mkdir(parents=True)
    left = campaign()
    assert names(left) == ["P001", "P002"]
    assert shown_blocks(left, "deep") == [("P001", "A01-A03"), ("P001", "B01-B03")]
