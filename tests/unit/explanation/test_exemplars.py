"""Exemplars are the cells in the middle of a treatment's, whoever they are, and say what the network saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from platewise.crops.choose import object_wells
from platewise.crops.store import write_crops
from platewise.device import torch_threads
from platewise.embedding.embed_task import embedding_table
from platewise.embedding.model import Architecture, load_model, save_model
from platewise.explanation.exemplars import (
    CELLS,
    EXEMPLAR_COLUMNS,
    _evenly,
    explain_cell,
    nearest_to_medoid,
    read_cells,
    run_show_exemplars,
)
from platewise.tables import read_table, write_table
from platewise.weights import load_tensors

CHANNELS = ("DNA", "ER")
SIDE = 24
GIVEN = {"A01": "DMSO", "A02": "drug", "A03": "weak", "A04": "few"}
COUNTS = {"A01": 20, "A02": 20, "A03": 20, "A04": 2}


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


def test_the_medoid_and_its_nearest_by_hand():
    features = np.array([[0.0], [10.0], [4.0], [5.0], [6.5]])
    # Sums of distances: 25.5, 24.5, 13.5, 12.5, 14.
    chosen, distances = nearest_to_medoid(features, 3)
    assert chosen.tolist() == [3, 2, 4]
    assert distances.tolist() == [0, 1, 1.5]


def test_the_medoid_comes_first_among_equals_and_one_cell_is_enough():
    assert nearest_to_medoid(np.zeros((4, 2)), 3)[0].tolist() == [0, 1, 2]
    assert nearest_to_medoid(np.ones((1, 2)), 6)[0].tolist() == [0]


def test_of_very_many_cells_the_middle_one_is_still_found():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(5000, 3))
    chosen, distances = nearest_to_medoid(features, 4)
    assert np.linalg.norm(features[chosen[0]]) < 0.4
    assert (np.diff(distances) >= 0).all()


def make_model(folder: Path, normalise: str = "crop") -> None:
    architecture = Architecture(CHANNELS, SIDE, 2, normalise, "small", 8, 8)
    save_model(folder, architecture, architecture.build(seed=0), {"kind": "random", "config": {}})


def make_campaign(folder: Path, controls: bool = True) -> dict:
    """One plate; the first feature of the drug's cells lies at 5, and one of its cells is an outlier."""
    rng = np.random.default_rng(0)
    rows = [(0, int(well[1:]) - 1, 1, number + 1) for well, count in COUNTS.items() for number in range(count)]
    objects = np.array(rows, dtype=np.int32)
    wells = object_wells(objects)
    features = rng.normal(0, 0.1, (len(rows), 8))
    features[wells == "A02", 0] += 5
    features[np.flatnonzero(wells == "A02")[7]] = 50
    crops = rng.integers(100, 1000, (len(rows), 2, SIDE, SIDE)).astype(np.uint16)
    # The first pixel tells the cell.
    crops[:, 0, 0, 0] = np.arange(len(rows)) + 1
    store = folder / "plates/P1/crops/A01-A04.zarr"
    write_crops(store, crops, objects, CHANNELS, {})
    embeddings, given, treatments = (folder / f"{name}.parquet" for name in ("embeddings", "wells", "treatments"))
    write_table(embedding_table("P1", objects, features), embeddings)
    table = pd.DataFrame(
        {
            "Metadata_Plate": "P1",
            "Metadata_Well": list(GIVEN),
            "Metadata_Perturbation": list(GIVEN.values()),
            "Metadata_Dose": [np.nan, 1.0, 1.0, np.nan],
            "Metadata_ControlType": ["negcon" if controls else "", "", "", ""],
        }
    )
    write_table(table, given)
    moved = table[["Metadata_Perturbation", "Metadata_Dose"]].assign(Moved=[0, 9, 1, 4])
    write_table(moved[moved["Metadata_Perturbation"] != "DMSO"], treatments)
    make_model(folder / "model")
    return {
        "crops": [store],
        "embeddings": [str(embeddings)],
        "wells": [str(given)],
        "treatments": str(treatments),
        "model_dir": folder / "model",
        "table_out": folder / "exemplars.parquet",
        "pictures_out": folder / "exemplars.safetensors",
    }


def test_controls_come_first_and_then_treatments_by_what_moved(tmp_path):
    files = make_campaign(tmp_path)
    run_show_exemplars(**files)
    table = read_table(files["table_out"])
    assert list(table) == EXEMPLAR_COLUMNS
    names = table["Metadata_Perturbation"].tolist()
    assert names == ["DMSO"] * CELLS + ["drug"] * CELLS + ["few"] * 2 + ["weak"] * CELLS
    assert table["Control"].tolist() == [True] * CELLS + [False] * (2 * CELLS + 2)
    drug = table[table["Metadata_Perturbation"] == "drug"]
    assert drug["Rank"].tolist() == list(range(CELLS))
    assert drug["Distance"].is_monotonic_increasing
    assert (drug["Cells"] == 20).all()
    # The outlier is nobody's exemplar.
    assert 8 not in drug["Metadata_ObjectNumber"].tolist()


