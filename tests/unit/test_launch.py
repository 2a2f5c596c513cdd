"""What a killed run leaves is cleared away, and never while something lives."""

import subprocess
import sys
import time

import psutil
import pytest

from platewise import launch

SLEEPER = "import time\nwhile True: time.sleep(0.1)\n"


@pytest.fixture
def start(tmp_path):
    """Start a Python process in the folder from a file below it, and end it afterwards."""
    processes = []

    def go(path, code=SLEEPER):
        script = tmp_path / path
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(code)
        processes.append(subprocess.Popen([sys.executable, str(script)], cwd=tmp_path))
        time.sleep(0.3)
        return processes[-1]

    yield go
    for process in processes:
        process.kill()
        process.wait()


def test_orphans_of_a_killed_run_are_ended(start, tmp_path):
    job = start(".snakemake/scripts/tmp1.segment_block.py")
    bystander = start("mine.py")
    assert launch.end_orphans(tmp_path) == [job.pid]
    assert not psutil.pid_exists(job.pid)
    assert psutil.pid_exists(bystander.pid)


def test_an_orphan_that_ignores_the_signal_is_killed(start, tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "_GRACE_S", 1)
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER
    job = start(".snakemake/scripts/tmp2.segment_block.py", stubborn)
    launch.end_orphans(tmp_path)
    assert not psutil.pid_exists(job.pid)


def test_jobs_of_another_folder_are_left_alone(start, tmp_path):
    start(".snakemake/scripts/tmp1.segment_block.py")
    other = tmp_path / "other"
    other.mkdir()
    assert launch.end_orphans(other) == []


def test_nothing_starts_while_snakemake_works(start, tmp_path):
    running = start("snakemake")
    with pytest.raises(launch.RunningError, match=f"process {running.pid}"):
        launch.run(["-n"], tmp_path)


def test_locks_are_removed(tmp_path):
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("x")
    launch.unlock(tmp_path)
    assert list(locks.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (["--configfile", "x"], ["--cores", "all"]),
        (["--cores", "2"], []),
        (["--cores=2"], []),
        (["-c2"], []),
        (["--profile", "slurm"], []),
        (["-j", "3"], []),
    ],
)
def test_all_cores_unless_told(given, added):
    assert launch._cores(given) == added
