"""Processes of Snakemake on this machine: those at work in a folder, and those that a killed run left behind."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psutil

_GRACE_S = 10


def find_running(folder: Path, slurm_jobs: Set[str] = frozenset()) -> int | None:
    """Return the number of a process by which Snakemake works in ``folder``, or None.

    Parameters
    ----------
    folder
        Where Snakemake works.
    slurm_jobs
        Ids of SLURM jobs that are known to work there: where a compute node is this machine, their processes are not
        taken for a Snakemake of their own.
    """
    inside = processes_in(folder)
    for process in inside:
        if _slurm_job(process) in slurm_jobs:
            continue
        if _is_snakemake(process) or (_is_job(process) and _has_living_parent(process, inside)):
            return process.pid
    return None


def end_orphans(folder: Path) -> list[int]:
    """End the jobs in ``folder`` whose Snakemake is gone, and return their process numbers.

    Call it when no Snakemake works there (``find_running``).
    """
    orphans = [process for process in processes_in(folder) if _is_job(process)]
    for process in orphans:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(orphans, timeout=_GRACE_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_GRACE_S)
    return [process.pid for process in orphans]


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the user's processes, this one left out, whose working directory is ``folder``."""
    found, place = [], folder.resolve()
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and Path(process.cwd()) == place:
                found.append(process)
        except (psutil.Error, OSError):
            # Other users' processes and those that have just ended are none of ours.
            continue
    return found


def is_launcher(pid: int) -> bool:
    """Tell whether a process is a `platewise run` that lives; its number may be another's by now."""
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return any("platewise" in Path(part).name for part in command[:3]) and "run" in command


def _has_living_parent(job: psutil.Process, inside: Sequence[psutil.Process]) -> bool:
    """Tell whether a job was started by something that still lives in the folder: a Snakemake by another name."""
    try:
        parents = [parent for parent in job.parents() if parent in inside]
    except psutil.Error:
        return False
    return any(not _is_job(parent) for parent in parents)


def _is_snakemake(process: psutil.Process) -> bool:
    command = _command(process)
    is_module = any(a == "-m" and b == "snakemake" for a, b in pairwise(command))
    # Not whoever looks at a file of that name.
    by_python = bool(command) and Path(command[0]).name.startswith("python")
    return is_module or any(Path(part).name == "snakemake" for part in command[: 1 + by_python])


def _is_job(process: psutil.Process) -> bool:
    command = _command(process)
    runs = bool(command) and Path(command[0]).name.startswith(("python", "bash", "sh"))
    return runs and any(".snakemake/scripts/" in part for part in command)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _slurm_job(process: psutil.Process) -> str:
    """Return the id of the SLURM job that a process is part of; empty for none."""
    try:
        return process.environ().get("SLURM_JOB_ID", "")
    except (psutil.Error, OSError):
        return ""
