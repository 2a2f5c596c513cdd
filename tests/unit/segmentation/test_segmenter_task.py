"""The card of trained weights, weights to go on from, and contenders that know the class of an image."""

import json

import numpy as np
import pandas as pd
import pytest
from annotated_images import write_annotated

from platewise.config.annotations import AnnotationColumns
from platewise.config.base import parse_section
from platewise.config.segmentation import NucleiConfig
from platewise.config.segmenters import SegmenterConfig
from platewise.errors import DataError
from platewise.segmentation.annotated import inventory_annotations
from platewise.segmentation.card import training_card
from platewise.segmentation.evaluation import Annotated
from platewise.segmentation.evaluation_task import predict_by_class, predict_held_out
from platewise.segmentation.models import ModelInfo, save_model
from platewise.segmentation.networks.dense import DenseNetwork
from platewise.segmentation.segmenter_task import train, tune_classical
from platewise.tables import read_provenance, read_table, write_table


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """Twelve images: eight of cells, four of tissue, in two folds."""
    folder = tmp_path_factory.mktemp("annotated")
    inventory_annotations(
        write_annotated(folder / "images", side=64), folder / "folds.parquet", AnnotationColumns(), 2, seed=0
    )
    return folder / "folds.parquet"


def segmenter(**keys):
    return parse_section(SegmenterConfig, {"engine": "flow", "annotations": "mine", "width": 4} | keys)


def test_a_card_tells_data_split_and_the_step_that_was_kept():
    table = pd.DataFrame({"Class": ["a", "a", "b"], "Group": ["g1", "g2", "g3"], "Objects": [10, 20, 1000]})
    held = np.array([False, True, False])
    curves = [{"step": step, "validation_loss": loss} for step, loss in ((10, 2.0), (20, 1.5), (30, 1.75))]
    card = training_card("net", "2", segmenter(steps=50), 7, "DSB, CC0", table, held, curves, {"device": "cpu"})
    lines = card.splitlines()
    assert lines[0] == "# net"
    assert "| source of the images | DSB, CC0 |" in lines
    assert (
        "| split | all folds but fold 2, none of whose groups was seen; 1 images of 1 groups only looked at |" in lines
    )
    assert "| steps | 30 of 50; the weights of step 20 are kept |" in lines
    assert "| validation loss | 1.5000 |" in lines
    assert "| made by | rule `train_segmenter`, segmenter `net`, fold `2`, seed 7 |" in lines
    assert "| a | 2 | 2 | 30 | 1 |" in lines
    assert "| b | 1 | 1 | 1,000 | 0 |" in lines
    assert "| device | cpu |" in lines


def test_without_images_to_look_at_the_last_weights_are_kept():
    table = pd.DataFrame({"Class": ["a"], "Group": ["g1"], "Objects": [10]})
    curves = [{"step": step, "validation_loss": float("nan")} for step in (10, 20)]
    card = training_card("net", "all", segmenter(steps=20), 0, "", table, np.array([False]), curves, {})
    assert "| steps | 20 of 20; the weights of step 20 are kept |" in card
    assert "| validation loss | not looked at |" in card
    assert "| split | all folds; 0 images of 0 groups only looked at |" in card


def test_curves_tell_which_images_were_learned_from(folds, tmp_path):
    train("net", folds, "0", segmenter(steps=1, batch=1, crop=32), tmp_path / "net/0", seed=0, device="cpu")
    facts = read_provenance(tmp_path / "net/0/curves.parquet")
    assert (facts["annotations"], facts["fold"], facts["images"]) == ("folds", "0", 6)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"target": "cells"}, r"holds 1 channel\(s\), one of \d+ such.*for cells learns from images with 2 channels"),
        ({}, r"holds 2 channel\(s\), one of 1 such images; a network for nuclei .* 1 channel \(grey\) or 3"),
    ],
)
def test_images_with_other_channels_than_the_network_are_refused(folds, tmp_path, keys, words):
    table = read_table(folds)
    if not keys:
        table.loc[table.index[table["Fold"] == 1][0], "Channels"] = 2
    write_table(table, tmp_path / "folds.parquet", {})
    with pytest.raises(DataError, match=words):
        train("net", tmp_path / "folds.parquet", "0", segmenter(steps=1, **keys), tmp_path / "net/0", 0, device="cpu")


