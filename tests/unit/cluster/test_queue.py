"""The queue as `squeue` prints it, and the runs behind it."""

import subprocess

import pytest

from platewise.cluster import queue
from platewise.cluster.queue import QueuedJob, QueueError

RUN = "4ffd9912-5052-4632-8a22-5a5372d68b56"


@pytest.fixture
def slurm(monkeypatch):
    """SLURM's commands, answered from a list; what was asked is remembered."""

    class Slurm:
        answer, status, asked = "", 0, []

    def run(command, **_):
        Slurm.asked.append(command)
        return subprocess.CompletedProcess(command, Slurm.status, stdout=Slurm.answer, stderr="no controller")

    Slurm.asked = []
    monkeypatch.setattr(queue.shutil, "which", lambda _: "/usr/bin/squeue")
    monkeypatch.setattr(queue.subprocess, "run", run)
    return Slurm


@pytest.fixture(autouse=True)
def ran(tmp_path):
    """A run in the folder used SLURM."""
    log = tmp_path / ".snakemake" / "log" / "2026-11-20T180000.000000.snakemake.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"Building DAG of jobs...\nSLURM run ID: {RUN}\n")
    return log


def line(*fields):
    return "\x1f".join(fields) + "\n"


def test_jobs_of_a_folder(slurm, tmp_path):
    here = str(tmp_path)
    slurm.answer = (
        line("17", RUN, "RUNNING", "1:02:03", "c1", "rule_segment_block_wildcards_P 1_A01-A16", here)
        + line("18", f"mine_{RUN}", "PENDING", "0:00", "", "rule_train_embedding", here)
        + line("19", RUN, "RUNNING", "0:05", "c1", "rule_segment_block_wildcards_P1_A01", "/elsewhere")
        + line("20", "bash", "RUNNING", "0:05", "c1", "(null)", here)
        + line("22", RUN, "RUNNING", "0:05", "c1", "(null)", here)
        + line("21", "bash", "RUNNING", "0:05", "c1", "rule_made_by_hand", here)
    )
    assert queue.queued_jobs(tmp_path) == [
        QueuedJob("17", RUN, "RUNNING", 3723, "c1", "segment_block", "P 1_A01-A16"),
        QueuedJob("18", f"mine_{RUN}", "PENDING", 0, "", "train_embedding", ""),
        # Some sites take comments away.
        QueuedJob("22", RUN, "RUNNING", 5, "c1", "", ""),
    ]


def test_without_slurm_there_is_no_queue(monkeypatch, tmp_path):
    monkeypatch.setattr(queue.shutil, "which", lambda _: None)
    assert queue.queued_jobs(tmp_path) == []


@pytest.mark.parametrize(
    "text", ["Building DAG of jobs...\nProvided cores: 2\n", "x" * 5000 + "SLURM run ID: late", None]
)
def test_slurm_is_not_asked_where_no_run_used_it(slurm, tmp_path, ran, text):
    ran.unlink() if text is None else ran.write_text(text)
    slurm.status = 1
    assert queue.queued_jobs(tmp_path) == []
    assert slurm.asked == []


def test_a_queue_that_does_not_answer_is_an_error(slurm, tmp_path):
    slurm.status = 1
    with pytest.raises(QueueError, match=r"squeue failed: no controller\. Hint: try again"):
        queue.queued_jobs(tmp_path)


def test_a_queue_that_hangs_is_an_error(slurm, tmp_path, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(queue.subprocess, "run", hang)
    with pytest.raises(QueueError, match="squeue did not answer within 60 s"):
        queue.queued_jobs(tmp_path)


def test_runs_are_cancelled_by_their_id(slurm):
    jobs = [QueuedJob(str(i), name, "RUNNING", 0, "", "r", "") for i, name in enumerate(["a", "b", "a"])]
    queue.cancel(jobs)
    assert slurm.asked == [("scancel", "--me", "--name=a"), ("scancel", "--me", "--name=b")]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:00", 0), ("1:05", 65), ("2:00:01", 7201), ("1-01:00:00", 90000), ("00:00:07.250", 7), ("INVALID", 0)],
)
def test_times(text, seconds):
    assert queue.parse_time(text) == seconds
