"""Every kind of damage is found, named and, unless only told, removed; what is whole is left alone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from platewise.columns import SITE, WELL
from platewise.errors import DataError
from platewise.plan.campaign import load_campaign
from platewise.store import verify as store_verify
from platewise.store.commit import commit_field
from platewise.store.paths import HASH_COLUMNS, field_path
from platewise.store.verify import Damage, find_damage, find_leftovers, verify_blocks, verify_campaign, verify_tables
from platewise.tables import write_table

BLOCKS = {"A01-A02": [("A01", None), ("A02", None)], "A03": [("A03", 1)]}


@pytest.fixture
def plate(tmp_path):
    """A plate of two blocks: two good fields and a bad one in the first; the second has no manifest yet."""
    folder = tmp_path / "P1"
    rows = []
    for well, site in (("A01", 1), ("A02", 1)):
        label = np.zeros((8, 8), np.int32)
        label[2:5, 2:5] = site
        commit = commit_field(folder / "plate.zarr", well, site, {"nuclei": label, "cells": label}, f"from {well}", {})
        hashes = {column: commit.hashes[name] for name, column in HASH_COLUMNS.items()}
        rows.append({WELL: well, SITE: site, "Status": "ok", "Digest": commit.digest, **hashes})
    rows.append(rows[0] | {WELL: "A02", SITE: 2, "Status": "bad"})
    write_table(pd.DataFrame(rows), folder / "fields/A01-A02.parquet")
    return folder


def manifest(plate):
    return plate / "fields/A01-A02.parquet"


def verify(plate):
    return find_damage(manifest(plate), plate / "plate.zarr")


def rewrite(plate, row, column, value):
    table = pd.read_parquet(manifest(plate))
    table.loc[row, column] = value
    table.to_parquet(manifest(plate))


def test_a_whole_block_holds(plate):
    assert verify(plate) is None
    assert verify_blocks([manifest(plate)], plate / "plate.zarr", remove=True) == []
    assert manifest(plate).exists()


def change_codec(plate):
    path = field_path(plate / "plate.zarr", "A02", 1) / "labels/cells/0/zarr.json"
    path.write_text(path.read_text().replace('"level"', '"lever"'))


def cut_chunk(plate):
    chunk = field_path(plate / "plate.zarr", "A02", 1) / "labels/cells/0/c/0/0"
    chunk.write_bytes(chunk.read_bytes()[:-7])


def flip_byte(plate):
    chunk = field_path(plate / "plate.zarr", "A02", 1) / "labels/cells/0/c/0/0"
    content = bytearray(chunk.read_bytes())
    content[10] ^= 1
    chunk.write_bytes(content)


def change_digest(plate):
    path = field_path(plate / "plate.zarr", "A02", 1) / "zarr.json"
    found = json.loads(path.read_text())
    found["attributes"]["platewise"]["digest"] = "from others"
    path.write_text(json.dumps(found))


DAMAGES = {
    "label array deleted": (
        lambda plate: shutil.rmtree(field_path(plate / "plate.zarr", "A02", 1) / "labels/nuclei/0"),
        "labels/nuclei/0: the label cannot be read",
    ),
    "chunk deleted": (
        lambda plate: (field_path(plate / "plate.zarr", "A01", 1) / "labels/cells/0/c/0/0").unlink(),
        "labels/cells/0: the label cannot be read",
    ),
    "chunk cut short": (cut_chunk, "labels/cells/0: the label cannot be read"),
    "byte flipped": (flip_byte, "labels/cells/0: the label cannot be read"),
    "field deleted": (
        lambda plate: shutil.rmtree(field_path(plate / "plate.zarr", "A02", 1)),
        "A02 field 1: the field is gone, or what it says of itself is damaged",
    ),
    "attributes cut short": (
        lambda plate: (field_path(plate / "plate.zarr", "A02", 1) / "zarr.json").write_text("{"),
        "A02 field 1: the field is gone, or what it says of itself is damaged",
    ),
    "another digest": (change_digest, "A02 field 1: the field was made from other inputs than those listed"),
    "another label": (
        lambda plate: rewrite(plate, 1, "CellsHash", "0" * 32),
        "A02 field 1: the label cells is not the one listed",
    ),
    "manifest cut in half": (
        lambda plate: manifest(plate).write_bytes(manifest(plate).read_bytes()[:700]),
        "cannot be read as Parquet",
    ),
    "metadata that is no object": (
        lambda plate: (field_path(plate / "plate.zarr", "A02", 1) / "labels/cells/0/zarr.json").write_text("null"),
        "the label cannot be read",
    ),
    "a codec with an unknown key": (
        lambda plate: change_codec(plate),
        "the label cannot be read",
    ),
    "manifest without status": (
        lambda plate: pd.read_parquet(manifest(plate)).drop(columns="Status").to_parquet(manifest(plate)),
        "'Status'",
    ),
    "manifest without a column": (
        lambda plate: pd.read_parquet(manifest(plate)).drop(columns="Digest").to_parquet(manifest(plate)),
        "'Digest'",
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_found_told_and_removed(plate, kind):
    damage, reason = DAMAGES[kind]
    damage(plate)
    (found,) = verify_blocks([manifest(plate)], plate / "plate.zarr", remove=False)
    assert found.path == manifest(plate)
    assert reason in found.reason
    assert manifest(plate).exists()
    assert verify_blocks([manifest(plate)], plate / "plate.zarr", remove=True) == [found]
    assert not manifest(plate).exists()


def test_what_was_made_anew_meanwhile_is_not_removed(plate, monkeypatch):
    looked = []

    def damaged_at_first(path, store):
        looked.append(path)
        return Damage(path, "damaged") if len(looked) == 1 else None

    monkeypatch.setattr(store_verify, "find_damage", damaged_at_first)
    assert len(verify_blocks([manifest(plate)], plate / "plate.zarr", remove=True)) == 1
    assert manifest(plate).exists()


def test_a_table_that_cannot_be_read_is_removed(tmp_path):
    whole, cut, none = (tmp_path / name for name in ("whole.parquet", "cut.parquet", "none.parquet"))
    for path in (whole, cut):
        write_table(pd.DataFrame({"x": np.arange(1000)}), path)
    cut.write_bytes(cut.read_bytes()[:300])
    assert [damage.path for damage in verify_tables([whole, cut, none], remove=False)] == [cut]
    assert cut.exists()
    (damage,) = verify_tables([whole, cut, none], remove=True)
    assert damage.reason.startswith("cannot be read as Parquet")
    assert (whole.exists(), cut.exists()) == (True, False)


def test_a_table_whose_pages_are_damaged_is_found(tmp_path):
    """The footer is whole, so that it opens, and one bit of a number is another."""
    path = tmp_path / "cells.parquet"
    write_table(pd.DataFrame({"x": np.random.default_rng(0).normal(size=5000)}), path)
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    assert [damage.path for damage in verify_tables([path], remove=False)] == [path]


def leftovers(plate):
    return [str(path.relative_to(plate)) for path in find_leftovers(plate, BLOCKS)]


def test_what_belongs_to_nothing_is_found(plate):
    """A field of the block without a manifest waits for it; a bad field, another well's and temporary names do not."""
    store = plate / "plate.zarr"
    assert leftovers(plate) == []
    for well, site in (("A01", 2), ("A02", 2), ("A03", 1), ("A03", 2), ("B07", 1)):
        field_path(store, well, site).mkdir(parents=True)
    (store / "A/01/.1@host@12@abc.tmp").mkdir()
    (plate / "fields/.A03.parquet@host@12@abc.tmp").write_text("")
    (store / "A/01/zarr.json").write_text("{}")
    assert leftovers(plate) == [
        "fields/.A03.parquet@host@12@abc.tmp",
        "plate.zarr/A/01/.1@host@12@abc.tmp",
        "plate.zarr/A/01/2",
        "plate.zarr/A/02/2",
        "plate.zarr/A/03/2",
        "plate.zarr/B/07/1",
    ]


