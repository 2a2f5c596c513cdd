"""Status and verify on a campaign that is run in steps: what they say is what Snakemake plans and then does."""

import copy
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
from project import Project, environment

from platewise.commands.arguments import read_campaign
from platewise.plan.campaign import load_campaign
from platewise.plan.jobs import list_jobs
from platewise.status.campaign import campaign_status

PLAN = re.compile(r"^(?:local)?rule (?P<rule>\w+):\n(?P<body>(?:^    .*\n)*)", re.MULTILINE)


def planned_jobs(project, *arguments):
    """Every job of a dry run: rule, wildcards, inputs, outputs, log and benchmark."""
    text = project.run("--dry-run", "--cores", "1", *arguments, launcher=("-m", "snakemake"))
    found = set()
    for match in PLAN.finditer(text):
        body = dict(line.strip().split(": ", 1) for line in match["body"].splitlines() if ": " in line)
        if match["rule"] == "all":
            continue
        wildcards = [pair.split("=", 1)[1] for pair in body.get("wildcards", "").split(", ") if pair]
        files = [frozenset(body.get(key, "").split(", ")) for key in ("input", "output")]
        found.add((match["rule"], tuple(wildcards), *files, body["log"], body["benchmark"]))
    return found


def listed_jobs(raw):
    return {
        (job.rule, job.wildcards, frozenset((*job.inputs, *job.kept)), frozenset(job.outputs), job.log, job.benchmark)
        for job in list_jobs(load_campaign(copy.deepcopy(raw)))
    }


@pytest.fixture
def sheets(tmp_path):
    """Two plates that are cut differently, without an image."""
    (tmp_path / "images").mkdir()
    (tmp_path / "one.txt").write_text("well_position\tcompound\nA01\tDMSO\nA02\tx\nB01\ty\n")
    (tmp_path / "two.txt").write_text("well_position\tcompound\nA01\tDMSO\nA03\tx\n")
    sheet = ["plate\tbatch\treader\timages\tplatemap\tfields_per_well"]
    sheet += [f"{p}\tb1\tphenix\t{tmp_path}/images\t{tmp_path}/{m}.txt\t2" for p, m in (("P1", "one"), ("P2", "two"))]
    (tmp_path / "plates.tsv").write_text("\n".join(sheet) + "\n")
    return {
        "campaign": "sheets",
        "plates": str(tmp_path / "plates.tsv"),
        "plate_format": 6,
        "metadata": {"key": "compound", "negcon": ["DMSO"]},
        "images": {"channels": {"DNA": "ch5", "ER": "ch4", "RNA": "ch3", "AGP": "ch2", "Mito": "ch1"}},
        "segmentation": {"nuclei": {"engine": "classical"}},
    }


@pytest.fixture
def table(tmp_path):
    rows = [
        f"P{plate},A0{well},b{plate},{'DMSO' if well < 3 else 'x'},{well}.5" for plate in (1, 2) for well in (1, 2, 3)
    ]
    (tmp_path / "wells.csv").write_text("\n".join(["plate,well,batch,compound,Cells_Area", *rows]) + "\n")
    columns = {"plate": "plate", "well": "well", "batch": "batch", "perturbation": "compound"}
    return {
        "campaign": "table",
        "plate_format": 6,
        "table": {"paths": [str(tmp_path / "wells.csv")], "columns": columns, "negcon": ["DMSO"]},
    }


VARIANTS = {
    "classical only": {},
    "a job a field, one plate cropped, trained and random": {
        "blocks": {"unit": "field"},
        "embeddings": {
            "deep": {"kind": "weak", "train_plates": ["P1"], "normalise": "crop"},
            "random": {"kind": "random", "normalise": "crop"},
        },
    },
    "every cell kept, scaled to the plate": {
        "blocks": {"wells_per_block": 2},
        "crops": {"keep": "all"},
        "embeddings": {"deep": {"kind": "weak", "train_plates": ["P1"], "validation_plates": ["P2"]}},
        "correction": {"methods": {"none": {"method": "none"}, "sphering": {"method": "sphering"}}, "preset": "none"},
    },
}


def annotated(folder):
    """An index of images that are not there: planning does not look at them."""
    rows = [f"{number}.png,{number}.png,g{number},grey" for number in range(4)]
    (folder / "index.csv").write_text("\n".join(["image,label,group,class", *rows]) + "\n")
    return {"made_up": {"index": str(folder / "index.csv"), "folds": 2}}


