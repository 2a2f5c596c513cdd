"""Faults, injected for real: after each, the campaign is completed and its tables are those of an undisturbed run.

The README's table of faults (`faults.py`) is dated by these tests.
"""

import os
import re
import shutil
import signal
import subprocess
import time

import psutil
import pytest
from campaign import PLATE
from faults import FAULTS


def fault(key):
    """Mark a test with the row of the table that it proves."""
    assert key in FAULTS
    return pytest.mark.fault(key)


def strike(project, *arguments, rule="segment_block", commits=1):
    """Start a run of the blocks and stop the process of one job; return the run, the process and what is committed."""
    project.forget_blocks()
    run = project.start_on_slurm(*arguments, *project.targets(), start_new_session=True)
    process = project.freeze(rule, commits)
    return run, process, project.commits()


def finish(project, undisturbed, before, run=None):
    """Wait for the run, complete the campaign, and hold everything against the undisturbed one."""
    if run is not None:
        assert run.wait() == 0, project.log()
    assert before.items() <= project.commits().items(), "a committed field was computed again"
    project.run_here()
    assert before.items() <= project.commits().items()
    project.assert_equals(undisturbed)


def block_of(process):
    """SLURM's comment names the wildcards; the process knows its job."""
    job = process.environ()["SLURM_JOB_ID"]
    comment = subprocess.run(["squeue", "-h", "-j", job, "-o", "%k"], capture_output=True, text=True, check=True).stdout
    return job, comment.strip().partition("_wildcards_")[2]


def kill_snakemake(run):
    """SIGKILL for the launcher and the Snakemake below it, at once; their SLURM jobs live on."""
    family = [*psutil.Process(run.pid).children(recursive=True), psutil.Process(run.pid)]
    for process in family:
        process.send_signal(signal.SIGKILL)
    run.wait()


def assert_only_one_ran_again(project, struck, states):
    ran = project.ran("segment_block")
    assert ran.pop(struck) == states
    assert list(ran.values()) == [["COMPLETED"]], "the other block was disturbed"


@fault("cancelled")
def test_a_job_is_cancelled(copy, undisturbed):
    project = copy()
    run, process, before = strike(project)
    job, block = block_of(process)
    subprocess.run(["scancel", job], check=True)
    finish(project, undisturbed, before, run)
    assert_only_one_ran_again(project, block, ["CANCELLED", "COMPLETED"])


@fault("killed")
def test_a_jobs_process_is_killed(copy, undisturbed):
    project = copy()
    run, process, before = strike(project)
    _, block = block_of(process)
    process.kill()
    finish(project, undisturbed, before, run)
    assert_only_one_ran_again(project, block, ["FAILED", "COMPLETED"])


@pytest.mark.costly
@fault("node")
def test_a_node_is_lost(copy, undisturbed, cluster):
    project = copy()
    run, process, before = strike(project)
    _, block = block_of(process)
    node = process.environ()["SLURMD_NODENAME"]
    cluster.kill(f"slurmd.{node}")
    project.wait(lambda: cluster.state(node).startswith("down"), "the node to be given up")
    # What was given up for dead writes on, beside the job that takes its place.
    process.send_signal(signal.SIGCONT)
    finish(project, undisturbed, before, run)
    assert_only_one_ran_again(project, block, ["NODE_FAIL", "COMPLETED"])


@pytest.mark.costly
@fault("controller")
def test_the_controller_is_lost_for_a_while(copy, undisturbed, cluster):
    project = copy()
    run, process, before = strike(project)
    cluster.kill("slurmctld")
    process.send_signal(signal.SIGCONT)
    time.sleep(30)
    cluster.start("slurmctld")
    finish(project, undisturbed, before, run)