def test_fields_of_a_damaged_manifest_are_no_leftovers(plate):
    manifest(plate).write_bytes(b"PAR1")
    assert leftovers(plate) == []


def test_nothing_is_left_of_a_plate_that_never_began(tmp_path):
    assert list(find_leftovers(tmp_path / "P9", BLOCKS)) == []


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    """A campaign whose only tables are one cut short and one whole, of the campaign, and one of a plate, cut short."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    Path("map.txt").write_text("well_position\tcompound\nA01\tDMSO\n")
    Path("plates.tsv").write_text("plate\tbatch\treader\timages\tplatemap\nP1\tb\tphenix\timages\tmap.txt\n")
    raw = {"campaign": "test", "plates": "plates.tsv", "plate_format": 6, "metadata": {"key": "compound"}}
    raw["metadata"]["negcon"] = ["DMSO"]
    raw["images"] = {"channels": {"DNA": "1", "ER": "2", "RNA": "3", "AGP": "4", "Mito": "5"}}
    raw["embeddings"] = {"deep": {"kind": "weak"}}
    found = load_campaign(raw)
    root = tmp_path / "results/test"
    for name in ("plates/P1/cells/A01-B03", "campaign/profiles/deep.selected", "campaign/embedding/deep/curves"):
        write_table(pd.DataFrame({"x": [1]}), root / f"{name}.parquet")
    for name in ("plates/P1/cells/A01-B03", "campaign/embedding/deep/curves"):
        path = root / f"{name}.parquet"
        path.write_bytes(path.read_bytes()[:50])
    return found


def test_a_campaign_without_a_table_is_an_error(campaign):
    shutil.rmtree("results")
    with pytest.raises(DataError) as error:
        list(verify_campaign(campaign, remove=False))
    assert str(error.value) == (
        "results/test: found no table of this campaign. Hint: run it first, or correct `results:`."
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_campaign_is_gone_through_plate_by_plate(campaign, workers):
    plate, own = verify_campaign(campaign, remove=True, workers=workers)
    assert (plate.name, plate.checked, plate.blocks) == ("P1", 1, [])
    assert [str(damage.path) for damage in plate.tables] == ["results/test/plates/P1/cells/A01-B03.parquet"]
    assert not plate.tables[0].path.exists()
    assert (own.name, own.checked, own.tables, own.damages) == ("", 2, [], 1)
    assert [damage.path.name for damage in own.kept] == ["curves.parquet"]
    assert own.kept[0].path.exists()
