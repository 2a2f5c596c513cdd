"""How large the jobs of a campaign are, from its sheets alone."""

from pathlib import Path

import pytest

from platewise.plan.campaign import load_campaign
from platewise.plan.demand import Size
from platewise.plan.sizes import size_of_block, size_of_plate, size_of_profiles, size_of_training

PLATEMAP = "well_position\tcompound\tdose\nA01\tDMSO\t\nA02\tx\t1\nA03\tx\t10\nB01\tDMSO\t\n"


@pytest.fixture
def raw(tmp_path):
    """Two plates of four wells in two blocks, the second one without a number of fields."""
    (tmp_path / "map.txt").write_text(PLATEMAP)
    rows = ["plate\tbatch\treader\timages\tplatemap\tfields_per_well"]
    rows += [
        f"{name}\tb1\tphenix\t{tmp_path}\t{tmp_path}/map.txt\t{fields}" for name, fields in (("P1", 4), ("P2", ""))
    ]
    (tmp_path / "plates.tsv").write_text("\n".join(rows) + "\n")
    return {
        "campaign": "test",
        "results": str(tmp_path / "results"),
        "plates": str(tmp_path / "plates.tsv"),
        "plate_format": 6,
        "metadata": {"key": "compound", "dose": "dose", "negcon": ["DMSO"]},
        "images": {"channels": {"DNA": "ch1", "ER": "ch2"}},
        "segmentation": {
            "nuclei_channel": "DNA",
            "cell_channels": ["ER"],
            "batch_size": 3,
            "nuclei": {"engine": "classical"},
        },
        "blocks": {"wells_per_block": 3},
        "embeddings": {"deep": {"kind": "weak", "validation_plates": ["P2"]}, "random": {"kind": "random"}},
        "evaluation": {"shuffles": 20},
    }


def test_block(raw):
    campaign = load_campaign(raw)
    assert size_of_block(campaign, "P1", "A01-A03") == Size(
        channels=2, fields=12, block_fields=12, features=440, batch=3
    )
    assert size_of_block(load_campaign(raw | {"measure": {"gpu": True}}), "P1", "A01-A03").gpus == 1
    # Nine fields a well where nobody says.
    assert size_of_block(campaign, "P2", "B01-B03").fields == 9


def test_a_block_may_be_a_field(raw):
    raw["blocks"] = {"unit": "field"}
    sheet = Path(raw["plates"])
    sheet.write_text(sheet.read_text().partition("P2\t")[0])
    campaign = load_campaign(raw | {"embeddings": {}})
    assert size_of_block(campaign, "P1", "A01-f01").fields == 1
    assert size_of_plate(campaign, "P1").fields == 16


def test_plate(raw):
    campaign = load_campaign(raw)
    assert size_of_plate(campaign, "P1", "deep") == Size(channels=2, fields=16, block_fields=12, features=128)
    # Of all kinds of features, the one with most.
    assert size_of_plate(campaign, "P2") == Size(channels=2, fields=36, block_fields=27, features=440)


def test_profiles(raw):
    # The wells of DMSO without a dose are one treatment.
    assert size_of_profiles(load_campaign(raw), "classical") == Size(wells=8, treatments=3, features=440)


def test_training(raw):
    campaign = load_campaign(raw)
    # 50 crops are kept of each of eight wells: two channels, 48 x 48, two bytes.
    assert size_of_training(campaign, "deep") == Size(crops_mb=8 * 50 * 2 * 48**2 * 2 / 2**20, steps=20 * 32, gpus=1)
    assert size_of_training(campaign, "random") == Size()


def test_a_larger_network_takes_longer(raw):
    raw["embeddings"]["deep"] |= {"downscale": 1, "width": 32, "train_batch": 128, "cells_per_well": 30}
    assert size_of_training(load_campaign(raw), "deep") == Size(
        crops_mb=8 * 30 * 2 * 96**2 * 2 / 2**20, steps=20 * 32 * 2 * 4 * 4, gpus=1
    )


def test_profiles_from_a_table(tmp_path):
    table = "Metadata_Plate,Metadata_Well,Metadata_Perturbation,Dose,Cells_A,Cells_B\n"
    table += "P1,A01,DMSO,,1,2\nP1,A02,DMSO,,1,2\nP1,A03,x,1,1,2\nP2,A03,x,2,1,2\n"
    (tmp_path / "wells.csv").write_text(table)
    config = {"paths": [str(tmp_path / "wells.csv")], "columns": {"dose": "Dose"}, "negcon": ["DMSO"]}
    campaign = load_campaign({"campaign": "test", "results": str(tmp_path), "plate_format": 96, "table": config})
    assert size_of_profiles(campaign) == Size(wells=4, treatments=3, features=6)


def test_what_has_a_known_mechanism_is_counted(tmp_path, raw):
    rows = [
        ("DMSO", "", ""),
        ("x", 1, "kinase|toxin"),
        ("x", 2, "kinase|toxin"),
        ("x", 2, "kinase|toxin"),
        ("y", 1, ""),
    ]
    table = "".join(f"P1,A{well:02d},{name},{dose},{moa},1\n" for well, (name, dose, moa) in enumerate(rows, 1))
    (tmp_path / "wells.csv").write_text(
        f"Metadata_Plate,Metadata_Well,Metadata_Perturbation,Dose,Class,Cells_A\n{table}"
    )
    columns = {"dose": "Dose", "moa": "Class"}
    config = {"paths": [str(tmp_path / "wells.csv")], "columns": columns, "negcon": ["DMSO"]}
    campaign = load_campaign({"campaign": "test", "results": str(tmp_path), "plate_format": 96, "table": config})
    size = size_of_profiles(campaign)
    assert (size.wells, size.treatments, size.annotated, size.annotated_treatments) == (5, 4, 1, 2)
    (tmp_path / "compounds.tsv").write_text("compound\tclass\nDMSO\tsolvent\nx\tkinase\n")
    told = {"table": str(tmp_path / "compounds.tsv"), "moa": "class"}
    size = size_of_profiles(load_campaign(raw | {"metadata": raw["metadata"] | told}), "classical")
    assert (size.treatments, size.annotated, size.annotated_treatments) == (3, 1, 2)
