"""What is left of a campaign, forecast: jobs, hours, storage and files by rule, and the time until it ends."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from operator import add, le, sub

from platewise.preflight.capacity import Capacity
from platewise.preflight.dry_run import PlannedJob
from platewise.preflight.measured import rate_name
from platewise.preflight.rates import JOB_START, MEASURES, Rates, find_rate
from platewise.preflight.segmenter_work import job_key
from platewise.preflight.work import Work, Workload

# On most file systems a file takes whole blocks of this many bytes, and a folder takes one.
BLOCK_BYTES = 4096
# Forecasts of one finished campaign from the rates of others were right within this factor (benchmarks/README.md).
SHIPPED_FACTOR = 2.0
# The same images on the same machines differ less.
OWN_FACTOR = 1.5


@dataclass(frozen=True)
class Cost:
    """What jobs cost: seconds by the clock and the processor, seconds of GPUs, and what they leave on disk."""

    seconds: float = 0
    cpu: float = 0
    gpu: float = 0
    bytes: float = 0
    files: float = 0
    folders: float = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            self.gpu + other.gpu,
            self.bytes + other.bytes,
            self.files + other.files,
            self.folders + other.folders,
        )

    @property
    def disk(self) -> float:
        """Bytes on disk: half a block of every file is lost in the mean, and a folder takes one."""
        return self.bytes + self.files * BLOCK_BYTES / 2 + self.folders * BLOCK_BYTES


@dataclass
class RuleForecast:
    """The jobs of one rule: ``most`` is their processor time if it grows faster than was measured."""

    rule: str
    jobs: int = 0
    cost: Cost = field(default_factory=Cost)
    most: float = 0
    measured: bool = True


@dataclass(frozen=True)
class Forecast:
    """A campaign's forecast.

    ``rules`` are in the order in which Snakemake names them. ``metadata`` counts Snakemake's own records, which lie in
    the working folder; ``reserved`` are the core seconds that SLURM would count, starts of jobs included.
    """

    rules: list[RuleForecast]
    seconds: list[float]
    metadata: int
    reserved: float

    @property
    def total(self) -> Cost:
        """The costs of all rules."""
        return sum((rule.cost for rule in self.rules), Cost())

    @property
    def jobs(self) -> int:
        """How many jobs are left."""
        return sum(rule.jobs for rule in self.rules)

    def between(self, factor: float) -> tuple[float, float]:
        """Return the least and most processor seconds to expect."""
        return self.total.cpu / factor, max(self.total.cpu, sum(rule.most for rule in self.rules)) * factor


def forecast(
    jobs: Sequence[PlannedJob],
    workload: Workload,
    rates: Rates,
    embeddings: Container[str],
    *,
    stored_images: bool = False,
    slurm: bool = False,
) -> Forecast:
    """Forecast the jobs of a dry run.

    Parameters
    ----------
    jobs
        What is left to do.
    workload, rates
        The campaign's work and what a unit of it costs.
    embeddings
        Names of the features that are learned.
    stored_images
        Whether the plate store gets the images too.
    slurm
        Whether each job is one of SLURM's, with a start of its own and a log file.
    """
    rules: dict[str, RuleForecast] = {}
    seconds = []
    reserved = 0.0
    start = rates[JOB_START, "seconds"].per_job if slurm else 0.0
    for job in jobs:
        own = rules.setdefault(job.rule, RuleForecast(job.rule))
        cost, most, measured = _cost(job, workload, rates, embeddings, stored_images)
        # The log and the benchmark, and the executor's own log: a few hundred bytes each.
        own.cost += cost + Cost(files=3 if slurm else 2)
        own.jobs, own.most, own.measured = own.jobs + 1, own.most + most, own.measured and measured
        seconds.append(cost.seconds + start)
        reserved += (cost.seconds + start) * job.threads
    return Forecast(list(rules.values()), seconds, sum(len(job.outputs) for job in jobs), reserved)


def _cost(
    job: PlannedJob, workload: Workload, rates: Rates, embeddings: Container[str], stored_images: bool
) -> tuple[Cost, float, bool]:
    """Return the cost of a job, the most processor seconds it may take, and whether its rule was ever measured."""
    plate, block = job.wildcards.get("plate", ""), job.wildcards.get("block", "")
    features = next((job.wildcards[key] for key in ("features", "model", "contender") if key in job.wildcards), "")
    name = rate_name(job.rule, features, embeddings, stored_images)
    own = workload.segmenters.get(job_key(job.rule, job.wildcards))
    work = own or workload.of(plate, block, features if job.rule == "train_embedding" else "")
    clock, cpu = find_rate(rates, name, "seconds"), find_rate(rates, name, "cpu")
    if clock is None or cpu is None:
        return Cost(), 0.0, False
    seconds = clock.of(work)
    gpus = job.resources.get("gpu", 0)
    cost = Cost(seconds, cpu.of(work), seconds * (gpus if isinstance(gpus, int) else 1))
    for measure in MEASURES.values():
        if measure.name == rate_name(job.rule):
            each = [workload.of(own) for own in workload.blocks] if measure.per_plate else [work]
            cost += sum((_left(rates, name, own) for own in each), Cost())
        elif measure.rule == job.rule and (stored_images or measure.name != "stored_images"):
            cost += _left(rates, measure.name, work)
    return cost, cpu.at_most(work), True


def _left(rates: Rates, name: str, work: Work) -> Cost:
    """What a job leaves on disk."""
    found = {quantity: find_rate(rates, name, quantity) for quantity in ("bytes", "files", "folders")}
    return Cost(**{quantity: rate.of(work) for quantity, rate in found.items() if rate is not None})


def wall_seconds(jobs: Sequence[PlannedJob], seconds: Sequence[float], capacity: Capacity) -> float:
    """Return when the last job ends, if jobs start as soon as their inputs are made and there is room for them.

    Parameters
    ----------
    jobs, seconds
        The jobs, and how long each takes.
    capacity
        What runs at once; its rows are those of ``jobs``.
    """
    maker = {output: number for number, job in enumerate(jobs) for output in job.outputs}
    needs: list[int] = []
    users: dict[int, list[int]] = defaultdict(list)
    for number, job in enumerate(jobs):
        makers = {maker[path] for path in job.inputs if path in maker} - {number}
        needs.append(len(makers))
        for other in makers:
            users[other].append(number)
    takes, free = capacity.takes, list(capacity.limits)
    # Jobs that take the same wait in one line.
    ready: dict[tuple[int, ...], deque[int]] = defaultdict(deque)
    for number, count in enumerate(needs):
        if count == 0:
            ready[takes[number]].append(number)
    running: list[tuple[float, int]] = []
    now = 0.0
    while True:
        while fitting := [take for take, waiting in ready.items() if waiting and all(map(le, take, free))]:
            number = ready[max(fitting)].popleft()
            heapq.heappush(running, (now + seconds[number], number))
            free = list(map(sub, free, takes[number]))
        if not running:
            return now
        now, number = heapq.heappop(running)
        free = list(map(add, free, takes[number]))
        for user in users[number]:
            needs[user] -= 1
            if needs[user] == 0:
                ready[takes[user]].append(user)