def compared(segmenter):
    return {
        "annotations": "made_up",
        "contenders": {
            "classical": {"engine": "classical"},
            "own": {"engine": "flow", "segmenter": segmenter, "nucleus_diameter": 20},
            "two": {"engine": "ensemble", "segmenters": [segmenter, "other"], "nucleus_diameter": 20},
            "tuned": {"engine": "tuned", "segmenter": "tuned"},
        },
        "reference": "classical",
        "gallery": ["own", "tuned"],
        "ablation": True,
    }


SEGMENTERS = {
    "net": {"engine": "flow", "annotations": "made_up"},
    "other": {"engine": "unet", "annotations": "made_up", "train_on_all": False},
    "tuned": {"engine": "tuned", "annotations": "made_up"},
}


def test_segmenters_alone(tmp_path):
    raw = {
        "campaign": "nets",
        "annotations": annotated(tmp_path),
        "segmenters": SEGMENTERS,
        "segmentation_evaluation": compared("net"),
    }
    project = Project(tmp_path / "project")
    config = project.write(raw)
    assert listed_jobs(raw) == planned_jobs(project, "--configfile", config)
    assert "nothing has run yet" in project.platewise("status", config)[0]


def test_fields_segmented_by_the_campaigns_own_network_and_ranked(tmp_path, sheets):
    raw = sheets | {
        "annotations": annotated(tmp_path),
        "segmenters": SEGMENTERS,
        "segmentation_evaluation": compared("net"),
        "segmentation": {"nuclei": {"engine": "flow", "segmenter": "net", "nucleus_diameter": 20}},
        "ranking": {},
    }
    project = Project(tmp_path / "project")
    assert listed_jobs(raw) == planned_jobs(project, "--configfile", project.write(raw))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_list_of_jobs_is_snakemakes_plan(tmp_path, sheets, variant):
    raw = sheets | VARIANTS[variant]
    project = Project(tmp_path / "project")
    assert listed_jobs(raw) == planned_jobs(project, "--configfile", project.write(raw))


def test_a_campaign_from_a_table_never_started(tmp_path, table):
    project = Project(tmp_path / "project")
    config = project.write(table)
    assert listed_jobs(table) == planned_jobs(project, "--configfile", config)
    lines = project.platewise("status", config)
    assert lines == ["table in results/table: nothing has run yet; `platewise preflight CONFIG` forecasts"]
    assert not (project.folder / "results").exists()


def test_dose_responses_are_planned_where_there_are_doses(tmp_path, table):
    (tmp_path / "wells.csv").write_text(
        "\n".join(["plate,well,compound,um,Cells_Area", "P1,A01,DMSO,,1", *(f"P1,B0{n},x,{n},2" for n in range(1, 5))])
    )
    columns = {"plate": "plate", "well": "well", "perturbation": "compound", "dose": "um"}
    raw = table | {"plate_format": 24, "table": table["table"] | {"columns": columns}}
    project = Project(tmp_path / "project")
    planned = planned_jobs(project, "--configfile", project.write(raw))
    assert listed_jobs(raw) == planned
    assert "fit_dose_response" in {job[0] for job in planned}


def test_a_wrong_config_is_an_error(tmp_path, table):
    project = Project(tmp_path / "project")
    config = project.write(table | {"colour": "blue"})
    for command in ("status", "verify"):
        done = platewise(project, command, config)
        assert done.returncode == 1
        assert "colour" in done.stderr
    done = platewise(project, "status", project.write(table), "--plate", "P1")
    assert (done.returncode, "starts from a table" in done.stderr) == (1, True)


def platewise(project, *arguments):
    command = [sys.executable, "-m", "platewise.cli", *arguments]
    return subprocess.run(command, cwd=project.folder, capture_output=True, text=True, env=environment(), check=False)


def snapshot(folder):
    """Every file and folder with its time and size."""
    found = {}
    for path in sorted(folder.rglob("*")):
        details = path.stat()
        found[str(path.relative_to(folder))] = (details.st_mtime_ns, details.st_size, details.st_ino)
    return found


def tables(results):
    return {str(path.relative_to(results)): pd.read_parquet(path) for path in sorted(results.glob("**/*.parquet"))}


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True, obj=name)


class Steps:
    """The small campaign, run in steps, with what status said at each."""

    def __init__(self, project, raw):
        self.project, self.config = project, project.write(raw)
        self.results = project.folder / "results" / "small"
        self.said, self.plans, self.held = {}, {}, 0

    def run(self, *arguments, **options):
        return self.project.run("--configfile", self.config, "--cores", "2", *arguments, **options)

    def note(self, step):
        """Keep what status says, and what Snakemake plans."""
        self.said[step] = json.loads("\n".join(self.project.platewise("status", self.config, "--json")))
        plan = self.project.planned("--configfile", self.config, "--cores", "1")
        self.plans[step] = sum(plan.values()) - plan.get("all", 0)


