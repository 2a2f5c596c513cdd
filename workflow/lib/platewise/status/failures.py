"""Why a job that was tried has no output: from its own log, and from SLURM's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platewise.plan.jobs import Job
from platewise.status.files import Files

# Where profiles/slurm has SLURM's logs written, and where the executor writes them by itself.
SLURM_LOGS = ("slurm_logs", ".snakemake/slurm_logs")
_END_BYTES = 256_000
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ([A-Z]+) ", re.MULTILINE)
# "slurmstepd: error: *** JOB 7 ON c1 CANCELLED AT ... DUE TO TIME LIMIT ***", "slurmstepd-c1: error: Detected 1 oom..."
_SLURM_ERROR = re.compile(r"^(?:slurmstepd|slurmd|srun|sbatch)[^:]*: error: (.+)$", re.MULTILINE)
# What Snakemake says of a process that was killed: by the kernel for want of memory, or by hand.
_SIGNAL = re.compile(r"died with <Signals\.(\w+)")


@dataclass(frozen=True)
class Failure:
    """A job whose last try did not end well.

    ``told`` is whether the job itself said why; else it was ended from outside, and ``reason`` is SLURM's word, if any.
    """

    job: Job
    told: bool
    reason: str
    log: str
    slurm_log: str


def find_failures(jobs: Iterable[Job], files: Files) -> Iterator[Failure]:
    """Yield those of ``jobs`` (neither done nor at work) whose last try failed."""
    slurm = [folder for name in SLURM_LOGS if (folder := files.folder / name).is_dir()]
    for job in jobs:
        logged, succeeded = files.time(job.log), files.time(job.benchmark)
        # The benchmark is written when a job has succeeded, after the last line of its log.
        tried = logged is not None and (succeeded is None or succeeded < logged)
        reason = last_error(_end_of(files.folder / job.log)) if tried else None
        if not tried and (succeeded is not None or not slurm):
            continue
        slurm_log = _newest_slurm_log(job, slurm)
        if not tried and slurm_log is None:
            continue
        if reason is not None:
            yield Failure(job, True, reason, job.log, _shown(slurm_log, files.folder))
            continue
        told = slurm_error(_end_of(slurm_log)) if slurm_log is not None else None
        reason = told or "it began and did not end, and left no message: killed, or at work where it cannot be seen"
        yield Failure(job, False, reason, job.log if tried else "", _shown(slurm_log, files.folder))


def last_error(text: str) -> str | None:
    """Return the last line of the error that a job's log ends in, None if it ends in none.

    `platewise.jobs.log_to` writes an uncaught exception as a CRITICAL record, its message at the end of the traceback.
    """
    records = list(_RECORD.finditer(text))
    for number, record in enumerate(records):
        if record[1] == "CRITICAL":
            end = records[number + 1].start() if number + 1 < len(records) else len(text)
            lines = [line.strip() for line in text[record.end() : end].splitlines() if line.strip()]
            return lines[-1] if lines else "an error without a message"
    return None


def slurm_error(text: str) -> str | None:
    """Return what ended a job from outside, by the last word of SLURM or of the signal; None if neither is told."""
    found = _SLURM_ERROR.findall(text)
    if found:
        return found[-1].strip(" *")
    signals = _SIGNAL.findall(text)
    return f"killed by {signals[-1]}" if signals else None


def _newest_slurm_log(job: Job, folders: list[Path]) -> Path | None:
    place = "_".join(job.wildcards).replace("/", "_")
    logs = [log for folder in folders for log in (folder / f"rule_{job.rule}" / place).glob("*.log")]
    return max(logs, key=_changed, default=None)


def _changed(log: Path) -> float:
    # The executor deletes the logs of jobs that succeed, any moment.
    with suppress(OSError):
        return log.stat().st_mtime
    return 0.0


def _shown(path: Path | None, folder: Path) -> str:
    return "" if path is None else str(path.relative_to(folder))


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            handle.seek(max(0, path.stat().st_size - _END_BYTES))
            return handle.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
