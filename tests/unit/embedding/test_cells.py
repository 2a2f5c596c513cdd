"""Loading the cells of the toy plates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from platewise.config.embedding import WeakEmbedding
from platewise.crops.store import read_crops, write_crops
from platewise.embedding.cells import hold_out_wells, name_wells
from platewise.embedding.preprocess import shrink_crops
from platewise.errors import DataError

CONFIG = WeakEmbedding(downscale=2)


def test_wells_are_named_for_perturbation_or_treatment():
    wells = pd.DataFrame({"Metadata_Perturbation": ["DMSO", "taxol", "taxol"], "Metadata_Dose": [np.nan, 0.3, 10.0]})
    assert name_wells(wells, "perturbation").tolist() == ["DMSO", "taxol", "taxol"]
    assert name_wells(wells, "treatment").tolist() == ["DMSO", "taxol@0.3", "taxol@10"]


def test_cells_come_with_their_labels_in_the_order_of_the_plates(toy):
    cells = toy.load(("P3", "P1"), CONFIG)
    assert cells.plate_names == ("P3", "P1")
    assert cells.names.tolist() == (["DMSO"] * 24 + ["speckles"] * 12 + ["stripes"] * 12) * 2
    assert cells.plates.tolist() == [0] * 48 + [1] * 48
    assert np.unique(cells.wells, return_counts=True)[1].tolist() == [12] * 8
    stored = np.concatenate([read_crops(path).load() for plate in ("P3", "P1") for path in toy.stores[plate]])
    assert np.array_equal(cells.crops, shrink_crops(stored, 2))
    # Gains 0.6 and 1.0 of the toy's plates, channel by channel.
    assert (cells.references[0, 1] / cells.references[1, 1]).tolist() == pytest.approx([0.6, 0.6], rel=0.05)


def test_cells_of_wells_without_perturbation_are_left_out(toy):
    some = toy.wells[toy.wells["Metadata_Well"].isin(["A02", "B01"])]
    cells = toy.load(("P1",), CONFIG, wells=some)
    assert cells.names.tolist() == ["DMSO"] * 12 + ["speckles"] * 12
    first, second = (read_crops(path).load() for path in toy.stores["P1"])
    assert np.array_equal(cells.crops, shrink_crops(np.concatenate([first[12:], second[:12]]), 2))


def test_wells_are_sampled_whatever_the_blocks(toy, tmp_path):
    config = CONFIG.model_copy(update={"cells_per_well": 5})
    cells = toy.load(("P1",), config)
    assert np.unique(cells.wells, return_counts=True)[1].tolist() == [5] * 4
    stores = [read_crops(path) for path in toy.stores["P1"]]
    crops, objects = (np.concatenate(parts) for parts in zip(*((s.load(), s.objects) for s in stores), strict=True))
    order = np.random.default_rng(0).permutation(len(objects))
    pieces = np.array_split(order, 3)
    paths = [tmp_path / f"{number}.zarr" for number in range(3)]
    for path, rows in zip(paths, pieces, strict=True):
        write_crops(path, crops[rows], objects[rows], stores[0].channels)
    again = toy.load(("P1",), config, stores={"P1": paths})
    assert np.array_equal(again.crops, cells.crops)
    assert again.digest == cells.digest
    assert toy.load(("P1",), config, seed=1).digest != cells.digest


def test_an_empty_block_is_no_obstacle(toy, tmp_path):
    write_crops(tmp_path / "empty.zarr", np.empty((0, 2, 32, 32), np.uint16), np.empty((0, 4)), ("DNA", "ER"))
    stores = {"P1": [tmp_path / "empty.zarr", *toy.stores["P1"]]}
    assert len(toy.load(("P1",), CONFIG, stores=stores)) == 48
    with pytest.raises(DataError, match=r"plate P1: 1 crop store\(s\) with 0 cell\(s\).*QC page"):
        toy.load(("P1",), CONFIG, stores={"P1": [tmp_path / "empty.zarr"]})


def test_a_plate_without_labelled_cells_is_named(toy):
    with pytest.raises(DataError, match=r"plate P2: 2 crop store\(s\) with 48 cell\(s\), none in a well with a"):
        toy.load(("P2",), CONFIG, wells=toy.wells[toy.wells["Metadata_Plate"] != "P2"])


def test_stores_with_other_channels_are_named(toy, tmp_path):
    write_crops(tmp_path / "x.zarr", np.ones((1, 2, 32, 32), np.uint16), np.array([[0, 0, 1, 1]]), ("DNA", "Mito"))
    stores = {"P1": toy.stores["P1"], "P2": [tmp_path / "x.zarr"]}
    with pytest.raises(DataError, match=r"differ in channels or size.*DNA, ER at 32.*DNA, Mito at 32"):
        toy.load(("P1", "P2"), CONFIG, stores=stores)


def test_positions_are_the_same_on_every_plate_and_batches_those_of_the_sheet(toy):
    cells = toy.load(("P1", "P2", "P3"), CONFIG)
    assert cells.positions.reshape(3, 4, 12)[:, :, 0].tolist() == [[0, 1, 2, 3]] * 3
    assert cells.batches.reshape(3, 48)[:, 0].tolist() == [0, 1, 0]


def test_wells_are_held_out_by_name_and_never_all_of_them(toy):
    cells = toy.load(("P1", "P2"), CONFIG)
    trained, held_out = hold_out_wells(cells, 0.25, seed=0)
    # Of four wells of DMSO one, of two of each other perturbation one.
    counts = {name: len(np.unique(held_out.wells[held_out.names == name])) for name in np.unique(cells.names)}
    assert counts == {"DMSO": 1, "speckles": 1, "stripes": 1}
    assert set(trained.wells) | set(held_out.wells) == set(cells.wells)
    assert not set(trained.wells) & set(held_out.wells)
    assert len(trained) + len(held_out) == len(cells)
    assert hold_out_wells(cells, 0, seed=0) == (cells, None)
    alone = cells.part(np.flatnonzero((cells.plates == 0) & (cells.names != "DMSO")))
    same, nothing = hold_out_wells(alone, 0.5, seed=0)
    assert len(same) == len(alone)
    assert nothing is None
