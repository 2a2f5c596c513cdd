"""How much work there is on annotated images: from the plan, and from results, in the same units."""

import json

import pandas as pd
import pytest

from platewise.plan.campaign import load_campaign
from platewise.preflight.check import annotation_part, segmenter_workload
from platewise.preflight.dry_run import PlannedJob
from platewise.preflight.forecast import forecast
from platewise.preflight.measured import measured_jobs, measured_sizes, rate_name
from platewise.preflight.rates import Rate
from platewise.preflight.segmenter_work import job_key, planned_networks, planned_segmenter_work
from platewise.preflight.work import SEGMENTATION, Work, Workload, finished_work
from platewise.tables import write_table

KEYS = {"steps": 100, "batch": 5, "crop": 64, "width": 32}


@pytest.fixture
def campaign(raw, tmp_path):
    """Twenty annotated images in two folds, one trained network, one search, three contenders."""
    rows = [f"{n}.png,{n}.png,g{n},{'grey' if n < 12 else 'rgb'}" for n in range(20)]
    (tmp_path / "index.csv").write_text("\n".join(["image,label,group,class", *rows]) + "\n")
    net = {"engine": "flow", "segmenter": "net", "nucleus_diameter": 20, "flips": 4}
    return load_campaign(
        raw
        | {
            "annotations": {"made_up": {"index": str(tmp_path / "index.csv"), "folds": 2}},
            "segmenters": {
                "net": {"engine": "flow", "annotations": "made_up", **KEYS},
                "tuned": {"engine": "tuned", "annotations": "made_up", "images_per_class": 3, "trials": 10},
            },
            "segmentation_evaluation": {
                "annotations": "made_up",
                "contenders": {
                    "classical": {"engine": "classical"},
                    "tuned": {"engine": "tuned", "segmenter": "tuned"},
                    "net": net,
                    "two": {
                        "engine": "ensemble",
                        "segmenters": ["net", "net"],
                        "nucleus_diameter": 20,
                        "scales": [1.0],
                    },
                },
                "reference": "classical",
            },
            "ranking": {"fields": 5, "committee": [net]},
        }
    )


# Pixels of 100 steps of five pieces, four times as dear at twice the width.
SHOWN = 100 * 5 * 64**2 / 1e6 * 4


def test_planned_work(campaign):
    work = planned_segmenter_work(campaign, {"made_up": 0.5}, field_area=2.0)
    assert work["inventory_annotations/made_up"] == Work(annotated=10)
    for fold in ("all", "0", "1"):
        assert work[f"train_segmenter/net/{fold}"] == Work(annotated=10, training=SHOWN)
        # Three images of each of two classes, ten times.
        assert work[f"tune_classical/tuned/{fold}"] == Work(annotated=3, training=30)
    assert work["predict_held_out/classical/0"] == Work(annotated=5, looked=5, scored=20)
    assert work["predict_held_out/net/1"].looked == 20
    assert work["predict_held_out/two/1"].looked == 20
    assert work["evaluate_segmentation"] == Work(scored=80)
    # The classical engine and a network, which looks once at each of seven views.
    assert work["rank_annotations"] == Work(looked=5 * 2.0 * 2 * 7)


def test_what_networks_do(campaign, raw):
    assert planned_networks(campaign) == {"net", "two"}
    assert rate_name("predict_held_out", "net", {"net"}) == "predict_held_out:learned"
    assert rate_name("predict_held_out", "classical", {"net"}) == "predict_held_out"
    assert rate_name("segment_block", "", {SEGMENTATION}, images=True) == "segment_block:learned"
    assert rate_name("segment_block", "", {"net"}) == "segment_block"


def test_a_forecast_takes_the_work_of_the_job(campaign):
    workload = segmenter_workload(campaign, Workload({}), {"made_up": 0.5})
    rates = {
        (name, quantity): Rate(name, quantity, unit, 1.0, 2.0, 1, 1e9)
        for name, unit in (("train_segmenter", "training"), ("predict_held_out", "looked"))
        for quantity in ("seconds", "cpu")
    }
    jobs = [
        PlannedJob("train_segmenter", {"segmenter": "net", "fold": "0"}, 1, {"gpu": 1}, (), ("x",)),
        PlannedJob("predict_held_out", {"contender": "net", "fold": "0"}, 1, {}, (), ("y",)),
    ]
    made = forecast(jobs, workload, rates, workload.learned)
    assert made.seconds == pytest.approx([1 + 2 * SHOWN, 1 + 2 * 20])
    assert job_key("predict_held_out", jobs[1].wildcards) == "predict_held_out/net/0"


def test_annotated_images_that_cannot_be_read_are_errors(campaign):
    part, megapixels = annotation_part(campaign, sample=4)
    assert megapixels == {"made_up": 0.0}
    assert len(part.findings) == 4
    assert all(finding.stops for finding in part.findings)
    assert part.lines[0].startswith("made_up: 20 images of 2 classes in 20 groups")


