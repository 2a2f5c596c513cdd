"""Why a job failed, from logs as jobs and SLURM write them."""

import os
import subprocess
import sys

import pytest

from platewise.plan.jobs import Job
from platewise.status.failures import find_failures, last_error, slurm_error
from platewise.status.files import Files

JOB = Job(
    "segment_block", "segment", "P1", "A01-A02", ("P1", "A01-A02"), (), (), ("m.parquet",), "logs/a.log", "b/a.tsv"
)
FAILING = """
import logging
from platewise.errors import DataError
from platewise.jobs import log_to
log_to("logs/a.log")
logging.info("P1 A01 field 1: 7 cells")
raise DataError("plate.zarr: the label is gone.\\nHint: run `platewise verify`.")
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b").mkdir()
    return tmp_path


def run_failing_job(folder):
    done = subprocess.run([sys.executable, "-c", FAILING], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1


def failures(folder):
    return list(find_failures([JOB], Files(folder)))


def write(path, text="", time=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if time is not None:
        os.utime(path, (time, time))


def test_a_job_that_failed_says_why(folder):
    run_failing_job(folder)
    found = failures(folder)
    assert [(failure.told, failure.reason, failure.log, failure.slurm_log) for failure in found] == [
        (True, "Hint: run `platewise verify`.", "logs/a.log", "")
    ]


def test_a_log_of_a_try_that_later_succeeded_is_no_failure(folder):
    write(folder / "logs/a.log", "2026-01-01 10:00:00,123 CRITICAL Traceback\nDataError: x\n", time=1000)
    write(folder / "b/a.tsv", "s\n1.0\n", time=2000)
    assert failures(folder) == []
    os.utime(folder / "b/a.tsv", (500, 500))
    assert [failure.reason for failure in failures(folder)] == ["DataError: x"]


def test_a_job_that_was_never_tried_has_not_failed(folder):
    assert failures(folder) == []


def test_a_job_that_ended_without_a_word_is_stopped(folder):
    write(folder / "logs/a.log", "2026-01-01 10:00:00,123 INFO P1 A01 field 1: 7 cells\n")
    (failure,) = failures(folder)
    assert not failure.told
    assert failure.reason.startswith("it began and did not end, and left no message")


def test_slurm_says_why_a_job_was_ended(folder):
    write(folder / "logs/a.log", "2026-01-01 10:00:00,123 INFO P1 A01 field 1: 7 cells\n")
    place = folder / "slurm_logs/rule_segment_block/P1_A01-A02"
    write(place / "7.log", "slurmstepd-c1: error: *** JOB 7 ON c1 CANCELLED AT 2026-01-01T10:00:00 ***\n", time=1000)
    late = "slurmstepd-c1: error: *** JOB 8 ON c1 CANCELLED AT 2026-01-01T11:00:00 DUE TO TIME LIMIT ***\n"
    write(place / "8.log", "Building DAG of jobs...\n" + late, time=2000)
    (failure,) = failures(folder)
    assert failure.reason == "JOB 8 ON c1 CANCELLED AT 2026-01-01T11:00:00 DUE TO TIME LIMIT"
    assert failure.slurm_log == "slurm_logs/rule_segment_block/P1_A01-A02/8.log"


def test_a_job_that_slurm_ended_before_its_own_log_began(folder):
    write(folder / "slurm_logs/rule_segment_block/P1_A01-A02/7.log", "slurmstepd: error: Detected 1 oom_kill event\n")
    (failure,) = failures(folder)
    assert (failure.reason, failure.log) == ("Detected 1 oom_kill event", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", None),
        ("2026-01-01 10:00:00,123 INFO all is well\n", None),
        ("2026-01-01 10:00:00,123 CRITICAL Traceback (most recent call last):\n  a\nValueError: b\n", "ValueError: b"),
        ("2026-01-01 10:00:00,123 CRITICAL T\nKeyError: 'x'\n2026-01-01 10:00:01,000 ERROR late\n", "KeyError: 'x'"),
    ],
)
def test_the_error_that_a_log_ends_in(text, reason):
    assert last_error(text) == reason


def test_a_signal_is_named():
    text = "subprocess.CalledProcessError: Command '...' died with <Signals.SIGKILL: 9>."
    assert slurm_error(text) == "killed by SIGKILL"
    assert slurm_error("Building DAG of jobs...") is None