@contextmanager
def at_work(steps):
    """Hold the job that segments, as soon as it has committed a field, so that it can be looked at in its midst."""
    time.sleep(0.02)
    held = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            segments = any(".segment_block.py" in part for part in process.cmdline())
            if segments and process.cwd() == str(steps.project.folder) and committed(steps) > steps.held:
                process.suspend()
                held.append(process)
    steps.held = committed(steps)
    yield
    for process in held:
        with suppress(psutil.Error):
            process.resume()


def committed(steps):
    return len(list(steps.results.glob("plates/*/plate.zarr/*/*/[0-9]*/zarr.json")))


@pytest.fixture(scope="module")
def steps(tmp_path_factory, small_config):
    """Segment only; then damage a label, so that measuring its block fails; then verify and run again."""
    raw = small_config | {"correction": {"methods": {"none": {"method": "none"}}, "preset": "none"}}
    steps = Steps(Project(tmp_path_factory.mktemp("steps")), raw)
    steps.note("never started")
    process = steps.project.start("--configfile", steps.config, "--cores", "1", "--until", "segment_block")
    steps.seen = []
    campaign = read_campaign(Path(steps.config))
    while process.poll() is None:
        with at_work(steps):
            steps.seen.append(campaign_status(campaign, steps.project.folder))
    assert process.returncode == 0, (steps.project.folder / "run.log").read_text()[-3000:]
    steps.note("segmented")
    steps.chunk = next(steps.results.glob("plates/*/plate.zarr/*/*/1/labels/cells/0/c/0/0"))
    steps.whole = steps.chunk.read_bytes()
    steps.chunk.write_bytes(steps.whole[:50])
    steps.run("--keep-going", fails=True)
    steps.note("failed")
    steps.text = steps.project.platewise("status", steps.config)
    steps.verified = steps.project.platewise("verify", steps.config)
    steps.note("verified")
    steps.run()
    steps.note("finished")
    return steps


def jobs_left(said):
    return sum(count for state, count in said["jobs"].items() if state not in ("done", "gone"))


@pytest.mark.parametrize("step", ["never started", "segmented", "failed", "verified", "finished"])
def test_what_is_left_is_what_snakemake_plans(steps, step):
    assert jobs_left(steps.said[step]) == steps.plans[step]
    assert steps.said[step]["jobs"]["gone"] == 0


def test_fields_grow_while_a_block_is_at_work(steps):
    """One job at a time: something ran and was seen, and fields were counted before their block was done."""
    assert any(status.work.running for status in steps.seen)
    assert any(status.work.since for status in steps.seen)
    partial = [
        count.done
        for status in steps.seen
        for name, count in status.fields.items()
        if status.stages[name, "segment"]["done"] == 0 and count.done
    ]
    running = {job.stage for status in steps.seen for job in status.work.running}
    assert "segment" in running
    assert partial, "no field was counted in a block at work"


def test_segmented_fields_and_what_waits(steps):
    for plate in steps.said["segmented"]["plates"].values():
        assert plate["fields"] == {"total": 6, "done": 6, "bad": [], "damaged": []}
        assert plate["stages"]["segment"]["done"] == 2
        assert plate["stages"]["measure"]["waiting"] == 2
    forecast = steps.said["segmented"]["forecast"]
    assert forecast["low_s"] is None
    assert "measure" in forecast["unknown_stages"]


def test_a_failed_job_is_told_with_its_reason_and_log(steps):
    failed = [failure for failure in steps.said["failed"]["failures"] if failure["rule"] == "measure_block"]
    plate, block = steps.chunk.relative_to(steps.results).parts[1], failed[0]["block"]
    assert len(failed) == 1
    assert failed[0]["plate"] == plate
    assert failed[0]["state"] == "failed"
    assert "the label cannot be read" in failed[0]["reason"]
    assert failed[0]["log"] == f"results/small/logs/measure_block/{plate}/{block}.log"
    assert (steps.project.folder / failed[0]["log"]).is_file()
    assert steps.said["failed"]["held_by_failures"] > 0
    assert any(line.startswith(f"  measure_block {plate} {block}: ") for line in steps.text)
    assert steps.said["finished"]["failures"] == []


def test_verify_removed_the_manifest_and_the_run_mended_the_field(steps):
    assert steps.verified[-1].startswith("1 damaged block(s), 0 other damaged table(s)")
    assert steps.chunk.read_bytes() == steps.whole
    assert steps.said["finished"]["forecast"]["reason"] == "nothing is left to do"


def test_status_writes_nothing(steps):
    os.utime(steps.results / "report/index.html")
    before = snapshot(steps.project.folder)
    steps.project.platewise("status", steps.config)
    steps.project.platewise("status", steps.config, "--json", "--plate", "PW01001")
    steps.project.platewise("verify", steps.config, "--keep")
    assert snapshot(steps.project.folder) == before


