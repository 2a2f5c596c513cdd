"""Nothing is cleared away while something lives; SLURM jobs of an earlier run are refused, waited for or cancelled."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from platewise import launch
from platewise.cluster.queue import QueuedJob
from platewise.launch import EarlierJobs

RUN = "4ffd9912-5052-4632-8a22-5a5372d68b56"
JOB = QueuedJob("17", RUN, "RUNNING", 60, "c1", "segment_block", "P1_A01")


@pytest.fixture
def queue(monkeypatch):
    """A queue that answers from a list of answers, the last one for ever; what is cancelled is remembered."""

    class Queue:
        answers, cancelled = [[]], []

    def answer(_folder):
        return Queue.answers.pop(0) if len(Queue.answers) > 1 else Queue.answers[0]

    Queue.answers, Queue.cancelled = [[]], []
    monkeypatch.setattr(launch, "queued_jobs", answer)
    monkeypatch.setattr(launch, "cancel", Queue.cancelled.extend)
    monkeypatch.setattr(launch, "_POLL_S", 0)
    return Queue


@pytest.fixture
def started(monkeypatch, queue):
    """What would have been started."""
    commands = []
    monkeypatch.setattr(launch, "_start", lambda command: commands.append(command) or 0)
    return commands


def make_lock(folder):
    lock = folder / ".snakemake" / "locks" / "0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("x")
    return lock


def claim_of(host, pid=4, slurm_job=""):
    return {"host": host, "pid": pid, "started": "2026-11-20 18:00:00", "slurm_job": slurm_job}


def test_nothing_starts_while_snakemake_works(tmp_path, started):
    script = tmp_path / "snakemake"
    script.write_text("import time\ntime.sleep(60)\n")
    with subprocess.Popen([sys.executable, str(script)], cwd=tmp_path) as running:
        time.sleep(0.3)
        with pytest.raises(launch.RunningError, match=f"process {running.pid}"):
            launch.run(["--cores", "1"], tmp_path)
        running.kill()
    assert started == []


def test_a_dry_run_touches_nothing(tmp_path, started, queue):
    locks = make_lock(tmp_path)
    queue.answers = [[JOB]]
    assert launch.run(["--dry-run"], tmp_path) == 0
    assert len(started) == 1
    assert locks.exists()
    assert not (tmp_path / ".snakemake" / "platewise-run.json").exists()


def test_jobs_in_the_queue_are_refused(tmp_path, started, queue):
    queue.answers = [[JOB]]
    lock = make_lock(tmp_path)
    with pytest.raises(launch.RunningError, match=f"1 job.*{RUN}.*--earlier-jobs wait.*scancel --me --name={RUN}"):
        launch.run([], tmp_path)
    assert started == []
    assert lock.exists(), "unlocked while jobs live"


def test_jobs_in_the_queue_are_waited_for(tmp_path, started, queue):
    queue.answers = [[JOB, JOB], [JOB], []]
    lock = make_lock(tmp_path)
    assert launch.run([], tmp_path, EarlierJobs.WAIT) == 0
    assert queue.cancelled == []
    assert len(started) == 1
    assert not lock.exists()


def test_jobs_in_the_queue_are_cancelled(tmp_path, started, queue):
    queue.answers = [[JOB], [JOB], []]
    assert launch.run([], tmp_path, EarlierJobs.CANCEL) == 0
    assert queue.cancelled == [JOB]
    assert len(started) == 1


@pytest.mark.parametrize(("answer", "goes_on"), [("w", True), ("Cancel", True), ("q", False), ("", False)])
def test_on_a_terminal_it_asks(tmp_path, started, queue, monkeypatch, answer, goes_on):
    queue.answers = [[JOB], []]
    monkeypatch.setattr(launch.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer if RUN in question else "?")
    if goes_on:
        assert launch.run([], tmp_path) == 0
    else:
        with pytest.raises(launch.RunningError):
            launch.run([], tmp_path)
    assert queue.cancelled == ([JOB] if answer == "Cancel" else [])


def test_a_run_on_another_machine_is_refused(tmp_path, started):
    record = tmp_path / ".snakemake" / "platewise-run.json"
    record.parent.mkdir()
    record.write_text(json.dumps(claim_of("login7")))
    with pytest.raises(launch.RunningError, match=r"login7 \(process 4.*rm .*platewise-run.json"):
        launch.run([], tmp_path)
    assert started == []


@pytest.mark.parametrize("left", ["{", "[]", None])
def test_the_record_of_a_run_that_was_killed_here_is_no_obstacle(tmp_path, started, left):
    record = tmp_path / ".snakemake" / "platewise-run.json"
    record.parent.mkdir()
    record.write_text(left or json.dumps(claim_of(socket.gethostname())))
    assert launch.run([], tmp_path) == 0
    assert not record.exists()


@pytest.mark.parametrize(("queued", "refused"), [("16\n17\n", True), ("16\n", False)])
def test_a_run_in_a_slurm_job_is_over_with_its_job(tmp_path, started, monkeypatch, queued, refused):
    record = tmp_path / ".snakemake" / "platewise-run.json"
    record.parent.mkdir()
    record.write_text(json.dumps(claim_of("node3", slurm_job="17")))
    monkeypatch.setattr(launch, "has_slurm", lambda: True)
    monkeypatch.setattr(launch, "ask", lambda *_: queued)
    if refused:
        with pytest.raises(launch.RunningError, match="node3"):
            launch.run([], tmp_path)
    else:
        assert launch.run([], tmp_path) == 0


def test_a_run_that_started_while_this_one_waited_is_left_alone(tmp_path, started, queue, monkeypatch):
    record = tmp_path / ".snakemake" / "platewise-run.json"
    lock = make_lock(tmp_path)
    queue.answers = [[JOB], []]
    monkeypatch.setattr(launch.time, "sleep", lambda _: record.write_text(json.dumps(claim_of("login7"))))
    with pytest.raises(launch.RunningError, match="login7"):
        launch.run([], tmp_path, EarlierJobs.WAIT)
    assert started == []
    assert lock.exists()
    assert json.loads(record.read_text())["host"] == "login7"
    assert list(record.parent.glob(".*")) == []


def test_another_launcher_here_is_refused(tmp_path, started):
    record = tmp_path / ".snakemake" / "platewise-run.json"
    record.parent.mkdir()
    (tmp_path / "platewise").write_text("import time\ntime.sleep(60)\n")
    with subprocess.Popen([sys.executable, str(tmp_path / "platewise"), "run"]) as other:
        record.write_text(json.dumps(claim_of(socket.gethostname(), other.pid)))
        with pytest.raises(launch.RunningError, match=f"process {other.pid}"):
            launch.run([], tmp_path)
        other.kill()
    assert started == []


def test_a_queue_that_is_away_for_a_while_is_waited_for(tmp_path, started, monkeypatch, queue):
    answers = iter([[JOB], queue_error(), queue_error(), []])

    def answer(_folder):
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(launch, "queued_jobs", answer)
    assert launch.run([], tmp_path, EarlierJobs.WAIT) == 0
    assert len(started) == 1


def queue_error():
    return launch.QueueError("squeue did not answer")


def test_a_run_is_recorded_while_it_lasts(tmp_path, queue, monkeypatch):
    seen = []
    record = tmp_path / ".snakemake" / "platewise-run.json"
    monkeypatch.setattr(launch, "_start", lambda _: seen.append(json.loads(record.read_text())) or 3)
    assert launch.run([], tmp_path) == 3
    assert seen[0]["host"] == socket.gethostname()
    assert seen[0]["pid"] == os.getpid()
    assert not record.exists()


def test_whoever_takes_files_away_asks_whether_anything_is_at_work(tmp_path, queue):
    launch.refuse_if_at_work(tmp_path)
    queue.answers = [[JOB]]
    with pytest.raises(launch.RunningError, match=r"1 job.*still in the queue: 17\. Hint: wait"):
        launch.refuse_if_at_work(tmp_path)


def test_a_signal_to_end_is_handed_on():
    code = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\ntime.sleep(60)"
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert launch._start([sys.executable, "-c", code]) == 7


def test_anothers_lock_is_not_ours_to_remove(tmp_path, monkeypatch, started):
    make_lock(tmp_path)
    monkeypatch.setattr(launch.os, "getuid", lambda: 12345)
    with pytest.raises(launch.RunningError, match="another user"):
        launch.run([], tmp_path)
    assert started == []


def test_locks_are_removed(tmp_path):
    lock = make_lock(tmp_path)
    launch.unlock(tmp_path)
    assert not lock.exists()
