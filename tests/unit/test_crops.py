"""Crops of a tiny field whose every pixel is known."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from platewise.config.crops import CropsConfig
from platewise.crops import (
    CELLS_PER_SHARD,
    CropWriter,
    crop_statistics,
    cut_crops,
    list_objects,
    object_wells,
    read_crops,
    select_objects,
    write_crops,
)
from platewise.errors import DataError


@pytest.fixture
def field():
    """A 40x50 field: cell 3 in the middle, 5 near the top left corner, 8 touching the right border.

    Channel 0 counts the pixels (row * 50 + column + 1), channel 1 is 1 in cell 3 and 2 elsewhere.
    """
    nuclei, cells = np.zeros((2, 40, 50), np.int32)
    cells[15:26, 18:31] = 3
    nuclei[19:22, 22:27] = 3  # centroid 20, 24
    cells[1:8, 1:8] = 5
    nuclei[2:4, 3:6] = 5  # centroid 2.5, 4: the pixel is 3, 4
    cells[30:36, 44:50] = 8
    nuclei[32:34, 46:48] = 8
    count = np.arange(1, 2001, dtype=np.float32).reshape(40, 50)
    image = np.stack([count, np.where(cells == 3, 1, 2).astype(np.float32)])
    return image, {"nuclei": nuclei, "cells": cells}


def test_cells_that_touch_the_border_are_left_out_unless_asked_for(field):
    _, labels = field
    assert list_objects(labels["cells"]).tolist() == [3, 5]
    assert list_objects(labels["cells"], keep_border=True).tolist() == [3, 5, 8]


def test_a_crop_is_centred_on_the_nucleus(field):
    image, labels = field
    crops, numbers = cut_crops(image, labels, size=8)
    assert numbers.tolist() == [3, 5]
    assert crops.dtype == np.uint16
    assert crops.shape == (2, 2, 8, 8)
    # Centroid (20, 24) lies at index 4, 4: the crop begins at row 16, column 20.
    assert np.array_equal(crops[0, 0], image[0, 16:24, 20:28])
    assert crops[0, 0, 4, 4] == 20 * 50 + 24 + 1


def test_what_lies_outside_the_image_is_zero(field):
    image, labels = field
    crops, _ = cut_crops(image, labels, size=16, objects=[5])
    # Centre pixel (3, 4): the crop begins at row -5, column -4.
    assert not crops[0, :, :5].any()
    assert not crops[0, :, :, :4].any()
    assert np.array_equal(crops[0, :, 5:, 4:], image[:, 0:11, 0:12])


def test_a_crop_may_be_larger_than_the_image(field):
    image, labels = field
    crops, _ = cut_crops(image, labels, size=200, objects=[3])
    assert crops[0, 0].sum() == image[0].sum()
    assert crops[0, 0, 100, 100] == 20 * 50 + 24 + 1


def test_objects_are_cut_in_the_order_asked_for(field):
    image, labels = field
    crops, numbers = cut_crops(image, labels, size=4, objects=[8, 3])
    assert numbers.tolist() == [8, 3]
    assert crops[:, 0, 2, 2].tolist() == [33 * 50 + 47 + 1, 20 * 50 + 24 + 1]


def test_a_masked_crop_holds_the_cell_only(field):
    image, labels = field
    crops, _ = cut_crops(image, labels, size=16, objects=[3], mask="cell")
    rows, columns = slice(12, 28), slice(16, 32)
    inside = labels["cells"][rows, columns] == 3
    assert np.array_equal(crops[0, 0], image[0, rows, columns] * inside)
    assert inside.sum() == 11 * 13


def test_pixels_are_rounded_half_to_even_and_clipped():
    labels = dict.fromkeys(("nuclei", "cells"), np.pad(np.full((1, 1), 1, np.int32), 2))
    image = np.zeros((1, 5, 5), np.float32)
    image[0, 2] = [0, 0.5, 1.5, 70_000, 0]
    image[0, 1] = [0, -3, 2.49, 2.51, 0]
    crops, _ = cut_crops(image, labels, size=4)
    assert crops[0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 2, 3], [0, 0, 2, 65535], [0, 0, 0, 0]]


def test_a_field_without_cells_gives_no_crops():
    empty = np.zeros((20, 20), np.int32)
    crops, numbers = cut_crops(np.ones((3, 20, 20), np.float32), {"nuclei": empty, "cells": empty}, 8)
    assert crops.shape == (0, 3, 8, 8)
    assert numbers.shape == (0,)


def test_unpaired_labels_are_named(field):
    image, labels = field
    labels["nuclei"] = np.where(labels["nuclei"] == 5, 0, labels["nuclei"])
    with pytest.raises(DataError, match=r"object\(s\) 5 are not in the nuclei labels.*segmentation"):
        cut_crops(image, labels, 8)
    with pytest.raises(DataError, match=r"object\(s\) 77 are not in the cells labels"):
        cut_crops(image, labels, 8, objects=[77])


def test_labels_of_another_field_are_refused(field):
    image, labels = field
    with pytest.raises(DataError, match=r"differ in \(y, x\)"):
        cut_crops(image[:, 1:], labels, 8)


def test_pixels_that_are_no_numbers_are_refused(field):
    image, labels = field
    image[1, 20, 24] = np.nan
    with pytest.raises(DataError, match=r"around y=20, x=24 are not finite.*illumination"):
        cut_crops(image, labels, 8)


def wells_of_cells(counts):
    """Objects (n, 4) with ``counts[(row, column)]`` cells a well, half of them on each of two sites."""
    return np.array(
        [(*well, 1 + number % 2, number + 1) for well, n in counts.items() for number in range(n)], np.int32
    )


def test_all_cells_are_kept_in_the_order_of_the_plate():
    objects = wells_of_cells({(1, 2): 4, (0, 0): 3})
    kept = select_objects(objects[::-1], "all", 1, seed=0, plate="P1")
    assert kept[:, [0, 1, 3]].tolist() == [[0, 0, 1], [0, 0, 3], [0, 0, 2], [1, 2, 1], [1, 2, 3], [1, 2, 2], [1, 2, 4]]


def test_a_sample_holds_so_many_cells_of_each_well_and_all_of_a_small_one():
    objects = wells_of_cells({(0, 0): 40, (0, 1): 5, (3, 7): 11})
    kept = select_objects(objects, "sample", 10, seed=1, plate="P1")
    wells, counts = np.unique(kept[:, :2], axis=0, return_counts=True)
    assert wells.tolist() == [[0, 0], [0, 1], [3, 7]]
    assert counts.tolist() == [10, 5, 10]
    assert len(np.unique(kept, axis=0)) == 25
    everything = {tuple(row) for row in objects.tolist()}
    assert {tuple(row) for row in kept.tolist()} <= everything


def test_the_sample_of_a_well_depends_neither_on_the_block_nor_on_the_order():
    objects = wells_of_cells({(0, 0): 40, (0, 1): 30})
    together = select_objects(np.random.default_rng(0).permutation(objects), "sample", 10, seed=1, plate="P1")
    apart = [select_objects(objects[objects[:, 1] == column], "sample", 10, seed=1, plate="P1") for column in (0, 1)]
    assert np.array_equal(together, np.concatenate(apart))


def test_the_sample_changes_with_seed_plate_and_well():
    objects = wells_of_cells({(0, 0): 200, (0, 1): 200})

    def numbers(seed, plate, column):
        kept = select_objects(objects, "sample", 20, seed, plate)
        return kept[kept[:, 1] == column, 3].tolist()

    samples = [numbers(1, "P1", 0), numbers(2, "P1", 0), numbers(1, "P2", 0), numbers(1, "P1", 1)]
    assert len({tuple(sample) for sample in samples}) == 4


def test_every_cell_is_equally_likely_to_be_sampled():
    objects = wells_of_cells({(0, 0): 20})
    drawn = np.zeros(21)
    for seed in range(400):
        drawn[select_objects(objects, "sample", 5, seed, "P1")[:, 3]] += 1
    # Binomial(400, 1/4): mean 100, deviation 8.7; 40 is 4.6 deviations.
    assert np.abs(drawn[1:] - 100).max() < 40


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


def test_statistics_leave_out_what_lies_outside_the_image():
    crops = np.zeros((3, 2, 4, 4), np.uint16)
    crops[0, 0, 1:] = [[1, 3, 1, 3]]
    crops[0, 1, 1] = 6  # 0 in the rows below, which are inside: channel 0 is not 0 there
    crops[1] = 500
    statistics = crop_statistics(crops)
    assert statistics[0].tolist() == [[2, 2], [1, pytest.approx(8**0.5)]]
    assert statistics[1:].tolist() == [[[500, 500], [0, 0]], [[0, 0], [0, 0]]]


def test_wells_of_objects():
    assert object_wells(np.array([[0, 0, 1, 5], [7, 11, 2, 1], [26, 0, 1, 1]])).tolist() == ["A01", "H12", "AA01"]


def test_config_defaults_and_odd_sizes():
    config = CropsConfig()
    assert (config.size, config.keep, config.keep_border, config.mask) == (96, "sample", False, "none")
    with pytest.raises(ValueError, match=r"crop size 95 is odd.*such as 96"):
        CropsConfig(size=95)
