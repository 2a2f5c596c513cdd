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
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from platewise.cluster.queue import QueuedJob, QueueError, ask, cancel, has_slurm, queued_jobs
from platewise.errors import PlatewiseError
from platewise.processes import end_orphans, find_running, is_launcher
from platewise.snakemake_options import missing_cores, missing_quiet, only_asks, refuse_missing_configs, working_folder

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
    ConfigError
        If a config file is not there.
    RunningError
        If a Snakemake is at work in ``folder``, or jobs of an earlier run are and ``earlier_jobs`` says to refuse.
    """
    refuse_missing_configs(arguments, folder)
    folder = working_folder(arguments, folder)
    # Before the option, so that the list that --quiet takes ends there and not in the user's targets.
    options = [*missing_cores(arguments), *missing_quiet(arguments), "--rerun-incomplete"]
    command = [sys.executable, "-m", "snakemake", *options, *arguments]
    if only_asks(arguments):
        return _start(command)
    _refuse_other_runs(folder)
    jobs = queued_jobs(folder)
    _refuse_processes(folder, jobs)
    if jobs:
        _settle(jobs, folder, earlier_jobs)
    with _claimed(folder):
        # While we waited, somebody else may have started.
        _refuse_processes(folder, [])
        _refuse_other_users(folder)
        for pid in end_orphans(folder):
            log.warning("ended process %d, left by a run that was killed", pid)
        unlock(folder)
        return _start(command)


def refuse_if_at_work(folder: Path) -> None:
    """Raise ``RunningError`` if anything works in ``folder``: a Snakemake, here or elsewhere, or jobs in the queue."""
    _refuse_other_runs(folder)
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
        try:
            left = queued_jobs(folder)
        except QueueError as error:
            # Over hours, a controller may well be away for a while.
            log.warning("%s", error)
            continue
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


def _refuse_other_runs(folder: Path) -> None:
    """Raise if another run has claimed the folder; one on another machine cannot be seen from here but by its claim."""
    record = _record(folder)
    try:
        known = json.loads(record.read_text())
        host, pid, started, job = known["host"], int(known["pid"]), known["started"], known["slurm_job"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s cannot be read (%s), so a run on another machine would not be seen", record, error)
        return
    if host == socket.gethostname():
        if pid != os.getpid() and is_launcher(pid):
            raise RunningError(f"a run (process {pid}, started {started}) is at work in {folder}. Hint: wait for it.")
    elif not job or _is_queued(job):
        raise RunningError(
            f"a run on {host} (process {pid}, started {started}) works in {folder}, as {record} says. "
            f"Hint: wait for it, or end it there. If it was killed with its machine: rm {record}"
        )


def _is_queued(job: str) -> bool:
    """Tell whether the SLURM job in which a run was started is still there, as far as can be known here."""
    return not has_slurm() or job in ask("squeue", "--me", "--noheader", "--format=%i").split()


def _refuse_other_users(folder: Path) -> None:
    for lock in _locks(folder):
        if lock.exists() and lock.stat().st_uid != os.getuid():
            raise RunningError(
                f"{lock} belongs to another user, whose run may be at work. "
                "Hint: ask them; when nothing runs, they remove it with `snakemake --unlock`."
            )


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Claim the folder for this run while it lasts, for those who start another at the same time or elsewhere."""
    record = _record(folder)
    record.parent.mkdir(exist_ok=True)
    claim = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        "slurm_job": os.environ.get("SLURM_JOB_ID", ""),
    }
    text = json.dumps(claim)
    own = record.with_name(f".{record.name}.{uuid.uuid4().hex}")
    own.write_text(text)
    try:
        while True:
            try:
                # Fails if there is a claim already, on network file systems too.
                os.link(own, record)
                break
            except FileExistsError:
                _refuse_other_runs(folder)
                record.unlink(missing_ok=True)
    finally:
        own.unlink()
    try:
        yield
    finally:
        with suppress(OSError):
            if record.read_text() == text:
                record.unlink()


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


def _locks(folder: Path) -> list[Path]:
    return sorted((folder / ".snakemake" / "locks").glob("*.lock"))