@fault("wait")
def test_snakemake_is_killed_and_its_jobs_are_waited_for(copy, undisturbed):
    project = copy()
    run, process, before = strike(project)
    _, block = block_of(process)
    kill_snakemake(run)
    refused = project.run_on_slurm(*project.targets(), fails=True)
    assert "--earlier-jobs wait" in refused
    assert list(project.folder.glob(".snakemake/locks/*")), "unlocked while jobs of the earlier run live"
    process.send_signal(signal.SIGCONT)
    project.run_on_slurm(*project.targets(), "--earlier-jobs", "wait")
    assert set(project.ran("segment_block")[block]) == {"COMPLETED"}, "the earlier job was not left to finish"
    finish(project, undisturbed, before)


@pytest.mark.costly
@fault("cancel")
def test_snakemake_is_killed_and_its_jobs_are_cancelled(copy, undisturbed):
    project = copy()
    run, process, before = strike(project)
    _, block = block_of(process)
    kill_snakemake(run)
    project.run_on_slurm(*project.targets(), "--earlier-jobs", "cancel")
    assert project.ran("segment_block")[block] == ["CANCELLED", "COMPLETED"]
    finish(project, undisturbed, before)


@pytest.mark.costly
@fault("restart")
def test_snakemake_is_killed_and_its_jobs_end(copy, undisturbed):
    project = copy()
    run, process, before = strike(project)
    kill_snakemake(run)
    process.send_signal(signal.SIGCONT)
    project.wait(lambda: not project.queued(), "the jobs to end")
    committed = project.commits()
    project.run_on_slurm(*project.targets())
    finish(project, undisturbed, before | committed)


@pytest.mark.costly
@fault("two_writers")
def test_two_jobs_write_the_same_fields(copy, undisturbed):
    project = copy()
    run, old, before = strike(project)
    _, block = block_of(old)
    kill_snakemake(run)
    plain = ("-m", "snakemake")
    project.run_on_slurm("--unlock", launcher=plain)
    again = project.start_on_slurm(*project.targets(), launcher=plain)
    new = project.freeze("segment_block", commits=len(before) + 1)
    # The old job finishes while the new one stands in the middle of the same block; then the new one goes on.
    old.send_signal(signal.SIGCONT)
    project.wait(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE, "the old job to finish")
    contested = project.commits()
    new.send_signal(signal.SIGCONT)
    finish(project, undisturbed, before | contested, again)
    assert project.ran("segment_block")[block] == ["COMPLETED", "COMPLETED"]


@pytest.mark.costly
@fault("time")
def test_a_job_takes_too_long(copy, undisturbed):
    project = copy()
    run, process, before = strike(project, "--set-resources", "segment_block:runtime=1 * attempt", "--")
    _, block = block_of(process)
    finish(project, undisturbed, before, run)
    assert_only_one_ran_again(project, block, ["TIMEOUT", "COMPLETED"])
    minutes = {limit for rule, limit in project.limits("segment_block") if rule == block}
    assert minutes == {"00:01:00", "00:02:00"}


@fault("memory")
def test_a_job_runs_out_of_memory(copy, undisturbed):
    project = copy()
    project.forget_cells()
    before = project.commits()
    # The cluster lets a process address four times what its job asked for; 200 MB are too little for the first try.
    run = project.start_on_slurm("--set-resources", "measure_block:mem_mb=200 * attempt**3", "--", *project.targets())
    finish(project, undisturbed, before, run)
    for states in project.ran("measure_block").values():
        assert states[-1] == "COMPLETED"
        assert len(states) > 1
        assert set(states[:-1]) <= {"FAILED", "OUT_OF_MEMORY"}
    logs = "".join(path.read_text() for path in project.folder.glob("slurm_logs/rule_measure_block/**/*.log"))
    assert re.search(r"MemoryError|[Cc]annot allocate memory|can't start new thread|failed to map", logs), logs[-3000:]


