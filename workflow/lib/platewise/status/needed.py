"""Which jobs the next run would make, as far as files tell: Snakemake's own order of reasons, without Snakemake.

Parameters are not compared: that needs the workflow parsed. `platewise run --dry-run` does it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from platewise.plan.jobs import Job
from platewise.status.files import Files


def jobs_to_make(jobs: Sequence[Job], targets: Iterable[str], files: Files) -> set[Job]:
    """Return the jobs that are not done.

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
    wanted = {makers[path] for path in targets if files.time(path) is None}
    wanted |= {job for job in jobs if any(path in files.incomplete and files.time(path) for path in job.outputs)}
    times = _times(jobs, takers, files)
    wanted |= {job for job in jobs if job not in wanted and _is_outdated(job, times[job], files)}
    queue = deque(wanted)
    while queue:
        job = queue.popleft()
        before = {makers[path] for path in (*job.inputs, *job.kept) if path in makers and files.time(path) is None}
        made = set(job.outputs)
        after = {
            taker
            for taker in takers.get(job, ())
            # An input whose age does not matter makes nothing run that is there.
            if not made.isdisjoint(taker.inputs)
            or any(path in made and files.time(path) is None for path in taker.kept)
        }
        fresh = (before | after) - wanted
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


def _is_outdated(job: Job, done: float | None, files: Files) -> bool:
    if done is None:
        return False
    newer = [path for path in job.inputs if (files.time(path) or 0) > done]
    return any(not files.has_same_content(path, job.outputs) for path in newer)
