"""`platewise score` on two folders whose scores can be counted."""

import csv

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from platewise.cli import app
from platewise.errors import DataError


def save(path, *spans):
    label = np.zeros((4, 40), np.uint16)
    for number, (start, stop) in enumerate(spans, 1):
        label[:, start:stop] = number
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(label).save(path)


def call(*arguments):
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def test_the_table_has_means_intervals_and_counts(tmp_path):
    save(tmp_path / "true" / "a.png", (0, 10), (20, 30))
    save(tmp_path / "true" / "b.png", (0, 10))
    save(tmp_path / "found" / "a.png", (0, 10), (20, 30))
    save(tmp_path / "found" / "b.png", (0, 6), (12, 16))
    done = call(tmp_path / "found", tmp_path / "true", "--out", tmp_path / "new" / "scores.csv")

    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "2 images, 3 true objects, 4 predicted"
    # Image b: one of IoU 0.6, one of bare ground.
    assert lines[2] == "f1@0.5        0.833   0.667 to 1.000"
    assert lines[4] == "f1@0.7        0.500   0.000 to 1.000"
    assert "missed@0.7    0.500   0.000 to 1.000" in lines
    with (tmp_path / "new" / "scores.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["Image"], row["Objects"], row["Predicted"]) for row in rows] == [("a", "2", "2"), ("b", "1", "2")]
    assert [float(row["f1@0.5"]) for row in rows] == [1, pytest.approx(2 / 3)]


def test_one_image_has_no_interval(tmp_path):
    save(tmp_path / "true" / "a.png", (0, 10))
    save(tmp_path / "found" / "a.png", (0, 10))
    lines = call(tmp_path / "found", tmp_path / "true").output.splitlines()
    assert lines[0] == "1 image, 1 true object, 1 predicted"
    assert lines[2] == "f1@0.5        1.000   none: one image"


def test_what_does_not_fit_is_named(tmp_path):
    save(tmp_path / "true" / "a.png", (0, 10))
    save(tmp_path / "true" / "b.png", (0, 10))
    save(tmp_path / "found" / "a.png", (0, 10))
    done = call(tmp_path / "found", tmp_path / "true")
    assert isinstance(done.exception, DataError)
    assert "found: no label image for b, which" in str(done.exception)


def test_a_table_that_cannot_be_written_is_told_before_the_work(tmp_path):
    done = call(tmp_path / "none", tmp_path / "none", "--out", tmp_path)
    assert "found a folder; expected a file to write" in str(done.exception)


def test_the_help_tells_score_and_scores_apart():
    helped = {name: CliRunner().invoke(app, [name, "--help"]).output for name in ("score", "scores")}
    assert "see `platewise scores`" in " ".join(helped["score"].split())
    assert "see `platewise score`" in " ".join(helped["scores"].split())