def table(path, columns, facts):
    write_table(pd.DataFrame(columns), path, facts)


@pytest.fixture
def results(tmp_path):
    """What a finished campaign of two images of a megapixel each leaves."""
    folder = tmp_path / "nets"
    made = folder / "campaign"
    table(made / "annotations/made_up.folds.parquet", {"Height": [1000, 1000], "Width": [1000, 1000]}, {})
    facts = {"config": KEYS, "images": 1}
    table(made / "segmenters/net/0/curves.parquet", {"step": [50, 100]}, facts)
    (made / "segmenters/tuned/0").mkdir(parents=True)
    parameters = {"trials": 10, "types": [{"examples": {"a": {}, "b": {}}}]}
    (made / "segmenters/tuned/0/parameters.json").write_text(json.dumps(parameters))
    ensemble = {"engine": "ensemble", "members": ["a", "b"], "flips": 2}
    for name, engine in (("two", ensemble), ("classical", {"engine": "classical"})):
        table(made / f"segmentation/{name}/0.parquet", {"Megapixels": [1.0]}, {"contender": {"": engine}})
        (made / f"segmentation/{name}/0.zip").write_bytes(b"x" * 100)
    table(made / "segmentation/scores.parquet", {"Image": ["a", "b"] * 2}, {})
    # Five fields of two megapixels, segmented and then looked at seven times by an engine with four views.
    rows = {"Metadata_Well": ["A01"] * 5, "Metadata_Site": [1, 2, 3, 4, 5], "Channel": ["DNA"] * 5}
    table(folder / "plates/P1/inventory/A01.parquet", rows | {"Height": [1000] * 5, "Width": [2000] * 5}, {})
    engines = {"nuclei": {"engine": "flow", "flips": 4}, "cells": {"engine": "seeded"}}
    table(folder / "plates/P1/fields/A01.parquet", {"CellsCount": [1] * 5}, {"parameters": engines})
    table(made / "annotations/ranking.parquet", {"Rank": [1, 2, 3, 4, 5]}, {})
    for job in ("train_segmenter/net/0", "predict_held_out/two/0", "predict_held_out/classical/0"):
        path = folder / "benchmarks" / f"{job}.tsv"
        path.parent.mkdir(parents=True)
        path.write_text("s\tmax_rss\tcpu_time\n10\t500\t9\n")
    return folder


def test_finished_work(results):
    work = finished_work(results)
    assert work.segmenters == {
        "inventory_annotations/made_up": Work(annotated=2),
        "train_segmenter/net/0": Work(annotated=1, training=SHOWN),
        "tune_classical/tuned/0": Work(annotated=2, training=20),
        "predict_held_out/two/0": Work(annotated=1, looked=4),
        "predict_held_out/classical/0": Work(annotated=1, looked=1),
        "evaluate_segmentation": Work(scored=4),
        "rank_annotations": Work(looked=5 * 2 * 7),
    }
    assert work.networks == {"two", SEGMENTATION}


def test_finished_trainings_count_images_of_their_own_set(results):
    made = results / "campaign"
    table(made / "annotations/small.folds.parquet", {"Height": [100] * 4, "Width": [1000] * 4}, {})
    for name in ("made_up", "small"):
        facts = {"config": KEYS, "images": 3, "annotations": name}
        table(made / f"segmenters/{name}/0/curves.parquet", {"step": [100]}, facts)
        (made / f"segmenters/tuned_{name}/0").mkdir(parents=True)
        parameters = {"annotations": name, "trials": 10, "types": [{"examples": {"a": {}, "b": {}}}]}
        (made / f"segmenters/tuned_{name}/0/parameters.json").write_text(json.dumps(parameters))
    work = finished_work(results).segmenters
    assert work["inventory_annotations/small"] == Work(annotated=pytest.approx(0.4))
    for name, area in (("made_up", 1.0), ("small", 0.1)):
        assert work[f"train_segmenter/{name}/0"].annotated == pytest.approx(3 * area)
        assert work[f"tune_classical/tuned_{name}/0"] == Work(
            annotated=pytest.approx(2 * area), training=pytest.approx(20 * area)
        )


def test_finished_jobs_know_their_work_and_what_they_left(results):
    work = finished_work(results)
    jobs = {job.name: job for job in measured_jobs(results, work)}
    assert jobs["train_segmenter"].work.training == SHOWN
    assert jobs["predict_held_out:learned"].work.looked == 4
    assert jobs["predict_held_out"].work.looked == 1
    sizes = measured_sizes(results, work.learned)
    assert sizes["predict_held_out:learned"]["", ""].files == 2
    assert sizes["evaluate_segmentation"]["", ""].files == 1
    assert sizes["train_segmenter"]["", ""].files == 1
    assert sizes["tune_classical"]["", ""].files == 1
