"""Starting Snakemake so that a run that was killed goes on by itself.

After SIGKILL, Snakemake leaves a lock, and children that go on writing. Both are dealt with here, in that order:
nothing is unlocked while something may still write.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psutil

from platewise.errors import PlatewiseError

log = logging.getLogger(__name__)

_GRACE_S = 10


class RunningError(PlatewiseError):
    """Another Snakemake works in this folder."""


def run(arguments: Sequence[str], folder: Path) -> int:
    """Run Snakemake with ``arguments``, started in ``folder``, and return its exit status.

    Orphans of a killed run are ended, its lock is removed, and what it left half done is made again.

    Raises
    ------
    RunningError
        If a Snakemake is at work in ``folder``.
    """
    folder = _folder(arguments, folder)
    if not _only_asks(arguments):
        refuse_if_running(folder)
        end_orphans(folder)
        unlock(folder)
    # Before the option, so that the list that --quiet takes ends there and not in the user's targets.
    options = [*_cores(arguments), *_quiet(arguments), "--rerun-incomplete"]
    command = [sys.executable, "-m", "snakemake", *options, *arguments]
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal sent it to Snakemake too, which ends its jobs in order: wait for that.
                continue


def refuse_if_running(folder: Path) -> None:
    """Raise if Snakemake works in ``folder``, here or through jobs in a SLURM queue.

    A Snakemake that another user started, or one on another machine that shares the folder, shows by its lock alone:
    then the lock is theirs to remove.
    """
    inside = _processes_in(folder)
    for process in inside:
        if _is_snakemake(process) or (_is_job(process) and _has_living_parent(process, inside)):
            raise RunningError(
                f"Snakemake already works in {folder} (process {process.pid}). "
                "Hint: wait until it has finished, or end it with Ctrl-C where it was started."
            )
    queued = _queued_jobs(folder)
    if queued:
        raise RunningError(
            f"jobs of an earlier run in {folder} are still in the queue: {', '.join(queued)}. "
            f"Hint: wait for them, or cancel them: scancel {' '.join(queued)}"
        )
    for lock in _locks(folder):
        if lock.stat().st_uid != os.getuid():
            raise RunningError(
                f"{lock} belongs to another user, whose run may be at work. "
                "Hint: ask them; when nothing runs, they remove it with `snakemake --unlock`."
            )


def end_orphans(folder: Path) -> list[int]:
    """End the jobs in ``folder`` whose Snakemake is gone, and return their process numbers."""
    orphans = [process for process in _processes_in(folder) if _is_job(process)]
    for process in orphans:
        log.warning("ending process %d, left by a run that was killed", process.pid)
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(orphans, timeout=_GRACE_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_GRACE_S)
    return [process.pid for process in orphans]


def unlock(folder: Path) -> None:
    """Remove the lock that a killed Snakemake left. Call it only when nothing works in ``folder``."""
    for lock in _locks(folder):
        log.warning("removing the lock of a run that was killed: %s", lock.name)
        lock.unlink(missing_ok=True)


def _folder(arguments: Sequence[str], folder: Path) -> Path:
    """Return where Snakemake will work: ``--directory`` moves it."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
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


def _queued_jobs(folder: Path) -> list[str]:
    """Return the ids of the user's SLURM jobs that work in ``folder``; none where there is no SLURM."""
    if shutil.which("squeue") is None:
        return []
    asked = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%i %Z"], capture_output=True, text=True, check=False
    )
    if asked.returncode != 0:
        log.warning("squeue does not answer, so jobs of an earlier run cannot be seen: %s", asked.stderr.strip())
        return []
    jobs = [line.partition(" ") for line in asked.stdout.splitlines()]
    return [number for number, _, place in jobs if Path(place) == folder.resolve()]


def _has_living_parent(job: psutil.Process, inside: Sequence[psutil.Process]) -> bool:
    """Tell whether a job was started by something that still lives in the folder: a Snakemake by another name."""
    try:
        parents = [parent for parent in job.parents() if parent in inside]
    except psutil.Error:
        return False
    return any(not _is_job(parent) for parent in parents)


def _cores(arguments: Sequence[str]) -> list[str]:
    """Ask for all cores unless the user, or a profile of theirs, says how many jobs may run."""
    told = ("--cores", "-c", "--jobs", "-j", "--profile", "--workflow-profile", "--executor", "-e")
    given = any(argument.split("=")[0] in told or argument[:2] in ("-c", "-j") for argument in arguments)
    return [] if given else ["--cores", "all"]


def _quiet(arguments: Sequence[str]) -> list[str]:
    """Show one line a finished job and how many are left, unless the user asks for more or less."""
    given = any(argument.split("=")[0] in ("--quiet", "-q", "--verbose") for argument in arguments)
    return [] if given else ["--quiet", "rules", "reason", "host"]


def _processes_in(folder: Path) -> list[psutil.Process]:
    found, place = [], folder.resolve()
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and Path(process.cwd()) == place:
                found.append(process)
        except (psutil.Error, OSError):
            # Other users' processes and those that have just ended are none of ours.
            continue
    return found


def _is_snakemake(process: psutil.Process) -> bool:
    command = _command(process)
    is_module = any(a == "-m" and b == "snakemake" for a, b in pairwise(command))
    return is_module or any(Path(part).name == "snakemake" for part in command[:2])


def _is_job(process: psutil.Process) -> bool:
    command = _command(process)
    runs = bool(command) and Path(command[0]).name.startswith(("python", "bash", "sh"))
    return runs and any(".snakemake/scripts/" in part for part in command)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
