"""What planning costs grows with the campaign and no faster: jobs, opened files, imported libraries are counted.

Seconds and megabytes are measured by benchmarks/bench_plan.py and bench_start.py: machines differ and are shared.
"""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest
from campaigns import ROOT, dry_run, finish_campaign, snakemake, write_campaign
from files import Size, count_files, count_records

# Runs Snakemake and writes which files it opened, how often, and which modules it imported.
WATCHED = """
import atexit, collections, json, os, sys
opened = collections.Counter()
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened[os.path.realpath(arguments[0])] += 1
sys.addaudithook(watch)
def tell():
    with open(sys.argv.pop(1), "w") as handle:
        json.dump({"opened": dict(opened), "modules": sorted(sys.modules)}, handle)
atexit.register(tell)
import snakemake.cli
snakemake.cli.main(sys.argv[2:])
"""
HEAVY = {"torch", "zarr", "scanpy", "anndata", "skimage", "sklearn", "numba", "dask", "plotly", "networkx"}


def watch(config, *arguments):
    """Run Snakemake; how often it opened each file, which modules it imported, and what it printed."""
    told = config.parent / "told.json"
    command = [sys.executable, "-c", WATCHED, str(told), *snakemake(config, *arguments)[3:]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-3000:]
    found = json.loads(told.read_text())
    return Counter(found["opened"]), set(found["modules"]), text


def count_jobs(plates, blocks):
    """Jobs of a campaign with one embedding and two corrections."""
    # Inventory, flat field, store, reference, DNA content, QC, page, two aggregations; segment, measure, crop, embed.
    a_plate = 7 + 2 + 4 * blocks
    # Training, normalisation, selection, what moved, seven rules of four profiles, what the learned features are like,
    # exemplars, DNA content, differences, the network's page, report, all.
    return plates * a_plate + 1 + 2 + 2 + 2 + 7 * 4 + 1 + 1 + 1 + 1 + 1 + 1 + 1


def total(text):
    """The number of jobs that Snakemake counted."""
    return int(re.search(r"^total\s+(\d+)$", text, re.MULTILINE)[1])


def sheets(config):
    return [path for path in config.parent.iterdir() if path.suffix in (".tsv", ".txt") and path.name != "out.txt"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Twelve plates of 24 wells in 6 blocks, on three plate maps; nothing is done yet."""
    return write_campaign(tmp_path_factory.mktemp("small"), 12, 9, 4, 24)


def test_planning_opens_each_sheet_once_and_imports_nothing_heavy(small):
    opened, modules, text = watch(small, "--dry-run", "--quiet", "rules", "reason", "host")
    assert total(text) == count_jobs(12, 6)
    assert len(sheets(small)) == 5
    assert {path.name: opened[str(path)] for path in sheets(small)} == {path.name: 1 for path in sheets(small)}
    assert not HEAVY & modules


def test_a_job_plans_itself_alone(small):
    """What a job's own Snakemake does before the script: the sheets once, no other job, nothing heavy."""
    folder = small.parent / "results/bench/plates/P002"
    block = "A01-A04"
    for name in (f"inventory/{block}.parquet", "illumination.zarr/.snakemake_timestamp"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
    target = ["--target-jobs", f"segment_block:plate=P002,block={block}", "--allowed-rules", "segment_block", "--force"]
    opened, modules, text = watch(small, "--dry-run", *target)
    assert text.count("rule segment_block:") == 1
    assert total(text) == 1
    assert {path.name: opened[str(path)] for path in sheets(small)} == {path.name: 1 for path in sheets(small)}
    assert not [path for path in opened if "/.snakemake/metadata/" in path and "P002" not in path]
    assert not HEAVY & modules


def test_our_part_of_planning_needs_no_pandas():
    code = "import sys, platewise.cli, platewise.plan.campaign, platewise.plan.jobs, platewise.plan.training\n"
    code += "print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stdout.replace("'", '"')))
    assert not (HEAVY | {"pandas", "scipy", "snakemake"}) & imported


def test_a_finished_campaign_is_planned_by_reading_each_record_a_few_times(tmp_path_factory):
    records = {}
    for plates in (3, 6, 9):
        config = write_campaign(tmp_path_factory.mktemp("finished"), plates, 9, 4, 24)
        finish_campaign(config)
        opened, modules, text = watch(config, "--quiet", "rules", "reason", "host")
        assert "Nothing to be done" in text
        assert {path.name: opened[str(path)] for path in sheets(config)} == {path.name: 1 for path in sheets(config)}
        assert not HEAVY & modules
        read = [count for path, count in opened.items() if "/.snakemake/metadata/" in path]
        assert len(read) == count_records(Size(plates, 4, 24, 9, 6))
        records[plates] = sum(read)
    # Linear: three plates more cost the same, wherever they are added.
    assert records[9] - records[6] == records[6] - records[3]
    assert records[9] <= 3 * count_records(Size(9, 4, 24, 9, 6))


@pytest.mark.parametrize(("blocks", "jobs"), [(16, 2667), (48, 1067)])
def test_a_campaign_of_25_plates_has_so_many_jobs(tmp_path, blocks, jobs):
    assert dry_run(write_campaign(tmp_path, 25, 9, blocks)).jobs == jobs == count_jobs(25, 384 // blocks)


@pytest.mark.parametrize(("levels", "most"), [(0, 10), (3, 24)], ids=["labels", "images"])
def test_a_campaign_of_25_plates_leaves_few_files_a_field(levels, most):
    """Counted as test_resume counts a real campaign: Snakemake's records and SLURM's logs among them."""
    size = Size(25, 16, 384, 9, 24, levels=levels, slurm=True)
    assert count_files(size).total() <= most * size.fields
    # The fullest folder: Snakemake's records.
    assert count_records(size) < 4000
