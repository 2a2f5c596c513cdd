"""What each rule asks for beside what its jobs used, and better numbers for a profile.

A job is measured by its benchmark file, by SLURM's accounting, or by both; of two measurements the higher one counts,
since both look at a job only now and then.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from platewise.cluster.accounting import COMPLETED, OUT_OF_MEMORY, OUT_OF_TIME, Attempt
from platewise.cluster.benchmarks import Benchmark, read_benchmark
from platewise.errors import DataError
from platewise.plan.demand import SNAKEMAKE_MB
from platewise.plan.jobs import Job

# Two Snakemakes start before the script does.
SNAKEMAKE_S = 20
# Of a rule with fewer jobs than this, the highest seen is not yet the highest there is.
FEW_JOBS = 5
QUANTILE = 0.98
# Machines and file systems differ in speed by a factor, jobs of a kind in memory by little.
MEMORY_HEADROOM, TIME_HEADROOM = 1.25, 2.0
DOUBT = 1.5
MEMORY_FLOOR_MB, TIME_FLOOR_MIN = 600, 10
_MEMORY_STEP_MB, _TIME_STEP_MIN = 100, 5
# A quarter of a core is what reading ahead and compression use beside one busy thread.
_SPARE_CORE = 0.25

T = TypeVar("T")


@dataclass(frozen=True)
class Measured:
    """One job of a finished or broken-off campaign.

    ``asked_mb``, ``asked_min``, ``threads`` and ``gpus`` are what its first try asked for, ``on_gpu`` tells whether it
    is known to have had a GPU; ``memory_mb`` and ``elapsed_s`` are what it needs: the most that was seen, or the limit
    it ran into; ``cpu_s`` is CPU time of ``core_s`` seconds on all its CPUs together. None where nobody knows.
    ``retried`` tells whether there was a second try and ``ends`` counts how all of them ended, by accounting alone:
    benchmark files know of no failure.
    """

    asked_mb: int | None
    asked_min: int | None
    threads: int | None
    gpus: int | None
    on_gpu: bool
    memory_mb: float | None
    elapsed_s: float | None
    cpu_s: float | None
    core_s: float | None
    benchmarked: bool
    accounted: bool
    retried: bool
    ends: Counter[str]

    @property
    def cores(self) -> float | None:
        """How many cores were busy on average."""
        if self.cpu_s is None or not self.core_s or not self.threads:
            return None
        return self.cpu_s / self.core_s * self.threads


@dataclass(frozen=True)
class RuleUse:
    """All measured jobs of a rule, of ``planned`` that the campaign has."""

    rule: str
    planned: int
    jobs: tuple[Measured, ...]

    def known(self, name: str) -> list[float]:
        """Return one figure of all jobs that have it."""
        return [value for job in self.jobs if (value := getattr(job, name)) is not None]

    def ended(self, state: str) -> int:
        """Return how many tries ended in a state."""
        return sum(job.ends[state] for job in self.jobs)

    @property
    def efficiency(self) -> float | None:
        """CPU time by the time of all CPUs given, over all jobs where both are known."""
        pairs = [(job.cpu_s, job.core_s) for job in self.jobs if job.cpu_s is not None and job.core_s]
        return sum(cpu for cpu, _ in pairs) / sum(core for _, core in pairs) if pairs else None

    @property
    def doubts(self) -> list[str]:
        """Why its numbers are uncertain; empty where they are not."""
        reasons = [f"{len(self.jobs)} job{'s' * (len(self.jobs) != 1)}"] if len(self.jobs) < FEW_JOBS else []
        if not any(job.benchmarked for job in self.jobs):
            reasons.append("no benchmark")
        if not self.known("memory_mb"):
            reasons.append("memory never seen")
        if self.lacks_gpu:
            reasons.append("never seen on a GPU")
        return reasons

    @property
    def lacks_gpu(self) -> bool:
        """Whether its jobs ask for a GPU, but may all have run without: its libraries hold memory of their own."""
        return any(self.known("gpus")) and not any(job.on_gpu for job in self.jobs)


@dataclass(frozen=True)
class Better:
    """What a rule should ask for; None where nothing was measured."""

    mem_mb: int | None
    runtime: int | None
    threads: int | None


def measure_rules(jobs: Sequence[Job], attempts: Iterable[Attempt]) -> list[RuleUse]:
    """Join the jobs of a campaign with their benchmark files and their tries on SLURM.

    Parameters
    ----------
    jobs
        All jobs of the campaign, as `platewise.plan.jobs.list_jobs` gives them.
    attempts
        Records of accounting; those of jobs that the campaign does not have (any more) are left out.

    Returns
    -------
    rules
        In the order of the data; also those of which no job was measured.

    Raises
    ------
    DataError
        If a benchmark file is damaged.
    """
    tries: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        tries.setdefault((attempt.rule, attempt.wildcards), []).append(attempt)
    measured: dict[str, list[Measured]] = {job.rule: [] for job in jobs}
    for job in jobs:
        benchmark = read_benchmark(Path(job.benchmark))
        found = tries.get((job.rule, "_".join(job.wildcards)), [])
        if benchmark is not None or found:
            measured[job.rule].append(measure_job(benchmark, found))
    planned = Counter(job.rule for job in jobs)
    return [RuleUse(rule, planned[rule], tuple(found)) for rule, found in measured.items()]


def measure_job(benchmark: Benchmark | None, attempts: Sequence[Attempt]) -> Measured:
    """Put together what is known of one job."""
    done = [attempt for attempt in attempts if attempt.state == COMPLETED]
    memory = [attempt.memory_mb for attempt in done]
    # It held at least what it was given.
    memory += [attempt.asked_mb for attempt in attempts if attempt.state == OUT_OF_MEMORY]
    elapsed: list[float | None] = [a.elapsed_s for a in attempts if a.state in (COMPLETED, OUT_OF_TIME)]
    cpu_s: float | None = sum(attempt.cpu_s for attempt in done) if done else None
    core_s: float | None = sum(attempt.elapsed_s * attempt.cpus for attempt in done) if done else None
    if benchmark is not None:
        memory.append(None if benchmark.memory_mb is None else benchmark.memory_mb + SNAKEMAKE_MB)
        elapsed.append(benchmark.elapsed_s + SNAKEMAKE_S)
        if not done and benchmark.threads:
            cpu_s, core_s = benchmark.cpu_s, benchmark.elapsed_s * benchmark.threads
    records: list[Attempt | Benchmark] = [*attempts, *([benchmark] if benchmark is not None else [])]
    runs = Counter(attempt.run for attempt in attempts)
    return Measured(
        # Further tries ask for more.
        asked_mb=_known(min, (record.asked_mb for record in records)),
        asked_min=_known(min, (record.asked_min for record in records)),
        threads=attempts[0].cpus if attempts else benchmark.threads if benchmark else None,
        gpus=_known(max, (record.gpus for record in records)),
        memory_mb=_known(max, memory),
        elapsed_s=_known(max, elapsed),
        on_gpu=any(attempt.gpus for attempt in attempts),
        cpu_s=cpu_s,
        core_s=core_s,
        benchmarked=benchmark is not None,
        accounted=bool(attempts),
        retried=any(attempt.number > 1 for attempt in attempts) or max(runs.values(), default=0) > 1,
        ends=Counter(attempt.state for attempt in attempts),
    )


def suggest(use: RuleUse) -> Better:
    """Return what the first try of a rule's jobs should ask for, so that nearly all succeed with it.

    The 98 % quantile over jobs (of fewer than 50 jobs that is the highest), times a headroom: 1.25 for memory, 2 for
    time; half as much again where the numbers are uncertain; rounded up to 100 MB and 5 minutes; never below 600 MB and
    10 minutes. The few jobs above it succeed with their second try, which asks for twice as much. CPUs: the 98 %
    quantile of cores busy on average, rounded up from a quarter core on; never more than were given, since nobody has
    seen what a job does with more.

    A job that ran out of memory or time counts with its limit, or with what a later try needed. No memory is suggested
    for jobs that ask for a GPU and were never seen on one.
    """
    headroom = DOUBT if use.doubts else 1.0
    memory, elapsed, cores = (use.known(name) for name in ("memory_mb", "elapsed_s", "cores"))
    if use.lacks_gpu:
        memory = []
    threads = None
    if cores:
        threads = min(max(1, math.ceil(quantile(cores) - _SPARE_CORE)), int(max(use.known("threads"))))
    return Better(
        mem_mb=_ask(quantile(memory) * MEMORY_HEADROOM * headroom, _MEMORY_STEP_MB, MEMORY_FLOOR_MB)
        if memory
        else None,
        runtime=_ask(quantile(elapsed) / 60 * TIME_HEADROOM * headroom, _TIME_STEP_MIN, TIME_FLOOR_MIN)
        if elapsed
        else None,
        threads=threads,
    )


def quantile(values: Sequence[float]) -> float:
    """Return the smallest value that 98 % of ``values`` do not exceed."""
    return sorted(values)[math.ceil(QUANTILE * len(values)) - 1]


def _ask(amount: float, step: int, floor: int) -> int:
    return max(floor, math.ceil(amount / step) * step)


def _known(choose: Callable[[list[T]], T], values: Iterable[T | None]) -> T | None:
    known = [value for value in values if value is not None]
    return choose(known) if known else None


# Each column's group and own name, in the order of `_row`.
_COLUMNS = (
    ("", "rule"),
    *(("jobs", name) for name in ("all", "retried")),
    *(("failed tries", name) for name in ("memory", "time", "other")),
    *((group, name) for group in ("memory (MB)", "time (min)") for name in ("asked", "median", "most", "better")),
    *(("CPUs", name) for name in ("asked", "used", "better")),
    ("", "GPUs"),
)
_GAP = "  "


def table_lines(uses: Sequence[RuleUse]) -> list[str]:
    """Return the table, a line a rule: asked beside used, and a better number.

    ``asked`` is the first try's, the median over jobs; ``retried`` counts jobs with a second try, ``memory``, ``time``
    and ``other`` the tries that ended for want of memory, of time, or for another reason; ``-`` is what nobody knows,
    and a column of which nobody knows anything is left out. A rule of which no job was measured has no numbers.
    """
    rows = [_row(use) for use in uses]
    kept = [column for column in range(len(_COLUMNS)) if any(row[column] not in ("", "-") for row in rows)]
    groups = [(group, list(columns)) for group, columns in groupby(kept, key=lambda column: _COLUMNS[column][0])]
    table = [tuple(name for _, name in _COLUMNS), *rows]
    widths = {column: max(len(row[column]) for row in table) for column in kept}
    head = []
    for group, columns in groups:
        # The name of a group stands over all its columns; the last one is widened where they are too narrow for it.
        across = sum(widths[column] for column in columns) + len(_GAP) * (len(columns) - 1)
        widths[columns[-1]] += max(0, len(group) - across)
        head.append(group.ljust(max(across, len(group))))
    lines = [_GAP.join(head).rstrip()]
    for row in table:
        # Names to the left, numbers to the right.
        cells = [row[column].rjust(widths[column]) if column else row[0].ljust(widths[0]) for column in kept]
        lines.append(_GAP.join(cells).rstrip())
    return lines


def _row(use: RuleUse) -> tuple[str, ...]:
    jobs = f"{len(use.jobs)} of {use.planned}"
    if not use.jobs:
        return (use.rule, jobs, *[""] * (len(_COLUMNS) - 2))
    better = suggest(use)
    accounted = any(job.accounted for job in use.jobs)
    tries = [
        sum(job.retried for job in use.jobs),
        *(use.ended(state) for state in (OUT_OF_MEMORY, OUT_OF_TIME, "FAILED")),
    ]
    minutes = [seconds / 60 for seconds in use.known("elapsed_s")]
    memory = use.known("memory_mb")
    efficiency = use.efficiency
    return (
        use.rule,
        jobs,
        *(str(count) if accounted else "-" for count in tries),
        *(_show(use.known("asked_mb"), median), _show(memory, median), _show(memory, max), _show([better.mem_mb], max)),
        _show(use.known("asked_min"), median),
        *(_show(minutes, choose, digits=1) for choose in (median, max)),
        _show([better.runtime], max),
        *(_show(use.known("threads"), median), "-" if efficiency is None else f"{efficiency:.0%}"),
        *(_show([better.threads], max), _show(use.known("gpus"), max)),
    )


def _show(values: Sequence[float | None], choose: Callable[[Any], float], digits: int = 0) -> str:
    known = [value for value in values if value is not None]
    return f"{choose(known):.{digits}f}" if known else "-"


def profile_lines(uses: Sequence[RuleUse], profile: dict[str, Any]) -> list[str]:
    """Return ``set-resources`` and ``set-threads`` for a profile, as YAML.

    Parameters
    ----------
    uses
        What was measured.
    profile
        The profile that the block is for; every key that is not a better number's (partitions, GPU models) is taken
        over, also of rules that were not measured, so that the block can stand in the old one's place.
    """
    betters = {use.rule: (suggest(use), use.doubts) for use in uses if use.jobs}
    old = {rule: dict(keys or {}) for rule, keys in (profile.get("set-resources") or {}).items()}
    threads = dict(profile.get("set-threads") or {})
    set_before = set(threads)
    lines = ["set-resources:"]
    for rule in [*betters, *(rule for rule in old if rule not in betters)]:
        better, doubts = betters.get(rule, (Better(None, None, None), []))
        amounts = {"mem_mb": better.mem_mb, "runtime": better.runtime}
        # As the rules themselves: every further try asks for more.
        new = {key: f"{amount} * attempt" for key, amount in amounts.items() if amount is not None}
        keys = ", ".join(f"{key}: {json.dumps(value)}" for key, value in (old.get(rule, {}) | new).items())
        remark = f"  # uncertain: {', '.join(doubts)}" if doubts else ""
        lines.append(f"  {rule}: {{ {keys} }}{remark}")
    threads |= {rule: better.threads for rule, (better, _) in betters.items() if better.threads is not None}
    given = {use.rule: max(use.known("threads"), default=None) for use in uses}
    # What the rule itself says needs no line; what the profile set before does, or the rule's would be back.
    changed = {rule: count for rule, count in threads.items() if rule in set_before or count != given.get(rule)}
    if changed:
        lines += ["set-threads:", *(f"  {rule}: {count}" for rule, count in changed.items())]
    return lines


def read_profile(path: Path) -> dict[str, Any]:
    """Read the config of a profile: its folder or its file.

    Raises
    ------
    DataError
        If there is none, or it is no YAML of keys and values.
    """
    import yaml

    file = path / "config.yaml" if path.is_dir() else path
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(
            f"{file}: cannot be read as a profile ({error}). Hint: name the profile's folder with --profile."
        ) from error
    if not isinstance(found, dict):
        raise DataError(
            f"{file}: found {type(found).__name__}; expected keys and values. Hint: name another one with --profile."
        )
    return found