@pytest.mark.parametrize("other", [{"width": 8}, {"encoder": "densenet"}, {"diameter": 16}])
def test_weights_of_another_network_are_no_start(folds, tmp_path, other):
    info = ModelInfo("flow", "nuclei", 20.0, {"channels_in": 3, "width": 4, "encoder": "resnet"})
    path = tmp_path / "start.safetensors"
    save_model(path, info, DenseNetwork(kind="flow", width=4))
    config = segmenter(start_from=str(path), **other)
    with pytest.raises(DataError, match=r"start.safetensors: these weights are of a network with .* Hint: give the"):
        train("net", folds, "all", config, tmp_path / "net/all", 0, start=str(path))


def test_weights_of_another_engine_are_no_start(folds, tmp_path):
    info = ModelInfo("unet", "nuclei", 20.0, {"channels_in": 3, "width": 4, "encoder": "resnet"})
    path = tmp_path / "start.safetensors"
    save_model(path, info, DenseNetwork(kind="unet", width=4))
    with pytest.raises(DataError, match=r"start.safetensors: these weights are of the engine unet"):
        train("net", folds, "all", segmenter(start_from=str(path)), tmp_path / "net/all", 0, start=str(path))


def test_a_search_looks_at_a_few_images_of_each_class_outside_of_the_fold(folds, tmp_path):
    config = parse_section(
        SegmenterConfig, {"engine": "tuned", "annotations": "mine", "images_per_class": 1, "trials": 2}
    )
    tune_classical(folds, "0", config, tmp_path / "parameters.json", seed=0)
    found = json.loads((tmp_path / "parameters.json").read_text())
    assert found["annotations"] == "folds"
    assert [kind["name"] for kind in found["types"]] == ["cells", "tissue"]
    table = read_table(folds).set_index("Name")["Fold"]
    for kind in found["types"]:
        assert len(kind["examples"]) == 1
        assert all(table[name] == 1 for name in kind["examples"])


def test_the_engine_is_that_of_the_image_whatever_was_read_before():
    class Number:
        halvings = 0

        def __init__(self, number):
            self.number = number

        def segment(self, images):
            return [np.full(image.shape[1:], self.number, np.int32) for image in images]

    empty = np.zeros((2, 2), np.int32)
    images = [Annotated(kind, empty[None].astype(np.float32), empty, kind, kind) for kind in ("cells", "tissue")]
    for engines, expected in (({"cells": Number(1), "tissue": Number(2)}, [1, 2]), ({"": Number(3)}, [3, 3])):
        predict = predict_by_class(engines)
        assert [predict(one).max() for one in images] == expected
        assert [predict(one).max() for one in reversed(images)] == expected[::-1]


def test_every_class_is_segmented_by_its_own_engine(folds, tmp_path):
    """Nothing is found where the engine of a class looks for nuclei as large as the image."""
    good = parse_section(NucleiConfig, {"engine": "classical", "nucleus_diameter": 15})
    blind = parse_section(NucleiConfig, {"engine": "classical", "nucleus_diameter": 400})
    predict_held_out("each", {"cells": good, "tissue": blind}, folds, 0, tmp_path / "0.parquet", tmp_path / "0.zip")
    rows = read_table(tmp_path / "0.parquet")
    table = read_table(folds)
    assert set(rows["Image"]) == set(table["Name"][table["Fold"] == 0])
    assert (rows["Predicted"][rows["Class"] == "tissue"] == 0).all()
    assert (rows["f1@0.5"][rows["Class"] == "cells"] > 0.5).all()
    assert set(read_provenance(tmp_path / "0.parquet")["contender"]) == {"cells", "tissue"}
