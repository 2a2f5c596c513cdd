"""What is written is read, whole or not at all."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from platewise.crops.cut import crop_statistics
from platewise.crops.store import CELLS_PER_SHARD, CropWriter, read_crops, write_crops
from platewise.errors import DataError


def some_crops(count, size=4):
    rng = np.random.default_rng(count)
    objects = np.stack([np.zeros(count), np.arange(count) % 3, np.ones(count), np.arange(count)], 1).astype(np.int32)
    return rng.integers(0, 65536, (count, 2, size, size)).astype(np.uint16), objects


@pytest.mark.parametrize("count", [0, 1, CELLS_PER_SHARD, CELLS_PER_SHARD + 1])
def test_what_is_written_is_read(tmp_path, count):
    crops, objects = some_crops(count)
    write_crops(tmp_path / "A01.zarr", crops, objects, ["DNA", "ER"], {"seed": 3})
    store = read_crops(tmp_path / "A01.zarr")
    assert np.array_equal(store.load(), crops)
    assert np.array_equal(store.objects, objects)
    assert store.objects.dtype == np.int32
    assert store.channels == ("DNA", "ER")
    assert store.size == 4
    assert np.array_equal(store.statistics, crop_statistics(crops))
    assert store.provenance["seed"] == 3
    assert store.provenance["algorithm"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["A01.zarr"]


def test_some_rows_can_be_read(tmp_path):
    crops, objects = some_crops(10)
    write_crops(tmp_path / "a.zarr", crops, objects, ["DNA", "ER"])
    store = read_crops(tmp_path / "a.zarr")
    assert np.array_equal(store.load(np.array([1, 7])), crops[[1, 7]])
    pieces = list(store.pieces(4))
    assert [len(piece) for piece in pieces] == [4, 4, 2]
    assert np.array_equal(np.concatenate(pieces), crops)
    labelled = list(store.labelled_pieces(4))
    assert np.array_equal(np.concatenate([piece for piece, _ in labelled]), crops)
    assert [len(rows) for _, rows in labelled] == [4, 4, 2]
    assert np.array_equal(np.concatenate([rows for _, rows in labelled]), objects)


def test_pieces_give_the_same_bytes_as_one_write(tmp_path):
    crops, objects = some_crops(2 * CELLS_PER_SHARD + 40)
    write_crops(tmp_path / "one.zarr", crops, objects, ["DNA", "ER"])
    with CropWriter(tmp_path / "many.zarr", ["DNA", "ER"], 4) as writer:
        for first in range(0, len(crops), 100):
            writer.append(crops[first : first + 100], objects[first : first + 100])

    def content(name):
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files}

    assert content("one.zarr") == content("many.zarr")
    # Three shards of images, a chunk of objects and one of statistics, four zarr.json.
    assert len(content("one.zarr")) == 9


def test_the_store_is_a_zarr_group_with_one_cell_a_chunk(tmp_path):
    crops, objects = some_crops(3)
    write_crops(tmp_path / "a.zarr", crops, objects, ["DNA", "ER"])
    images = json.loads((tmp_path / "a.zarr" / "images" / "zarr.json").read_text())
    assert images["data_type"] == "uint16"
    assert images["dimension_names"] == ["cell", "channel", "y", "x"]
    assert images["chunk_grid"]["configuration"]["chunk_shape"] == [CELLS_PER_SHARD, 2, 4, 4]
    assert images["codecs"][0]["name"] == "sharding_indexed"
    assert images["codecs"][0]["configuration"]["chunk_shape"] == [1, 2, 4, 4]


def test_a_writer_that_fails_leaves_nothing_behind_and_the_old_store_alone(tmp_path):
    crops, objects = some_crops(5)
    path = tmp_path / "a.zarr"
    write_crops(path, crops, objects, ["DNA", "ER"])

    def killed():
        with CropWriter(path, ["DNA", "ER"], 4) as writer:
            writer.append(*some_crops(300))
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        killed()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]
    assert np.array_equal(read_crops(path).load(), crops)


def test_a_store_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a.zarr"
    write_crops(path, *some_crops(600), ["DNA", "ER"])
    crops, objects = some_crops(2)
    write_crops(path, crops, objects, ["DNA", "ER"])
    assert np.array_equal(read_crops(path).load(), crops)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]


def test_crops_of_another_shape_are_refused(tmp_path):
    crops, objects = some_crops(5)
    with pytest.raises(DataError, match="cannot store crops"):
        write_crops(tmp_path / "a.zarr", crops, objects, ["DNA"])
    with pytest.raises(DataError, match="of 4 objects"):
        write_crops(tmp_path / "a.zarr", crops, objects[:4], ["DNA", "ER"])
    with pytest.raises(DataError, match="float64"):
        write_crops(tmp_path / "a.zarr", crops.astype(float), objects, ["DNA", "ER"])
    assert not list(tmp_path.iterdir())


def test_a_missing_store_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.zarr: cannot be read as a crop store.*run again"):
        read_crops(tmp_path / "absent.zarr")


@pytest.mark.parametrize("lost", ["images", "objects", "statistics"])
def test_a_store_that_lost_an_array_is_refused(tmp_path, lost):
    write_crops(tmp_path / "a.zarr", *some_crops(5), ["DNA", "ER"])
    shutil.rmtree(tmp_path / "a.zarr" / lost)
    with pytest.raises(DataError, match=r"a\.zarr: cannot be read as a crop store"):
        read_crops(tmp_path / "a.zarr")


def test_a_flipped_byte_in_a_shard_is_noticed(tmp_path):
    write_crops(tmp_path / "a.zarr", *some_crops(5, size=16), ["DNA", "ER"])
    (shard,) = (path for path in (tmp_path / "a.zarr" / "images" / "c").rglob("*") if path.is_file())
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zarr: crops cannot be read.*run again"):
        read_crops(tmp_path / "a.zarr").load()