def test_one_plate(steps):
    name = next(iter(steps.said["finished"]["plates"]))
    said = json.loads("\n".join(steps.project.platewise("status", steps.config, "--json", "--plate", name)))
    assert list(said["plates"]) == [name]
    assert said["jobs"] == steps.said["finished"]["jobs"]
    done = platewise(steps.project, "status", steps.config, "--plate", "nine")
    assert done.returncode == 1
    assert f"no such plate; there are {name}" in done.stderr


def test_what_is_damaged_is_found_and_mended(steps):
    """What is cut short or gone is made again, and what was made from it; no other field is segmented again."""
    before = tables(steps.results)
    first, second = sorted((steps.results / "plates").iterdir())
    cut = [
        sorted(first.glob("cells/*.parquet"))[0],
        sorted(first.glob("embeddings/deep/*.parquet"))[0],
        first / "profiles/classical.normalised.parquet",
        first / "profiles/deep.wells.dropped.parquet",
        steps.results / "campaign/profiles/classical.none.consensus.parquet",
    ]
    manifests = [sorted(first.glob("fields/*.parquet"))[1], *sorted(second.glob("fields/*.parquet"))]
    for path in [*cut, manifests[0]]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    # One in each block of the second plate: a label array that is gone, and a field.
    fields = sorted(path.parent for path in second.glob("plate.zarr/*/*/1/zarr.json"))
    (fields[0] / "labels/nuclei/0").rename(steps.project.folder / "array")
    fields[-1].rename(steps.project.folder / "field")
    said = json.loads("\n".join(steps.project.platewise("status", steps.config, "--json")))
    assert "cannot be read" in said["plates"][first.name]["fields"]["damaged"][0]
    told = platewise(steps.project, "verify", steps.config, "--keep")
    assert told.returncode == 1
    assert {line.split(": ")[0] for line in told.stdout.splitlines() if line.startswith("results/")} == {
        str(path.relative_to(steps.project.folder)) for path in [*cut, *manifests]
    }
    assert all(path.exists() for path in [*cut, *manifests])
    removed = platewise(steps.project, "verify", steps.config, "--workers", "2")
    assert removed.returncode == 0
    assert removed.stdout.splitlines()[-1].startswith("3 damaged block(s), 5 other damaged table(s), 0 leftover(s); ")
    assert not any(path.exists() for path in [*cut, *manifests])
    plan = steps.project.planned("--configfile", steps.config, "--cores", "1")
    # Three blocks from their labels on, and in the fourth the cells and the embeddings.
    assert {rule: plan[rule] for rule in ("segment_block", "measure_block", "embed_block")} == {
        "segment_block": 3,
        "measure_block": 4,
        "embed_block": 4,
    }
    assert {"normalise_plates", "aggregate_plate", "build_consensus"} <= set(plan)
    assert not {"train_embedding", "inventory_plate"} & set(plan)
    inodes = {path: path.stat().st_ino for path in steps.results.glob("plates/*/plate.zarr/*/*/1")}
    steps.run()
    assert_same(tables(steps.results), before)
    again = {path for path in steps.results.glob("plates/*/plate.zarr/*/*/1") if path.stat().st_ino != inodes.get(path)}
    assert again == {fields[0], fields[-1]}
    assert "Nothing to be done" in steps.run()
    assert platewise(steps.project, "verify", steps.config, "--keep").returncode == 0


def test_an_inventory_that_is_removed_is_made_when_it_is_needed(steps):
    inventory = sorted(steps.results.glob("plates/*/inventory/*.parquet"))[0]
    inventory.write_bytes(b"PAR1")
    steps.project.platewise("verify", steps.config)
    assert not inventory.exists()
    assert "Nothing to be done" in steps.run()
    (legend,) = (line for line in steps.project.platewise("status", steps.config) if line.startswith("segment counts"))
    assert legend == "segment counts fields, the rest jobs; g gone: removed, and not made again unless needed"
    plan = steps.project.planned("--configfile", steps.config, "--cores", "1", "--forcerun", "report_plate")
    assert plan["inventory_plate"] == 1


def test_the_record_of_a_training_is_told_and_kept(steps):
    curves = steps.results / "campaign/embedding/deep/curves.parquet"
    whole = curves.read_bytes()
    curves.write_bytes(whole[:100])
    told = platewise(steps.project, "verify", steps.config)
    curves_line = next(line for line in told.stdout.splitlines() if "curves" in line)
    assert curves_line.endswith("Never removed: the next run would train anew.")
    assert curves.exists()
    curves.write_bytes(whole)
