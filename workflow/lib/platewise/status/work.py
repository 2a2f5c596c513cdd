"""What is at work on a campaign now: SLURM jobs, processes of this machine, and Snakemake's lock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from platewise.cluster.queue import QueueError, queued_jobs
from platewise.plan.jobs import Job
from platewise.processes import find_running, processes_in


@dataclass(frozen=True)
class Work:
    """What is at work.

    ``running`` holds the seconds since each job started, ``queued`` the jobs that wait in the SLURM queue, ``since``
    when the run began (seconds since 1970, None if no run has left its lock), ``note`` what could not be seen.
    """

    running: dict[Job, float]
    queued: frozenset[Job]
    since: float | None
    note: str = ""


def find_work(jobs: Sequence[Job], folder: Path) -> Work:
    """Look for the jobs of a campaign that are at work.

    Parameters
    ----------
    jobs
        All jobs of the campaign.
    folder
        Where Snakemake runs.
    """
    note = ""
    # SLURM tells rule and wildcards of a job; the executor writes "_" for what may not stand in a file's name.
    named = {(job.rule, "_".join(job.wildcards).replace("/", "_")): job for job in jobs}
    running: dict[Job, float] = {}
    queued: set[Job] = set()
    try:
        for entry in queued_jobs(folder):
            job = named.get((entry.rule, entry.wildcards))
            if job is None:
                continue
            if entry.state == "PENDING":
                queued.add(job)
            else:
                running[job] = float(entry.elapsed_s)
    except QueueError as error:
        note = f"SLURM jobs cannot be seen: {error}"
    for job, seconds in _local_jobs(jobs, folder).items():
        running.setdefault(job, seconds)
    since = _lock_time(folder)
    if since is not None and not (running or queued or note) and find_running(folder) is None:
        note = (
            "a run has left its lock, but nothing of it is seen from this machine: it works on another, or was killed"
        )
    return Work(running, frozenset(queued - set(running)), since, note)


def _local_jobs(jobs: Sequence[Job], folder: Path) -> dict[Job, float]:
    """Return the jobs that run on this machine: each holds its log open."""
    now = time.time()
    logs = {str((folder / job.log).resolve()): job for job in jobs}
    found: dict[Job, float] = {}
    for process in processes_in(folder):
        # Processes end while they are looked at.
        with suppress(psutil.Error, OSError):
            seconds = now - process.create_time()
            for job in filter(None, (logs.get(file.path) for file in process.open_files())):
                found[job] = max(found.get(job, 0.0), seconds)
    return found


def _lock_time(folder: Path) -> float | None:
    times = []
    for lock in (folder / ".snakemake" / "locks").glob("*.lock"):
        try:
            times.append(lock.stat().st_mtime)
        except OSError:
            continue
    return min(times, default=None)
