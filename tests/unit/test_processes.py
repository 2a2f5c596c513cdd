"""Processes of Snakemake are told from bystanders; orphans are ended, the jobs of a queue are left to it."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from platewise import processes

SLEEPER = "import time\nwhile True: time.sleep(0.1)\n"


@pytest.fixture
def start(tmp_path):
    """Start a Python process in the folder from a file below it, and end it afterwards."""
    started = []

    def go(path, code=SLEEPER, **environment):
        script = tmp_path / path
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(code)
        started.append(subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, env=os.environ | environment))
        time.sleep(0.3)
        return started[-1]

    yield go
    for process in started:
        process.kill()
        process.wait()


def test_orphans_of_a_killed_run_are_ended(start, tmp_path):
    job = start(".snakemake/scripts/tmp1.segment_block.py")
    bystander = start("mine.py")
    assert processes.end_orphans(tmp_path) == [job.pid]
    assert not psutil.pid_exists(job.pid)
    assert psutil.pid_exists(bystander.pid)


def test_an_orphan_that_ignores_the_signal_is_killed(start, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_GRACE_S", 1)
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER
    job = start(".snakemake/scripts/tmp2.segment_block.py", stubborn)
    processes.end_orphans(tmp_path)
    assert not psutil.pid_exists(job.pid)


def test_jobs_of_another_folder_are_left_alone(start, tmp_path):
    start(".snakemake/scripts/tmp1.segment_block.py")
    other = tmp_path / "other"
    other.mkdir()
    assert processes.end_orphans(other) == []


def test_a_living_snakemake_is_found(start, tmp_path):
    assert processes.find_running(tmp_path) is None
    running = start("snakemake")
    assert processes.find_running(tmp_path) == running.pid


def test_the_snakemake_of_a_queued_job_is_not_a_run(start, tmp_path):
    running = start("snakemake", SLURM_JOB_ID="17")
    assert processes.find_running(tmp_path, {"17"}) is None
    assert processes.find_running(tmp_path, {"18"}) == running.pid


def test_who_looks_at_a_job_is_left_alone(start, tmp_path):
    script = tmp_path / ".snakemake" / "scripts" / "x.py"
    script.parent.mkdir(parents=True)
    script.write_text("")
    reader = subprocess.Popen(["tail", "-f", str(script)], cwd=tmp_path)
    try:
        time.sleep(0.2)
        assert processes.end_orphans(tmp_path) == []
    finally:
        reader.kill()
        reader.wait()


def test_a_job_whose_runner_lives_is_no_orphan(start, tmp_path):
    script = tmp_path / ".snakemake" / "scripts" / "tmp3.py"
    script.parent.mkdir(parents=True)
    script.write_text(SLEEPER)
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, {str(script)!r}])\n"
    start("runner.py", code)
    assert processes.find_running(tmp_path) is not None
    for process in processes.processes_in(tmp_path):
        process.kill()