@fault("disk_full")
def test_the_disk_is_full(copy, undisturbed):
    project = copy()
    project.forget_blocks()
    results, aside = project.folder / "results", project.folder.with_name("aside")
    results.rename(aside)
    results.mkdir()
    mount("-t", "tmpfs", "-o", "size=1g", "tmpfs", results)
    shutil.copytree(aside, results, dirs_exist_ok=True)
    disk = os.statvfs(results)
    used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    # A field's labels take 8 pages of 4 KiB, and there are 12 fields.
    mount("-o", f"remount,size={used + 5 * 8 * 4096}", results)
    text = project.run_on_slurm("--retries", "0", *project.targets(), fails=True) + project.log()
    assert "No space left on device" in text
    before = project.commits()
    assert 0 < len(before) < 12, "the disk was to become full half way"
    mount("-o", "remount,size=1g", results)
    project.run_on_slurm(*project.targets())
    finish(project, undisturbed, before)


@pytest.mark.costly
@fault("read_only")
def test_the_results_turn_read_only(copy, undisturbed):
    project = copy()
    run, process, before = strike(project, "--retries", "0")
    results = project.folder / "results"
    # A mount over the folder: open files stay writable, as when a server goes over to its last good state.
    mount("--bind", results, results)
    mount("-o", "remount,ro,bind", results)
    with pytest.raises(OSError, match="Read-only"):
        (results / "probe").touch()
    process.send_signal(signal.SIGCONT)
    assert run.wait() != 0
    assert "Read-only file system" in project.log()
    subprocess.run(["umount", results], check=True)
    project.run_on_slurm(*project.targets())
    finish(project, undisturbed, before)


def damage_chunk(project, field):
    chunk = field / "labels/cells/0/c/0/0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 0xFF
    chunk.write_bytes(data)


def delete_label(project, field):
    shutil.rmtree(field / "labels" / "nuclei" / "0")


def cut_manifest(project, field):
    manifest = project.plate / "fields" / f"{project.blocks[0]}.parquet"
    manifest.write_bytes(manifest.read_bytes()[: manifest.stat().st_size // 2])


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(damage_chunk, marks=fault("corrupt")),
        pytest.param(delete_label, marks=[fault("label_deleted"), pytest.mark.costly]),
        pytest.param(cut_manifest, marks=[fault("manifest_cut"), pytest.mark.costly]),
    ],
    ids=lambda damage: damage.__name__,
)
def test_what_was_written_is_damaged(copy, undisturbed, damage):
    project = copy()
    project.forget_cells()
    block = project.blocks[0]
    field = project.plate / "plate.zarr" / block[0] / block[1:3] / "1"
    before = project.commits()
    damage(project, field)
    text = project.run_on_slurm("--retries", "0", *project.targets(), fails=True) + project.log()
    assert "Hint:" in text
    assert not (project.plate / "cells" / f"{block}.parquet").exists()
    assert (project.plate / "cells" / f"{project.blocks[1]}.parquet").exists(), "the other block was held up"
    project.platewise("verify", project.config)
    project.run_on_slurm(*project.targets())
    damaged = set() if damage is cut_manifest else {str(field.relative_to(project.plate))}
    assert {name for name, commit in project.commits().items() if before[name] != commit} == damaged
    finish(project, undisturbed, project.commits())


@fault("no_gpu")
def test_a_gpu_job_finds_no_gpu(copy, undisturbed):
    project = copy()
    shutil.rmtree(project.plate / "embeddings")
    shutil.rmtree(project.results / "logs")
    tables = [f"results/faults/plates/{PLATE}/embeddings/deep/{block}.parquet" for block in project.blocks]
    # The test cluster's GPUs are none: with any device but `cpu`, torch must look for one and find nothing.
    text = project.run_on_slurm("--retries", "0", "--config", "device=auto", "--", *tables, fails=True) + project.log()
    assert "DeviceError: device: this job was allotted a GPU" in text
    assert not list((project.plate / "embeddings").rglob("*.parquet"))
    project.run_on_slurm(*tables)
    finish(project, undisturbed, project.commits())


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)
