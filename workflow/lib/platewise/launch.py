"""Starting Snakemake so that a run that was killed goes on by itself.

After SIGKILL, Snakemake leaves a lock, children that go on writing, and jobs in the SLURM queue. They are dealt with
here, in that order: nothing is unlocked while something may still write.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from platewise.cluster.queue import QueuedJob, cancel, queued_jobs
from platewise.errors import PlatewiseError
from platewise.processes import end_orphans, find_running

log = logging.getLogger(__name__)

_POLL_S = 5


class RunningError(PlatewiseError):
    """Another Snakemake works in this folder, here or through jobs in the queue."""


class EarlierJobs(StrEnum):
    """What to do with SLURM jobs that an earlier run left: end here, wait for them, or cancel them."""

    REFUSE = "refuse"
    WAIT = "wait"
    CANCEL = "cancel"


def run(arguments: Sequence[str], folder: Path, earlier_jobs: EarlierJobs = EarlierJobs.REFUSE) -> int:
    """Run Snakemake with ``arguments``, started in ``folder``, and return its exit status.

    Orphans of a killed run are ended, its SLURM jobs waited for or cancelled, its lock is removed, and what it left
    half done is made again.

    Raises
    ------
    RunningError
        If a Snakemake is at work in ``folder``, or jobs of an earlier run are and ``earlier_jobs`` says to refuse.
    """
    folder = _folder(arguments, folder)
    # Before the option, so that the list that --quiet takes ends there and not in the user's targets.
    options = [*_cores(arguments), *_quiet(arguments), "--rerun-incomplete"]
    command = [sys.executable, "-m", "snakemake", *options, *arguments]
    if _only_asks(arguments):
        return _start(command)
    clear(folder, earlier_jobs)
    with _recorded(folder):
        return _start(command)


def clear(folder: Path, earlier_jobs: EarlierJobs) -> None:
    """Make sure that nothing works in ``folder``, and remove what a run that was killed left there."""
    _refuse_other_machines(folder)
    jobs = queued_jobs(folder)
    _refuse_processes(folder, jobs)
    if jobs:
        _settle(jobs, folder, earlier_jobs)
        # While we waited, somebody else may have started.
        _refuse_processes(folder, [])
    _refuse_other_users(folder)
    for pid in end_orphans(folder):
        log.warning("ended process %d, left by a run that was killed", pid)
    unlock(folder)


def refuse_if_at_work(folder: Path) -> None:
    """Raise ``RunningError`` if anything works in ``folder``: a Snakemake, here or elsewhere, or jobs in the queue."""
    _refuse_other_machines(folder)
    jobs = queued_jobs(folder)
    _refuse_processes(folder, jobs)
    if jobs:
        raise RunningError(
            f"{len(jobs)} job(s) of a run in {folder} are still in the queue: {', '.join(job.number for job in jobs)}. "
            "Hint: wait until they have ended."
        )


def unlock(folder: Path) -> None:
    """Remove the lock that a killed Snakemake left. Call it only when nothing works in ``folder``."""
    for lock in _locks(folder):
        log.warning("removing the lock of a run that was killed: %s", lock.name)
        lock.unlink(missing_ok=True)


def _settle(jobs: list[QueuedJob], folder: Path, earlier_jobs: EarlierJobs) -> None:
    """Wait for the jobs of earlier runs, or cancel them, or refuse."""
    runs = list(dict.fromkeys(job.run for job in jobs))
    said = f"{len(jobs)} job(s) of an earlier run in {folder} are still in the queue (run id {', '.join(runs)})"
    if earlier_jobs is EarlierJobs.REFUSE and sys.stdin.isatty():
        earlier_jobs = _ask(said)
    if earlier_jobs is EarlierJobs.REFUSE:
        cancels = " && ".join(f"scancel --me --name={run}" for run in runs)
        raise RunningError(
            f"{said}. Hint: start again with `--earlier-jobs wait` (they finish, then this run goes on) or "
            f"`--earlier-jobs cancel`; by hand: {cancels}"
        )
    if earlier_jobs is EarlierJobs.CANCEL:
        log.warning("%s: cancelled", said)
        cancel(jobs)
    else:
        log.warning("%s: waiting for them", said)
    while jobs:
        time.sleep(_POLL_S)
        left = queued_jobs(folder)
        if len(left) != len(jobs):
            log.info("%d job(s) of earlier runs left", len(left))
        jobs = left


def _ask(said: str) -> EarlierJobs:
    answer = input(f"platewise: {said}. [w]ait for them, [c]ancel them, or [q]uit? ").strip().lower()
    return {"w": EarlierJobs.WAIT, "c": EarlierJobs.CANCEL}.get(answer[:1], EarlierJobs.REFUSE)


def _refuse_processes(folder: Path, jobs: Sequence[QueuedJob]) -> None:
    running = find_running(folder, {job.number for job in jobs})
    if running is not None:
        raise RunningError(
            f"Snakemake already works in {folder} (process {running}). "
            "Hint: wait until it has finished, or end it with Ctrl-C where it was started."
        )


def _refuse_other_machines(folder: Path) -> None:
    """A run on another machine that shares the folder cannot be seen from here but by its record."""
    record = _record(folder)
    try:
        known = json.loads(record.read_text())
        host, pid, started = known["host"], known["pid"], known["started"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s cannot be read (%s), so a run on another machine would not be seen", record, error)
        return
    if host != socket.gethostname():
        raise RunningError(
            f"a run on {host} (process {pid}, started {started}) works in {folder}, as {record} says. "
            f"Hint: wait for it, or end it there. If it was killed with its machine: rm {record}"
        )


def _refuse_other_users(folder: Path) -> None:
    for lock in _locks(folder):
        if lock.stat().st_uid != os.getuid():
            raise RunningError(
                f"{lock} belongs to another user, whose run may be at work. "
                "Hint: ask them; when nothing runs, they remove it with `snakemake --unlock`."
            )


@contextmanager
def _recorded(folder: Path) -> Iterator[None]:
    """Leave a note of where the run is at work, for those who start another elsewhere."""
    record = _record(folder)
    record.parent.mkdir(exist_ok=True)
    started = time.strftime("%Y-%m-%d %H:%M:%S")
    record.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "started": started}))
    try:
        yield
    finally:
        record.unlink(missing_ok=True)


def _record(folder: Path) -> Path:
    return folder / ".snakemake" / "platewise-run.json"


def _start(command: Sequence[str]) -> int:
    with subprocess.Popen(command) as process:
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    # The terminal sent it to Snakemake too, which ends its jobs in order: wait for that.
                    continue
        finally:
            signal.signal(signal.SIGTERM, before)


def _folder(arguments: Sequence[str], folder: Path) -> Path:
    """Return where Snakemake will work: ``--directory`` moves it."""
    for argument, following in pairwise([*arguments, ""]):
        if argument in ("--directory", "-d"):
            return folder / following
        if argument.startswith("--directory="):
            return folder / argument.partition("=")[2]
    return folder


def _only_asks(arguments: Sequence[str]) -> bool:
    """Tell whether nothing will be run or written."""
    return bool({"-n", "--dry-run", "--dryrun", "-h", "--help", "--version", "-v", "--lint"} & set(arguments))


def _locks(folder: Path) -> list[Path]:
    return sorted((folder / ".snakemake" / "locks").glob("*.lock"))


def _cores(arguments: Sequence[str]) -> list[str]:
    """Ask for all cores unless the user, or a profile of theirs, says how many jobs may run."""
    told = ("--cores", "-c", "--jobs", "-j", "--profile", "--workflow-profile", "--executor", "-e")
    given = any(argument.split("=")[0] in told or argument[:2] in ("-c", "-j") for argument in arguments)
    return [] if given else ["--cores", "all"]


def _quiet(arguments: Sequence[str]) -> list[str]:
    """Show one line a finished job and how many are left, unless the user asks for more or less."""
    given = any(argument.split("=")[0] in ("--quiet", "-q", "--verbose") for argument in arguments)
    return [] if given else ["--quiet", "rules", "reason", "host"]
