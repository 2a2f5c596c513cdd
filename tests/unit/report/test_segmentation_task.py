"""Contenders are compared on the same images, and the parts of ensembles with them."""

import numpy as np
import pandas as pd
import pytest
from annotated_images import write_annotated

from platewise.config.annotations import AnnotationColumns
from platewise.config.base import parse_section
from platewise.config.segmentation_evaluation import SegmentationEvaluationConfig
from platewise.config.segmenters import SegmenterConfig
from platewise.report.segmentation_task import EvaluationFiles, evaluate_segmentation
from platewise.segmentation.annotated import inventory_annotations, load_annotated
from platewise.segmentation.evaluation import score_images
from platewise.tables import read_table, write_table

SEGMENTERS = {
    "net": {"engine": "flow", "annotations": "mine"},
    "grey": {"engine": "unet", "annotations": "mine", "classes": ["cells"]},
}
CONTENDERS = {
    "classical": {"engine": "classical"},
    "both": {"engine": "ensemble", "segmenters": ["net", "grey"], "nucleus_diameter": 20},
}


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """Twelve images: eight of cells, four of tissue, in two folds."""
    folder = tmp_path_factory.mktemp("annotated")
    index = write_annotated(folder / "images", side=48)
    inventory_annotations(index, folder / "folds.parquet", AnnotationColumns(), 2, seed=0)
    return folder / "folds.parquet"


def truth_or_nothing(images, share):
    """A made-up engine that finds everything in a share of the images, and nothing in the others."""
    truth = {one.image.tobytes(): one.label for one in images}
    found = {}

    def predict(one):
        key = one.image.tobytes()
        # The first image is handed over twice.
        if key not in found:
            found[key] = len(found) < share * len(truth)
        return truth[key] if found[key] else np.zeros_like(truth[key])

    return predict


def test_contenders_are_compared_and_the_parts_of_ensembles_with_them(folds, tmp_path):
    evaluation = parse_section(
        SegmentationEvaluationConfig,
        {
            "annotations": "mine",
            "contenders": CONTENDERS,
            "reference": "classical",
            "ablation": True,
            "resamples": 50,
        },
    )
    table = read_table(folds)
    shares = {"classical": 0.5, "both": 1.0, "both only net": 0.5, "both only grey": 0.0}
    scores, predictions = [], {"classical": []}
    for name, share in shares.items():
        for fold in (0, 1):
            images = list(load_annotated(table[table["Fold"] == fold]))
            path = tmp_path / f"{name}{fold}.zip"
            write_table(score_images(truth_or_nothing(images, share), images, name, path), path.with_suffix(".parquet"))
            scores.append(path.with_suffix(".parquet"))
            predictions.setdefault(name, []).append(path)
    curve = pd.DataFrame({"step": [1, 2], "train_loss": [2.0, 1.0], "validation_loss": [2.0, 1.5]})
    write_table(curve, tmp_path / "curves.parquet")
    evaluate_segmentation(
        EvaluationFiles(folds, scores, predictions, {"net": {"0": tmp_path / "curves.parquet"}}),
        evaluation,
        parse_section(dict[str, SegmenterConfig], SEGMENTERS),
        tmp_path / "tables",
        tmp_path / "report/segmentation.html",
        campaign="test",
        home=None,
        seed=0,
    )
    assert list(read_table(tmp_path / "tables/scores.parquet")["Engine"].unique()) == list(shares)
    summary = read_table(tmp_path / "tables/summary.parquet").set_index(["Engine", "Class", "Measure"])["Value"]
    assert {name: summary[name, "all", "f1@0.5"] for name in shares} == shares
    differences = read_table(tmp_path / "tables/differences.parquet").set_index(["Engine", "Class", "Measure"])
    assert differences["Difference"]["both", "all", "f1@0.5"] == 0.5
    ablation = read_table(tmp_path / "tables/ablation.parquet").set_index(["Engine", "Class", "Measure"])
    assert ablation["Difference"]["both only grey", "all", "f1@0.5"] == -1
    assert set(ablation["Ensemble"]) == {"both"}
    page = (tmp_path / "report/segmentation.html").read_text()
    assert "both only net" in page
    assert "default settings" in page
