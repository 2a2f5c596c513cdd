"""Training and embedding over files."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from platewise.config.embedding import EmbeddingConfig, FileEmbedding, RandomEmbedding, SelfEmbedding, WeakEmbedding
from platewise.crops.store import read_crops, write_crops
from platewise.embedding.description import crop_facts
from platewise.embedding.embed_task import embed_block, embedding_table
from platewise.embedding.model import embed_crops, load_model
from platewise.embedding.preprocess import compress, shrink_crops, standardise
from platewise.embedding.reference import reference_of_stores, reference_plate
from platewise.embedding.train_task import split_plates, train_embedding
from platewise.errors import ConfigError, DataError, DeviceError
from platewise.tables import read_provenance, read_table

SMALL = {"width": 8, "features": 16, "downscale": 2, "normalise": "crop"}
WEAK = WeakEmbedding(
    **SMALL, epochs=2, steps_per_epoch=2, train_batch=8, validation_plates=("P3",), augment={"shift": 1}
)


def embed_store(path, model_dir, out, plate, **how):
    store = read_crops(path)
    embed_block(store.labelled_pieces(10), store.channels, model_dir, out, plate, **how)


@pytest.fixture(scope="module")
def model(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "deep"
    train_embedding(toy.stores, toy.wells, WEAK, folder, seed=1, device="cpu")
    return folder


def test_a_training_writes_weights_curves_and_a_description(model):
    assert sorted(path.name for path in model.parent.rglob("*")) == [
        "curves.parquet",
        "deep",
        "model.json",
        "weights.safetensors",
    ]
    facts = json.loads((model / "model.json").read_text())
    assert facts["kind"] == "weak"
    assert facts["classes"] == ["DMSO", "speckles", "stripes"]
    assert facts["train_plates"] == ["P1", "P2"]
    assert facts["validation_plates"] == ["P3"]
    assert facts["architecture"]["channels"] == ["DNA", "ER"]
    assert facts["architecture"]["size"] == 32
    assert facts["config"]["epochs"] == 2
    assert facts["figures"]["train_cells"] == 96
    assert facts["figures"]["validation_cells"] == 48
    assert facts["figures"]["chance_accuracy"] == pytest.approx(1 / 3)
    # Every perturbation is in both batches.
    assert facts["figures"]["probe_batch_chance"] == 0.5
    assert (facts["figures"]["held_out_wells"], facts["figures"]["held_out_cells"]) == (0, 0)
    assert facts["crops"] == {"mask": "none"}
    curves = read_table(model / "curves.parquet")
    assert curves["epoch"].tolist() == [0, 1]
    assert curves["validation_accuracy"].iloc[-1] == facts["figures"]["validation_accuracy"]


def test_wells_that_were_held_out_are_counted(toy, tmp_path):
    config = WEAK.model_copy(update={"validation_plates": (), "validation_wells": 0.5, "train_plates": ("P1", "P3")})
    train_embedding(toy.stores, toy.wells, config, tmp_path / "deep", seed=1, device="cpu")
    figures = json.loads((tmp_path / "deep" / "model.json").read_text())["figures"]
    # Two of the four wells of DMSO and one of the two of each other; both plates are of one batch.
    assert (figures["held_out_wells"], figures["held_out_cells"], figures["train_cells"]) == (4, 48, 48)
    assert figures["probe_batch_chance"] is None
    curves = read_table(tmp_path / "deep" / "curves.parquet")
    assert curves["held_out_wells_accuracy"].iloc[-1] == figures["held_out_wells_accuracy"]


def test_what_a_crop_shows_around_its_cell_is_written_down(tmp_path):
    for mask in ("cell", "none"):
        facts = {"parameters": {"size": 32, "keep_border": True, "mask": mask}}
        path = tmp_path / f"{mask}.zarr"
        write_crops(path, np.empty((0, 2, 32, 32), np.uint16), np.empty((0, 4)), ("DNA", "ER"), facts)
        assert crop_facts({"P1": [path]}, ["P1"]) == {"mask": mask}


def test_the_same_training_writes_the_same_bytes(model, toy, tmp_path):
    train_embedding(toy.stores, toy.wells, WEAK, tmp_path / "deep", seed=1, device="cpu")
    for name in ("weights.safetensors", "model.json", "curves.parquet"):
        assert (tmp_path / "deep" / name).read_bytes() == (model / name).read_bytes()


def test_the_head_is_thrown_away(model):
    loaded = load_model(model)
    assert loaded.network.head is None
    assert loaded.facts["parameters"] == sum(value.numel() for value in loaded.network.parameters())


def test_a_block_is_embedded_cell_by_cell(model, toy, tmp_path):
    out = tmp_path / "embeddings" / "B01-B02.parquet"
    embed_store(toy.stores["P3"][1], model, out, "P3", device="cpu", batch=10)
    table = read_table(out)
    assert table.columns.tolist() == [
        "Metadata_Plate",
        "Metadata_Well",
        "Metadata_Site",
        "Metadata_ObjectNumber",
        *(f"Deep_{number:03d}" for number in range(16)),
    ]
    assert table["Metadata_Plate"].unique().tolist() == ["P3"]
    assert table["Metadata_Well"].tolist() == ["B01"] * 12 + ["B02"] * 12
    assert table["Metadata_ObjectNumber"].tolist() == [*range(1, 13)] * 2
    assert table["Metadata_Site"].tolist() == [1] * 24
    loaded, store = load_model(model), read_crops(toy.stores["P3"][1])
    crops = torch.from_numpy(shrink_crops(store.load(), 2)).float()
    with torch.no_grad():
        expected = loaded.network.features(compress(standardise(crops))).numpy()
    features = table.filter(like="Deep_").to_numpy()
    assert features.dtype == np.float32
    assert np.allclose(features, expected, atol=1e-5)
    assert features.std(axis=0).max() > 0
    facts = read_provenance(out)
    assert facts["model"] == loaded.digest
    assert facts["batch_halvings"] == 0


def test_the_batch_does_not_change_the_features(model, toy):
    loaded, crops = load_model(model), read_crops(toy.stores["P1"][0]).load()
    assert np.allclose(embed_crops(loaded, crops, 1).result, embed_crops(loaded, crops, 256).result, atol=1e-5)


def test_halvings_of_the_batch_are_written_down(model, toy, tmp_path, monkeypatch):
    import platewise.embedding.model as module

    real = module.standardise

    def small_device(crops, reference=None):
        if len(crops) > 7:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return real(crops, reference)

    expected = embed_crops(load_model(model), read_crops(toy.stores["P1"][0]).load()).result
    monkeypatch.setattr(module, "standardise", small_device)
    embed_store(toy.stores["P1"][0], model, tmp_path / "e.parquet", "P1", device="cpu", batch=24)
    # Pieces of 10 cells: 24, then 12 and 6 for the first piece; 6 for those that follow.
    assert read_provenance(tmp_path / "e.parquet")["batch_halvings"] == 2
    assert np.allclose(read_table(tmp_path / "e.parquet").filter(like="Deep_"), expected, atol=1e-5)


def test_a_block_without_cells_gives_an_empty_table_with_all_columns(model, tmp_path):
    write_crops(tmp_path / "c.zarr", np.empty((0, 2, 32, 32), np.uint16), np.empty((0, 4)), ("DNA", "ER"))
    embed_store(tmp_path / "c.zarr", model, tmp_path / "e.parquet", "P1", device="cpu")
    table = read_table(tmp_path / "e.parquet")
    assert table.shape == (0, 20)
    assert table["Deep_015"].dtype == np.float32


def test_crops_with_other_channels_or_sizes_are_refused(model, tmp_path):
    one = np.array([[0, 0, 1, 1]])
    write_crops(tmp_path / "c.zarr", np.ones((1, 2, 32, 32), np.uint16), one, ("ER", "DNA"))
    with pytest.raises(DataError, match=r"channels are ER, DNA; model .* was trained on DNA, ER"):
        embed_store(tmp_path / "c.zarr", model, tmp_path / "e.parquet", "P1", device="cpu")
    with pytest.raises(DataError, match=r"crops are \(1, 2, 64, 64\) uint16; model .* takes \(n, \*\(2, 32, 32\)\)"):
        embed_crops(load_model(model), np.ones((1, 2, 64, 64), np.uint16))
    with pytest.raises(DataError, match="float32"):
        embed_crops(load_model(model), np.ones((1, 2, 32, 32), np.float32))


def test_weights_that_are_not_the_described_ones_are_refused(model, tmp_path):
    for name in ("weights.safetensors", "model.json"):
        (tmp_path / name).write_bytes((model / name).read_bytes())
    content = bytearray((tmp_path / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"weights\.safetensors: the model cannot be loaded \(its SHA-256 is not"):
        load_model(tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    with pytest.raises(DataError, match=r"weights\.safetensors: the model cannot be loaded.*trained anew"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(DataError, match=r"model\.json: the model cannot be loaded \(KeyError"):
        load_model(tmp_path)


def test_plate_normalisation_needs_the_reference_of_the_plate(toy, tmp_path):
    config = RandomEmbedding(kind="random", **SMALL | {"normalise": "plate"})
    train_embedding(toy.stores, toy.wells, config, tmp_path / "m", seed=0, device="cpu")
    block = toy.stores["P2"][1]
    with pytest.raises(DataError, match="needs the reference of the plate"):
        embed_store(block, tmp_path / "m", tmp_path / "e.parquet", "P2", device="cpu")
    reference_plate(toy.stores["P2"], tmp_path / "r.parquet")
    embed_store(block, tmp_path / "m", tmp_path / "e.parquet", "P2", device="cpu", reference=tmp_path / "r.parquet")
    model, crops = load_model(tmp_path / "m"), read_crops(block).load()
    reference = reference_of_stores([read_crops(path) for path in toy.stores["P2"]])
    expected = embed_crops(model, crops, reference=reference).result
    assert np.allclose(read_table(tmp_path / "e.parquet").filter(like="Deep_").to_numpy(), expected, atol=1e-5)
    other = embed_crops(model, crops, reference=reference * 1.2).result
    assert not np.allclose(other, expected, atol=1e-2)
    with pytest.raises(DataError, match="needs the reference of the plate"):
        embed_crops(model, crops)


def test_a_reference_is_refused_by_models_that_do_not_use_it(model, toy):
    with pytest.raises(DataError, match="takes no reference"):
        embed_crops(load_model(model), read_crops(toy.stores["P1"][0]).load(), reference=np.ones((2, 2)))


def test_a_random_model_is_not_trained_and_depends_on_the_seed(toy, tmp_path):
    config = RandomEmbedding(kind="random", **SMALL)
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        train_embedding(toy.stores, toy.wells, config, tmp_path / name, seed=seed, device="cpu")
    one, same, other = (load_model(tmp_path / name) for name in ("one", "same", "other"))
    assert one.digest == same.digest != other.digest
    assert len(read_table(tmp_path / "one" / "curves.parquet")) == 0
    assert one.facts["kind"] == "random"


def test_a_gpu_that_was_asked_for_is_not_replaced_by_the_cpu(model, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError):
        embed_store(toy.stores["P1"][0], model, tmp_path / "e.parquet", "P1", device="cuda")
    with pytest.raises(DeviceError):
        embed_store(toy.stores["P1"][0], model, tmp_path / "e.parquet", "P1", device="auto", allotted=True)
    with pytest.raises(DeviceError):
        train_embedding(toy.stores, toy.wells, WEAK, tmp_path / "m", seed=0, device="auto", allotted=True)
    assert not (tmp_path / "e.parquet").exists()


@pytest.mark.parametrize("normalise", ["crop", "plate"])
def test_a_plate_without_any_cell_gives_empty_tables(toy, tmp_path, normalise):
    config = RandomEmbedding(kind="random", **SMALL | {"normalise": normalise})
    train_embedding(toy.stores, toy.wells, config, tmp_path / "m", seed=0, device="cpu")
    write_crops(tmp_path / "c.zarr", np.empty((0, 2, 32, 32), np.uint16), np.empty((0, 4)), ("DNA", "ER"))
    reference = None
    if normalise == "plate":
        reference = tmp_path / "r.parquet"
        reference_plate([tmp_path / "c.zarr"], reference)
        assert read_table(reference)["Centre"].isna().all()
    embed_store(tmp_path / "c.zarr", tmp_path / "m", tmp_path / "e.parquet", "P1", device="cpu", reference=reference)
    assert read_table(tmp_path / "e.parquet").shape == (0, 20)


def test_plates_are_split_as_the_config_says():
    plates = ["P1", "P2", "P3", "P4"]
    assert split_plates(plates, WEAK) == (("P1", "P2", "P4"), ("P3",))
    assert split_plates(plates, WeakEmbedding(train_plates=["P4", "P1"])) == (("P4", "P1"), ())
    with pytest.raises(ConfigError, match=r"validation_plates: found P9; expected plates with images: P1, P2"):
        split_plates(plates, WeakEmbedding(validation_plates=["P9"]))
    with pytest.raises(ConfigError, match="no plate to train on"):
        split_plates(["P3"], WEAK)


def test_config_is_told_apart_by_its_kind():
    adapter = TypeAdapter(EmbeddingConfig)
    assert isinstance(adapter.validate_python({"kind": "weak"}), WeakEmbedding)
    assert isinstance(adapter.validate_python({"kind": "self"}), SelfEmbedding)
    assert isinstance(adapter.validate_python({"kind": "random"}), RandomEmbedding)
    with pytest.raises(ValidationError, match="'weak', 'self', 'random', 'file'"):
        adapter.validate_python({"kind": "magic"})
    with pytest.raises(ValidationError, match=r"plate\(s\) P1 are in train_plates and in validation_plates"):
        adapter.validate_python({"kind": "weak", "train_plates": ["P1", "P2"], "validation_plates": ["P1"]})
    with pytest.raises(ValidationError, match="train_plates is empty"):
        adapter.validate_python({"kind": "weak", "train_plates": []})
    with pytest.raises(ValidationError, match="epochs"):
        adapter.validate_python({"kind": "random", "epochs": 3})


def test_embedding_table_of_given_features():
    table = embedding_table("P1", np.array([[7, 11, 2, 40]]), np.array([[0.5, 1.5]], np.float32))
    expected = pd.DataFrame(
        {
            "Metadata_Plate": ["P1"],
            "Metadata_Well": ["H12"],
            "Metadata_Site": [2],
            "Metadata_ObjectNumber": [40],
            "Deep_000": np.array([0.5], np.float32),
            "Deep_001": np.array([1.5], np.float32),
        }
    )
    pd.testing.assert_frame_equal(table, expected)


def test_a_network_trained_elsewhere_is_taken_as_it_is(model, toy, tmp_path):
    config = FileEmbedding(kind="file", path=str(model))
    train_embedding(toy.stores, toy.wells, config, tmp_path / "taken", seed=5, device="cpu")
    taken, original = load_model(tmp_path / "taken"), load_model(model)
    assert taken.digest == original.digest
    assert taken.architecture == original.architecture
    assert taken.facts["kind"] == "file"
    # So that the taken one can be taken again.
    assert taken.facts["crops"] == {"mask": "none"}
    assert taken.facts["taken_from"]["classes"] == original.facts["classes"]
    assert len(read_table(tmp_path / "taken" / "curves.parquet")) == 0


def test_a_network_for_other_crops_is_refused(model, toy, tmp_path):
    facts = json.loads((model / "model.json").read_text())
    facts["architecture"]["channels"] = ["DNA", "Mito"]
    other = tmp_path / "other"
    shutil.copytree(model, other)
    (other / "model.json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match=r"with channels DNA, Mito; .* holds 32 pixels and DNA, ER.*Hint"):
        train_embedding(toy.stores, toy.wells, FileEmbedding(kind="file", path=str(other)), tmp_path / "x", seed=0)


def test_a_network_that_is_not_whole_is_refused(model, toy, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(model, other)
    (other / "weights.safetensors").write_bytes((model / "weights.safetensors").read_bytes()[:-10])
    with pytest.raises(DataError, match="cannot be loaded"):
        train_embedding(toy.stores, toy.wells, FileEmbedding(kind="file", path=str(other)), tmp_path / "x", seed=0)
