"""What is at work: SLURM jobs by rule and wildcards, local jobs by the log they hold open, runs by their lock."""

import os
import subprocess
import sys
import time

import pytest

from platewise.cluster.queue import QueuedJob, QueueError
from platewise.plan.jobs import Job
from platewise.status import work
from platewise.status.work import find_work


def job(rule, *wildcards):
    return Job(rule, rule, "", "", wildcards, (), (), (), f"logs/{rule}/{'_'.join(wildcards)}.log", "")


SEGMENT, EMBED, REPORT = job("segment_block", "P1", "A01"), job("embed_block", "P1", "deep", "A01"), job("report")


def queued(rule, wildcards, state, elapsed=0):
    return QueuedJob("7", "run", state, elapsed, "c1", rule, wildcards)


@pytest.fixture
def queue(monkeypatch):
    """The SLURM queue, empty at first."""
    entries = []
    monkeypatch.setattr(work, "queued_jobs", lambda folder: entries)
    return entries


def test_slurm_jobs_are_known_by_rule_and_wildcards(queue, tmp_path):
    queue += [
        queued("segment_block", "P1_A01", "RUNNING", 90),
        queued("embed_block", "P1_deep_A01", "PENDING"),
        queued("segment_block", "P9_A01", "RUNNING", 5),
    ]
    found = find_work([SEGMENT, EMBED, REPORT], tmp_path)
    assert found.running == {SEGMENT: 90.0}
    assert found.queued == {EMBED}
    assert found.note == ""


def test_a_queue_that_does_not_answer_is_told(monkeypatch, tmp_path):
    def fail(folder):
        raise QueueError("squeue failed: no answer. Hint: try again.")

    monkeypatch.setattr(work, "queued_jobs", fail)
    found = find_work([SEGMENT], tmp_path)
    assert found.note == "SLURM jobs cannot be seen: squeue failed: no answer. Hint: try again."
    assert found.running == {}


def test_a_local_job_is_known_by_the_log_it_holds_open(queue, tmp_path):
    (tmp_path / "logs/segment_block").mkdir(parents=True)
    code = f"log = open({SEGMENT.log!r}, 'w'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "open\n"
        found = find_work([SEGMENT, EMBED], tmp_path)
        elsewhere = find_work([SEGMENT, EMBED], tmp_path / "logs")
        process.communicate("\n")
    assert list(found.running) == [SEGMENT]
    assert 0 <= found.running[SEGMENT] < 60
    assert elsewhere.running == {}


def test_a_lock_tells_since_when_and_is_noted_if_nothing_is_seen(queue, tmp_path):
    assert find_work([SEGMENT], tmp_path).since is None
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir(parents=True)
    for name, age in (("0.input.lock", 100), ("0.output.lock", 90)):
        (locks / name).write_text("")
        os.utime(locks / name, (time.time() - age, time.time() - age))
    found = find_work([SEGMENT], tmp_path)
    assert time.time() - found.since == pytest.approx(100, abs=10)
    assert "nothing of it is seen from this machine" in found.note
    queue.append(queued("segment_block", "P1_A01", "RUNNING"))
    assert find_work([SEGMENT], tmp_path).note == ""
