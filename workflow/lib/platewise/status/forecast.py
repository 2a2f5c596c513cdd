"""When a campaign will be finished, from what its own jobs took; nothing is said that was not measured."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from platewise.plan.jobs import Job


@dataclass(frozen=True)
class Forecast:
    """The time still to go, in seconds from now: between ``low_s`` and ``high_s``, None where it cannot be said.

    ``jobs`` is how many jobs the range is for, ``unknown`` names the stages that it leaves out because no job of them
    has finished yet, ``reason`` says why there is no range, or what it rests on.
    """

    low_s: float | None
    high_s: float | None
    jobs: int
    unknown: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Pace:
    """How much is done at a time: jobs ``at_once`` now, and, over the run so far, seconds of jobs a second of time.

    The second counts waiting in the queue and the start of jobs too, which the first does not.
    """

    at_once: int
    measured: float | None


def pace_of(
    finished: Collection[tuple[float, float]], running: Collection[float], since: float | None, now: float
) -> Pace:
    """Return the pace of the run that began at ``since``.

    Parameters
    ----------
    finished
        (when it ended in seconds since 1970, how many seconds it took) of every finished job.
    running
        Seconds since the start of each job that runs.
    since
        When the run began; None if nobody knows.
    now
        The time.
    """
    if since is None or now <= since:
        return Pace(len(running), None)
    window = now - since
    worked = sum(seconds for end, seconds in finished if end >= since) + sum(min(s, window) for s in running)
    return Pace(len(running), worked / window if worked else None)


def forecast(
    left: Sequence[Job], seconds: Mapping[str, Sequence[float]], running: Mapping[Job, float], pace: Pace
) -> Forecast:
    """Return when the jobs in ``left`` will be done.

    With *W* the work that is left and *C* the longest chain of jobs that wait for one another, *p* jobs at a time take
    at least max(*W/p*, *C*) and at most *W/p* + *C*. The range goes from the first with the quick quartile of each
    stage and the faster pace, to the second with the slow quartile and the slower pace.

    Parameters
    ----------
    left
        The jobs to be done, each after those that it waits for.
    seconds
        What finished jobs took, by `kind`.
    running
        Seconds since the start of the jobs at work.
    pace
        How much is done at a time.
    """
    known = [job for job in left if seconds.get(kind(job))]
    unknown = tuple(dict.fromkeys(job.stage for job in left if not seconds.get(kind(job))))
    if not left:
        return Forecast(0.0, 0.0, 0, (), "nothing is left to do")
    if not known:
        return Forecast(None, None, 0, unknown, f"no job of {', '.join(unknown)} has finished yet")
    ranges = {key: _quartiles(seconds[key]) for key in {kind(job) for job in known}}
    work = [sum(ranges[kind(job)][end] for job in known) for end in (0, 1)]
    paces = [speed for speed in (float(pace.at_once), pace.measured) if speed]
    if not paces:
        time = span(duration(work[0]), duration(work[1]))
        reason = f"nothing is at work; {len(known)} job(s) of stages already measured are left, {time} one by one"
        return Forecast(None, None, len(known), unknown, reason)
    low, high = (_after_start(known, ranges, running, end) for end in (0, 1))
    basis = sum(len(seconds[key]) for key in ranges)
    return Forecast(
        low_s=max(sum(low.values()) / max(paces), _longest_chain(known, low)),
        high_s=sum(high.values()) / min(paces) + _longest_chain(known, high),
        jobs=len(known),
        unknown=unknown,
        reason=f"from {basis} finished jobs and {' to '.join(f'{speed:.3g}' for speed in sorted(paces))} at a time",
    )


def kind(job: Job) -> str:
    """Return the name that jobs of one size share: embeddings differ in size, a plate's page is not the campaign's."""
    return f"{job.stage} {job.rule}"


def duration(seconds: float) -> str:
    """Return a duration as a person says it: ``40 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def span(low: str, high: str) -> str:
    """Return a range in words, one value where both ends read alike."""
    return low if low == high else f"{low} to {high}"


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return what jobs of a kind take on the whole, low and high: the mean, and the quartiles around it."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, mean
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return min(low, mean), max(high, mean)


def _after_start(
    jobs: Sequence[Job], ranges: Mapping[str, tuple[float, float]], running: Mapping[Job, float], end: int
) -> dict[Job, float]:
    """Return the seconds that each job still takes; one at work has some behind it."""
    return {job: max(0.0, ranges[kind(job)][end] - running.get(job, 0.0)) for job in jobs}


def _longest_chain(jobs: Sequence[Job], seconds: Mapping[Job, float]) -> float:
    ends: dict[str, float] = {}
    for job in jobs:
        start = max((ends.get(path, 0.0) for path in (*job.inputs, *job.kept)), default=0.0)
        ends.update(dict.fromkeys(job.outputs, start + seconds[job]))
    return max(ends.values(), default=0.0)
