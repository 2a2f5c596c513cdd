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
        launch.run(["--cores", "1"], tmp_path)


def test_a_dry_run_touches_nothing(start, tmp_path, monkeypatch):
    job = start(".snakemake/scripts/tmp1.segment_block.py")
    started = []
    monkeypatch.setattr(launch.subprocess, "Popen", lambda command: started.append(command) or FakeProcess())
    assert launch.run(["--dry-run"], tmp_path) == 0
    assert psutil.pid_exists(job.pid)
    assert len(started) == 1


class FakeProcess:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def wait(self):
        return 0


def test_the_folder_is_snakemakes(start, tmp_path):
    start("elsewhere/snakemake")
    assert launch._folder(["--directory", "elsewhere"], tmp_path) == tmp_path / "elsewhere"
    assert launch._folder(["--directory=elsewhere"], tmp_path) == tmp_path / "elsewhere"
    assert launch._folder(["-n"], tmp_path) == tmp_path


def test_who_looks_at_a_job_is_left_alone(start, tmp_path):
    script = tmp_path / ".snakemake" / "scripts" / "x.py"
    script.parent.mkdir(parents=True)
    script.write_text("")
    reader = subprocess.Popen(["tail", "-f", str(script)], cwd=tmp_path)
    try:
        time.sleep(0.2)
        assert launch.end_orphans(tmp_path) == []
    finally:
        reader.kill()
        reader.wait()


def test_a_job_whose_runner_lives_is_no_orphan(start, tmp_path):
    script = tmp_path / ".snakemake" / "scripts" / "tmp3.py"
    script.parent.mkdir(parents=True)
    script.write_text(SLEEPER)
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, {str(script)!r}])\n"
    start("runner.py", code)
    with pytest.raises(launch.RunningError, match="already works"):
        launch.refuse_if_running(tmp_path)
    for process in launch._processes_in(tmp_path):
        process.kill()


def test_jobs_in_the_queue_are_waited_for(tmp_path, monkeypatch):
    answer = f"17 {tmp_path}\n18 /elsewhere\n"
    monkeypatch.setattr(launch.shutil, "which", lambda _: "/usr/bin/squeue")
    monkeypatch.setattr(
        launch.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=answer, stderr="")
    )
    with pytest.raises(launch.RunningError, match=r"scancel 17$"):
        launch.refuse_if_running(tmp_path)


def test_anothers_lock_is_not_ours_to_remove(tmp_path, monkeypatch):
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("x")
    monkeypatch.setattr(launch.os, "getuid", lambda: 12345)
    with pytest.raises(launch.RunningError, match="another user"):
        launch.refuse_if_running(tmp_path)


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