def test_pictures_are_of_the_cells_that_the_table_names(tmp_path):
    files = make_campaign(tmp_path)
    run_show_exemplars(**files)
    table = read_table(files["table_out"])
    tensors, facts = load_tensors(files["pictures_out"])
    assert facts["channels"] == list(CHANNELS)
    assert tensors["crops"].shape == (4, CELLS, 2, SIDE, SIDE)
    assert tensors["saliency"].shape == (4, 2, SIDE // 2, SIDE // 2)
    assert tensors["shares"].sum(dim=1).tolist() == pytest.approx([1] * 4)
    offsets = dict(zip(COUNTS, np.cumsum([0, *list(COUNTS.values())[:-1]]), strict=True))
    order = {"DMSO": 0, "drug": 1, "few": 2, "weak": 3}
    for row in table.to_dict("records"):
        picture = tensors["crops"][order[row["Metadata_Perturbation"]], row["Rank"]]
        assert int(picture[0, 0, 0]) == offsets[row["Metadata_Well"]] + row["Metadata_ObjectNumber"]
    # A treatment with two cells has four empty places.
    assert tensors["crops"][2, 2:].to(torch.int32).sum() == 0


def test_the_same_input_gives_the_same_bytes(tmp_path):
    files = make_campaign(tmp_path)
    run_show_exemplars(**files)
    first = [files[name].read_bytes() for name in ("table_out", "pictures_out")]
    run_show_exemplars(**files)
    assert [files[name].read_bytes() for name in ("table_out", "pictures_out")] == first


def test_without_controls_treatments_are_held_against_all_cells(tmp_path):
    files = make_campaign(tmp_path, controls=False)
    run_show_exemplars(**files)
    assert not read_table(files["table_out"])["Control"].any()


def test_no_cell_at_all_gives_an_empty_table(tmp_path):
    files = make_campaign(tmp_path)
    table = read_table(files["embeddings"][0])
    write_table(table.head(0), files["embeddings"][0])
    run_show_exemplars(**files)
    assert list(read_table(files["table_out"])) == EXEMPLAR_COLUMNS
    assert read_table(files["table_out"]).empty
    assert load_tensors(files["pictures_out"])[0] == {}


def test_no_plate_left_that_the_network_was_trained_on_gives_an_empty_table(tmp_path):
    files = make_campaign(tmp_path)
    run_show_exemplars(**files | {"crops": [], "embeddings": [], "wells": []})
    assert list(read_table(files["table_out"])) == EXEMPLAR_COLUMNS


def test_cells_are_joined_by_their_keys_in_whatever_order(tmp_path):
    files = make_campaign(tmp_path)
    table = read_table(files["embeddings"][0]).sample(frac=1, random_state=0)
    write_table(table, files["embeddings"][0])
    cells = read_cells(files["crops"], files["embeddings"], files["wells"])
    row = int(np.flatnonzero(cells.features[:, 0] > 40)[0])
    assert cells.keys.loc[row, ["Metadata_Well", "Metadata_ObjectNumber"]].tolist() == ["A02", 8]
    assert cells.crops(row)[0, 0, 0] == 20 + 8


def test_a_cell_is_explained_at_the_scale_of_its_plate(tmp_path):
    make_model(tmp_path / "plate", "plate")
    model = load_model(tmp_path / "plate")
    crop = np.random.default_rng(0).integers(100, 1000, (2, SIDE, SIDE)).astype(np.uint16)
    reference = np.array([[500.0, 500.0], [200.0, 200.0]], np.float32)
    one = explain_cell(model, crop, np.ones(8), reference)
    # Twice as bright on a plate that is twice as bright: the same, but for rounding when the crop is shrunk.
    two = explain_cell(model, 2 * crop, np.ones(8), 2 * reference)
    assert one.shape == (1, 2, SIDE // 2, SIDE // 2)
    torch.testing.assert_close(one, two, rtol=0.05, atol=5e-3)


def test_of_many_cells_of_a_well_some_are_taken_evenly():
    wells = pd.Series(["A01"] * 3 + ["A02"] * 120)
    taken = _evenly(wells)
    assert taken[:3].all()
    places = np.flatnonzero(taken[3:])
    assert len(places) == 50
    assert set(np.diff(places)) <= {2, 3}


def test_a_plate_without_cells_is_left_out(tmp_path):
    files = make_campaign(tmp_path)
    empty = tmp_path / "plates/P2/crops/A01-A04.zarr"
    write_crops(empty, np.empty((0, 2, SIDE, SIDE), np.uint16), np.empty((0, 4), np.int32), CHANNELS, {})
    write_table(read_table(files["embeddings"][0]).head(0), tmp_path / "none.parquet")
    make_model(tmp_path / "model", "plate")
    more = {"crops": [*files["crops"], empty], "embeddings": [*files["embeddings"], str(tmp_path / "none.parquet")]}
    run_show_exemplars(**files | more)
    assert set(read_table(files["table_out"])["Metadata_Plate"]) == {"P1"}
