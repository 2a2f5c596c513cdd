"""Which jobs the next run would make, as far as files tell: Snakemake's own order of reasons, without Snakemake.

Parameters are not compared: that needs the workflow parsed. `platewise run --dry-run` does it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from platewise.plan.jobs import Job
from platewise.status.files import Files


def jobs_to_make(jobs: Sequence[Job], targets: Iterable[str], files: Files) -> dict[Job, str]:
    """Return the jobs that are not done, and why: what is newer or missing, of the job itself or of one before it.

    A job is to be made if a target of it is missing, if it began and did not end, if an input is newer and has another
    content, if a job before it is to be made, or if such a job's input is missing and this one makes it.

    Parameters
    ----------
    jobs
        All jobs, each after those that make its inputs.
    targets
        Files that are made again whenever they are missing.
    files
        What is on disk.
    """
    makers = {output: job for job in jobs for output in job.outputs}
    takers = _takers(jobs, makers)
    wanted = {makers[path]: f"{path} is missing" for path in targets if files.time(path) is None}
    for job in jobs:
        half = (path for path in job.outputs if path in files.incomplete and files.time(path))
        if (path := next(half, None)) is not None:
            wanted[job] = f"{path} was begun and not finished"
    times = _times(jobs, takers, files)
    for job in jobs:
        if job not in wanted and (path := _newer_input(job, times[job], files)) is not None:
            wanted[job] = f"{path} is newer"
    queue = deque(wanted)
    while queue:
        job = queue.popleft()
        gone = (path for path in (*job.inputs, *job.kept) if path in makers and files.time(path) is None)
        found = {makers[path]: f"{path} is missing" for path in gone}
        made = set(job.outputs)
        for taker in takers.get(job, ()):
            # An input whose age does not matter makes nothing run that is there.
            if not made.isdisjoint(taker.inputs) or any(
                path in made and files.time(path) is None for path in taker.kept
            ):
                found.setdefault(taker, wanted[job])
        fresh = {other: why for other, why in found.items() if other not in wanted}
        wanted |= fresh
        queue.extend(fresh)
    return wanted


def followers(jobs: Sequence[Job], first: Iterable[Job]) -> set[Job]:
    """Return the jobs that need, directly or not, what the jobs in ``first`` make; those left out."""
    takers = _takers(jobs, {output: job for job in jobs for output in job.outputs})
    start = set(first)
    found: set[Job] = set()
    queue = deque(start)
    while queue:
        fresh = set(takers.get(queue.popleft(), ())) - found - start
        found |= fresh
        queue.extend(fresh)
    return found


def _takers(jobs: Sequence[Job], makers: dict[str, Job]) -> dict[Job, list[Job]]:
    takers: dict[Job, list[Job]] = {}
    for job in jobs:
        for maker in dict.fromkeys(makers[path] for path in (*job.inputs, *job.kept) if path in makers):
            takers.setdefault(maker, []).append(job)
    return takers


def _times(jobs: Sequence[Job], takers: dict[Job, list[Job]], files: Files) -> dict[Job, float | None]:
    """Return when each job was done: its oldest output, or what was made from it where nothing of its own is left."""
    times: dict[Job, float | None] = {}
    for job in reversed(jobs):
        # Snakemake counts the benchmark among the outputs.
        own = files.oldest([*job.outputs, job.benchmark])
        after = (times[taker] for taker in takers.get(job, ()))
        times[job] = next(filter(None, after), None) if own is None else own
    return times


def _newer_input(job: Job, done: float | None, files: Files) -> str | None:
    if done is None:
        return None
    newer = (path for path in job.inputs if (files.time(path) or 0) > done)
    return next((path for path in newer if not files.has_same_content(path, job.outputs)), None)
