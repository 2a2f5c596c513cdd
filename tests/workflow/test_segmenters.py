"""Segmenters trained and compared by the workflow: killed, resumed, held out, and nothing done twice."""

import copy
import json
import re
import time
from collections import Counter

import pandas as pd
import psutil
import pytest
from annotated_images import write_annotated
from PIL import Image
from project import Project

from platewise.plan.campaign import load_campaign
from platewise.plan.jobs import list_jobs
from platewise.tables import read_provenance

FLOW = {
    "engine": "flow",
    "annotations": "made_up",
    "width": 4,
    "steps": 12,
    "batch": 4,
    "crop": 64,
    "validate_every": 3,
}


def segmenters(folder):
    """A network that learns from a dozen images, and its test beside the classical engine."""
    return {
        "campaign": "nets",
        "annotations": {"made_up": {"index": str(folder / "index.csv"), "folds": 2, "source": "drawn by a test"}},
        "segmenters": {"flow": FLOW},
        "segmentation_evaluation": {
            "annotations": "made_up",
            "contenders": {
                "classical": {"engine": "classical", "nucleus_diameter": 15},
                "flow": {"engine": "flow", "segmenter": "flow", "nucleus_diameter": 15},
            },
            "reference": "classical",
            "resamples": 50,
        },
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """An undisturbed run."""
    images = tmp_path_factory.mktemp("annotated") / "images"
    write_annotated(images, side=64)
    project = Project(tmp_path_factory.mktemp("segmenters"))
    project.images, project.raw = images, segmenters(images)
    project.config = project.write(project.raw)
    project.run("--configfile", project.config, "--cores", "2")
    project.results = project.folder / "results" / "nets"
    return project


def test_every_image_is_scored_once_by_each_contender(finished):
    scores = pd.read_parquet(finished.results / "campaign/segmentation/scores.parquet")
    assert scores.groupby("Engine")["Image"].nunique().to_dict() == {"classical": 12, "flow": 12}
    assert len(scores) == 24
    folds = pd.read_parquet(finished.results / "campaign/annotations/made_up.folds.parquet").set_index("Name")["Fold"]
    assert (scores["Fold"].to_numpy() == folds[scores["Image"]].to_numpy()).all()
    # Disks that differ in brightness alone: the classical engine finds the grey ones.
    grey = scores[(scores["Engine"] == "classical") & (scores["Class"] == "cells")]
    assert grey["f1@0.5"].mean() > 0.8
    summary = pd.read_parquet(finished.results / "campaign/segmentation/summary.parquet")
    assert set(summary["Class"]) == {"all", "cells", "tissue"}


@pytest.mark.parametrize("fold", [0, 1])
def test_what_is_tested_on_a_fold_has_not_seen_it(finished, fold):
    tested = read_provenance(finished.results / f"campaign/segmentation/flow/{fold}.parquet")
    weights = finished.folder / tested["contender"][""]["weights"]
    assert weights.parent.name == str(fold)
    card = (weights.parent / "card.md").read_text()
    assert f"all folds but fold {fold}" in card
    assert "drawn by a test" in card
    folds = pd.read_parquet(finished.results / "campaign/annotations/made_up.folds.parquet")
    images = int(re.search(r"^\| cells \| (\d+)", card, re.MULTILINE)[1])
    assert images == ((folds["Fold"] != fold) & (folds["Class"] == "cells")).sum()


def test_the_page_shows_the_contenders_and_no_other_report_is_made(finished):
    pages = [path.name for path in (finished.results / "report").rglob("*.html")]
    assert pages == ["segmentation.html"]
    page = (finished.results / "report/segmentation.html").read_text()
    assert "classical" in page
    assert "fold 1" in page


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.run("--configfile", finished.config, "--cores", "1")


def test_status_verify_and_preflight_know_the_stages(finished):
    said = json.loads("\n".join(finished.platewise("status", finished.config, "--json")))
    assert said["jobs"]["done"] == len(list_jobs(load_campaign(copy.deepcopy(finished.raw)))) == 9
    assert list(said["stages"]) == ["annotations", "segmenter:flow", "held_out", "segmentation"]
    assert finished.platewise("verify", finished.config)[-1].startswith("0 damaged block(s), 0 other damaged table(s)")
    lines = finished.platewise("preflight", finished.config, "--profile", "none")
    assert any(line.startswith("  made_up: 12 images of 2 classes in 6 groups") for line in lines)
    assert lines[-1] == "0 error(s), 0 warning(s)"


def test_damaged_curves_are_told_and_kept(finished):
    curves = finished.results / "campaign/segmenters/flow/0/curves.parquet"
    whole = curves.read_bytes()
    curves.write_bytes(whole[:100])
    (told,) = (line for line in finished.platewise("verify", finished.config) if "curves" in line)
    assert told.endswith("Never removed: the next run would train anew.")
    assert curves.exists()
    curves.write_bytes(whole)


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(finished, tmp_path):
    raw = finished.raw | {"segmentation_evaluation": None}
    project = Project(tmp_path / "killed")
    config, folder = project.write(raw), tmp_path / "killed/results/nets/campaign/segmenters/flow"
    process = project.start("--configfile", config, "--cores", "1", start_new_session=True)
    deadline = time.time() + 240
    while not (folder / "all.resume.safetensors").exists():
        assert time.time() < deadline, (project.folder / "run.log").read_text()[-3000:]
        assert process.poll() is None, (project.folder / "run.log").read_text()[-3000:]
        time.sleep(0.02)
    family = psutil.Process(process.pid)
    for member in [family, *family.children(recursive=True)]:
        member.kill()
    process.wait()
    assert not (folder / "all/weights.safetensors").exists()
    project.run("--configfile", config, "--cores", "1")
    expected = finished.results / "campaign/segmenters/flow/all"
    assert (folder / "all/weights.safetensors").read_bytes() == (expected / "weights.safetensors").read_bytes()
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder / "all/curves.parquet"), pd.read_parquet(expected / "curves.parquet"), check_exact=True
    )
    assert not list(folder.glob("*.resume.safetensors"))


def test_an_edited_label_trains_and_tests_again(finished):
    """In two steps, as for images: the images are read again, and then what depends on them is made anew."""
    label = finished.images / "labels/00.png"
    before = label.read_bytes()
    try:
        picture = Image.open(label)
        Image.new(picture.mode, picture.size).save(label)
        again = ("--forcerun", "inventory_annotations", "--until", "inventory_annotations")
        finished.run("--configfile", finished.config, "--cores", "1", *again)
        plan = finished.planned("--configfile", finished.config, "--cores", "1")
        assert Counter(plan) == {"train_segmenter": 3, "predict_held_out": 4, "evaluate_segmentation": 1, "all": 1}
    finally:
        label.write_bytes(before)
        finished.run("--configfile", finished.config, "--cores", "1", *again)
    assert "Nothing to be done" in finished.run("--configfile", finished.config, "--cores", "1", "--dry-run")


def test_an_image_that_cannot_be_used_stops_before_any_training(finished, tmp_path):
    images = tmp_path / "images"
    write_annotated(images, images=4, side=64)
    (images / "labels/02.png").unlink()
    project = Project(tmp_path / "project")
    config = project.write(segmenters(images))
    text = project.run("--configfile", config, "--cores", "1", fails=True)
    assert "1 of 4 annotated images cannot be used" in text
    assert not (project.folder / "results/nets/campaign/segmenters").exists()
