"""A finished campaign has nothing to do; a killed one goes on by itself and ends with the same numbers."""

import json
import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import psutil
import pytest
from files import Size, count_files
from project import Project

TABLES = ["plates/*/fields/*.parquet", "plates/*/cells/*.parquet", "plates/*/embeddings/*/*.parquet"]
TABLES += ["plates/*/profiles/*.parquet", "plates/*/qc/*.parquet", "campaign/**/*.parquet"]


def tables(results):
    found = sorted({path for pattern in TABLES for path in results.glob(pattern)})
    return {str(path.relative_to(results)): pd.read_parquet(path) for path in found}


def commits(results):
    """Inode and digest of every committed field."""
    found = {}
    for path in sorted(results.glob("plates/*/plate.zarr/*/*/[0-9]*/zarr.json")):
        attributes = json.loads(path.read_text())["attributes"]
        found[str(path.parent.relative_to(results))] = (path.stat().st_ino, attributes["platewise"]["digest"])
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory, small_config):
    """An undisturbed run of the small campaign."""
    project = Project(tmp_path_factory.mktemp("finished"))
    project.config = project.write(small_config)
    project.run("--configfile", project.config, "--cores", "2")
    project.results = project.folder / "results" / "small"
    return project


def test_every_well_is_profiled_and_the_report_is_there(finished):
    for features in ("classical", "deep"):
        table = pd.read_parquet(finished.results / f"campaign/profiles/{features}.sphering.parquet")
        dropped = [
            pd.read_parquet(p) for p in finished.results.glob(f"plates/*/profiles/{features}.wells.dropped.parquet")
        ]
        assert len(table) + sum(map(len, dropped)) == 12
        assert len(table) >= 10
    page = (finished.results / "report/index.html").read_text()
    assert "deep" in page
    assert len(list((finished.results / "report/plates").glob("*.html"))) == 2


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.run("--configfile", finished.config, "--cores", "1")


def test_every_job_left_a_log_and_a_benchmark(finished):
    rules = {path.name.split(".")[0] for path in (finished.results / "benchmarks").iterdir()}
    assert {"segment_block", "measure_block", "train_embedding", "report_campaign"} <= rules


def test_plain_snakemake_plans_the_same(finished):
    text = finished.run("--configfile", finished.config, "--cores", "1", launcher=("-m", "snakemake"))
    assert "Nothing to be done" in text


def test_a_killed_run_goes_on_by_itself(finished, small_config, tmp_path):
    project = Project(tmp_path / "killed")
    config = project.write(small_config)
    results = project.folder / "results" / "small"
    process = project.start("--configfile", config, "--cores", "2", start_new_session=True)
    deadline = time.time() + 240
    while len(commits(results)) < 2:
        assert time.time() < deadline, (project.folder / "run.log").read_text()[-3000:]
        assert process.poll() is None, (project.folder / "run.log").read_text()[-3000:]
        time.sleep(0.02)
    # Snakemake and the launcher die at once; the jobs they started live on as orphans.
    family = [process.pid, *[child.pid for child in psutil.Process(process.pid).children()]]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    before = commits(results)
    assert list((project.folder / ".snakemake" / "locks").iterdir())
    assert not (results / "report").exists()

    text = project.run("--configfile", config, "--cores", "2")
    assert "removing the lock" in text
    after = commits(results)
    assert before.items() <= after.items(), "a committed field was computed again"
    assert not list(results.glob("plates/*/plate.zarr/*/*/.*.tmp"))
    expected, found = tables(finished.results), tables(results)
    assert set(found) == set(expected)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True, obj=name)


def test_damage_is_found_and_mended(finished, tmp_path, small_config):
    """The store is held against the manifests; what is damaged is made again, and nothing else."""
    manifest = sorted(finished.results.glob("plates/*/fields/*.parquet"))[0]
    row = pd.read_parquet(manifest).query("Status == 'ok'").iloc[0]
    plate = manifest.parents[1]
    well, site = row["Metadata_Well"], row["Metadata_Site"]
    chunk = plate / "plate.zarr" / well[0] / well[1:] / str(site) / "labels/cells/0/c/0/0"
    chunk.write_bytes(chunk.read_bytes()[:50])
    lines = finished.platewise("verify", finished.config)
    assert lines[-1].startswith("1 damaged block")
    assert not manifest.exists()
    before = commits(finished.results)
    finished.run("--configfile", finished.config, "--cores", "2")
    assert manifest.exists()
    changed = {name for name, commit in commits(finished.results).items() if before[name] != commit}
    assert changed == {str(Path(*chunk.relative_to(finished.results).parts[:6]))}
    assert "Nothing to be done" in finished.run("--configfile", finished.config, "--cores", "1")


def test_every_file_is_accounted_for(finished):
    """The arithmetic that says how many files a large campaign leaves is that of a real one."""
    found = Counter()
    for path in [*finished.results.rglob("*"), *(finished.folder / ".snakemake/metadata").rglob("*")]:
        if path.is_file():
            found[kind_of(path.relative_to(finished.folder).as_posix())] += 1
    size = Size(2, 2, 6, 1, 2, levels=3, cells_per_crop_store=150)
    assert dict(found) == dict(count_files(size))


def kind_of(path):
    """What a file belongs to: the first of these patterns that its path matches."""
    return next(kind for kind, pattern in KINDS.items() if re.search(pattern, path))


BLOCK = r"[AB]01-[AB]03\b"
KINDS = {
    "snakemake": r"^\.snakemake/metadata/",
    "fields": r"/plate\.zarr/[AB]/0\d/1/",
    "wells": r"/plate\.zarr/[AB]/0\d/zarr\.json$",
    "blocks": BLOCK,
    "plates": r"PW0\d001",
    "campaign": r"",
}
