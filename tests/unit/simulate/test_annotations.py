import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from platewise.cli import app
from platewise.segmentation.annotations import load_pair, read_index
from platewise.segmentation.engine import number_in_order
from platewise.segmentation.pictures import read_label
from platewise.simulate.annotations import draw_annotation, render_annotations


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return render_annotations(tmp_path_factory.mktemp("annotations"), fields=3, size=160, seed=5)


def test_a_training_reads_them_as_they_are(index):
    annotations = read_index(index)
    assert [annotation.group for annotation in annotations] == ["seed5-00000", "seed5-00001", "seed5-00002"]
    assert {annotation.image_class for annotation in annotations} == {"rendered"}
    for number, annotation in enumerate(annotations):
        image, label = load_pair(annotation)
        drawn, field = draw_annotation(number, 160, 5)
        np.testing.assert_array_equal(image, drawn)
        np.testing.assert_array_equal(label, field.cells)
        # A cell is brighter than the ground in the channel of cells, a nucleus in that of nuclei.
        assert np.median(image[1][label > 0]) > np.median(image[1][label == 0])
        assert np.median(image[0][field.nuclei > 0]) > np.median(image[0][field.nuclei == 0])


def test_nuclei_are_there_for_scores_of_cells_with_given_nuclei(index):
    with index.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    for row in rows:
        nuclei, cells = (read_label(index.parent / row[name]) for name in ("nuclei", "label"))
        assert nuclei.max() > 0
        # Refuses labels that are not paired.
        number_in_order(nuclei, cells)


def test_fields_differ_and_their_number_changes_none(index, tmp_path):
    fewer = render_annotations(tmp_path, fields=2, size=160, seed=5, workers=2)
    for name in ("images/00000.tiff", "images/00001.tiff", "cells/00001.tiff"):
        assert (tmp_path / name).read_bytes() == (index.parent / name).read_bytes()
    assert fewer.read_text().splitlines() == index.read_text().splitlines()[:3]
    first, second = (draw_annotation(number, 160, 5)[0] for number in (0, 1))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, draw_annotation(0, 160, 6)[0])


def test_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 1, not 0"):
        render_annotations(tmp_path, fields=0)


def test_the_command(tmp_path, index):
    done = CliRunner().invoke(app, ["simulate", str(tmp_path), "--annotations", "1", "--seed", "3", "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert "rendered 1 of 1 fields" in done.output
    assert read_index(tmp_path / "index.csv")[0].group == "seed3-00000"
