"""Contenders are described by what they asked of a person, and by whether they may have seen the images."""

import pandas as pd
import pytest

from platewise.config.base import parse_section
from platewise.config.segmentation import ClassicalNuclei
from platewise.config.segmentation_evaluation import SegmentationEvaluationConfig
from platewise.config.segmenters import SegmenterConfig
from platewise.report.segmentation_contenders import describe_contender
from platewise.segmentation.tuning import ImageType, Look, Parameters, write_parameters

SEGMENTERS = {
    "net": {"engine": "flow", "annotations": "mine"},
    "grey": {"engine": "unet", "annotations": "mine", "classes": ["cells"]},
    "rgb": {"engine": "unet", "annotations": "mine", "classes": ["tissue"]},
    "foreign": {"engine": "fpn", "annotations": "other"},
    "scale": {"engine": "scale", "annotations": "mine"},
    "tuned": {"engine": "tuned", "annotations": "mine"},
    "begun": {"engine": "flow", "annotations": "mine", "start_from": "shipped"},
    "begun_by_path": {"engine": "flow", "annotations": "mine", "start_from": "w"},
}
OWN_SCALE = {"scale_segmenter": "scale"}
CONTENDERS = {
    "classical": {"engine": "classical"},
    "by_hand": {"engine": "classical", "nucleus_diameter": 15, "threshold_scale": 1.1},
    "net": {"engine": "flow", "segmenter": "net", **OWN_SCALE},
    "told": {"engine": "flow", "segmenter": "net", "nucleus_diameter": 20},
    "foreign": {"engine": "fpn", "segmenter": "foreign", **OWN_SCALE},
    "each": {"engine": "per_class", "segmenters": {"cells": "grey", "tissue": "rgb"}, **OWN_SCALE},
    "both": {"engine": "ensemble", "segmenters": ["net", "grey"], **OWN_SCALE},
    "tuned": {"engine": "tuned", "segmenter": "tuned"},
    "shipped": {"engine": "flow"},
    "shipped_told": {"engine": "flow", "nucleus_diameter": 20},
    "shipped_scale": {"engine": "flow", "segmenter": "net"},
    "by_path": {"engine": "maskrcnn", "weights": "w", "scale_weights": "s"},
    "mixed": {"engine": "ensemble", "members": ["a", "b"], "segmenters": ["net"]},
    "each_scale": {"engine": "per_class", "segmenters": {"cells": "grey", "tissue": "tuned"}},
    "begun": {"engine": "flow", "segmenter": "begun", **OWN_SCALE},
    "begun_by_path": {"engine": "flow", "segmenter": "begun_by_path", **OWN_SCALE},
    "tuned_by_path": {"engine": "tuned", "parameters": "p"},
    "tool": {"engine": "stardist", "weights": "w"},
}


@pytest.fixture
def describe(tmp_path):
    """Describe a contender; of twelve images in two folds, eight are of cells and four of tissue."""
    images = pd.DataFrame({"Class": ["cells"] * 8 + ["tissue"] * 4, "Fold": [0, 1] * 6})
    evaluation = parse_section(
        SegmentationEvaluationConfig, {"annotations": "mine", "contenders": CONTENDERS, "reference": "classical"}
    )
    segmenters = parse_section(dict[str, SegmenterConfig], SEGMENTERS)
    searched = {
        "cells": ClassicalNuclei(nucleus_diameter=20),
        "tissue": ClassicalNuclei(seed_height=0.2, polarity="dark"),
    }
    kinds = [ImageType(name, found, 1.0, 0.5, {name: Look(0, 0, 0)}) for name, found in searched.items()]
    write_parameters(Parameters(tuple(kinds)), tmp_path / "parameters.json")
    parameters = {"tuned": {"0": tmp_path / "parameters.json"}}

    def describe(name):
        return describe_contender(name, evaluation.contenders[name], segmenters, images, evaluation, parameters)

    return describe


@pytest.mark.parametrize(
    ("name", "annotated", "parameters", "words"),
    [
        ("classical", 0, 0, "classical engine, default settings"),
        ("by_hand", 0, 2, "classical engine, set by hand"),
        ("net", 6, 0, "U-Net with flows to the centre"),
        ("foreign", None, 0, "feature pyramid with distances and directions"),
        ("each", 6, 0, "U-Net with classes for inside and boundary, one for each type of image"),
        ("both", 6, 0, "ensemble of 2 networks (flow, unet)"),
        ("mixed", None, 0, "ensemble of 3 networks (flow, by path)"),
        ("tuned", 2, 3, "classical engine, parameters for each type of image"),
        ("shipped", None, 0, "U-Net with flows to the centre"),
        ("shipped_scale", None, 0, "U-Net with flows to the centre"),
        ("tuned_by_path", None, 0, "classical engine, parameters for each type of image"),
        ("tool", None, 0, "the tool StarDist"),
    ],
)
def test_what_a_contender_asked_of_a_person(describe, name, annotated, parameters, words):
    found = describe(name)
    assert (found.annotated, found.parameters, found.words) == (annotated, parameters, words)


@pytest.mark.parametrize(
    ("name", "brought"),
    [
        *((name, ()) for name in ("classical", "by_hand", "net", "told", "foreign", "each", "both", "tuned")),
        ("shipped", ("shipped weights", "shipped scale network")),
        ("shipped_told", ("shipped weights",)),
        ("shipped_scale", ("shipped scale network",)),
        ("by_path", ("weights by path", "scale network by path")),
        ("mixed", ("members by path", "shipped scale network")),
        ("each_scale", ("shipped scale network",)),
        ("begun", ("shipped start of begun",)),
        ("begun_by_path", ("start of begun_by_path by path",)),
        ("tuned_by_path", ("parameters by path",)),
        ("tool", ("weights by path",)),
    ],
)
def test_weights_that_were_not_made_fold_by_fold_are_told(describe, name, brought):
    found = describe(name)
    assert found.brought == brought
    assert ("may have seen these images" in found.notes) == bool(brought)


def test_what_else_it_took(describe):
    assert describe("net").notes == ""
    assert describe("foreign").notes == "learned from other images, which are not counted"
    assert describe("tool").notes == "not made here, and may have seen these images: weights by path"
    assert describe("each_scale").notes.endswith("; a person names the type of an image")
