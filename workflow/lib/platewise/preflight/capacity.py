"""How many of a campaign's jobs can run at once: on this machine's threads, or on a cluster's nodes that are up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from platewise.preflight.dry_run import PlannedJob
from platewise.preflight.site import Partition, asked_by_rule, gpu_count

# What a pool holds, and whose it is: a partition and a model of GPU; neither for all of them together.
_Pool = tuple[str, str, str]
# Those of which there is least come first: where several jobs fit, the first in this order takes precedence.
_KINDS = ("GPUs", "CPUs", "jobs")


@dataclass(frozen=True)
class Capacity:
    """What there is of each pool (jobs, CPUs, GPUs), and what each job takes of each while it runs.

    ``takes`` has a row a job, in the order of the jobs, with a number for each of ``limits``; none is above its limit.
    ``cpus`` and ``gpus`` are those that are up where the jobs may run; 0 where that is not known.
    """

    limits: tuple[int, ...]
    takes: list[tuple[int, ...]]
    cpus: int = 0
    gpus: int = 0

    def of(self, numbers: Sequence[int]) -> Capacity:
        """Return the same for some of the jobs, by their numbers."""
        return Capacity(self.limits, [self.takes[number] for number in numbers], self.cpus, self.gpus)


def local_capacity(jobs: Sequence[PlannedJob], threads: int) -> Capacity:
    """Return the capacity of one machine; a job that wants more threads than there are gets all."""
    return Capacity((threads,), [(min(threads, job.threads),) for job in jobs])


def slurm_capacity(jobs: Sequence[PlannedJob], at_once: int, known: Mapping[str, Partition]) -> Capacity:
    """Return the capacity of a cluster.

    Parameters
    ----------
    jobs
        The jobs, with the resources that they ask for.
    at_once
        Jobs in the queue at a time.
    known
        The cluster's partitions; jobs of one that is not among them count as jobs alone.

    Returns
    -------
    Capacity
        Nodes that are down have nothing, and a node of two partitions is counted once in the sum. A job that asks for
        more than is up takes all of it: that it cannot run is told by the checks of the site.
    """
    nodes: dict[_Pool, dict[str, int]] = {("jobs", "", ""): {"": at_once}}
    asks: list[dict[_Pool, int]] = []
    for job in jobs:
        (asked,) = asked_by_rule([job])
        own = {("jobs", "", ""): 1}
        asks.append(own)
        if asked.partition not in known:
            continue
        for kind, amount, model in (("CPUs", asked.cpus, ""), ("GPUs", asked.gpus, asked.gpu_model or "")):
            if amount:
                pool = kind, asked.partition, model
                if pool not in nodes:
                    nodes[pool] = _up(known[asked.partition], kind, model)
                    whole = nodes.setdefault((kind, "", ""), {})
                    whole |= {name: max(count, whole.get(name, 0)) for name, count in nodes[pool].items()}
                own |= {pool: amount, (kind, "", ""): amount}
    limits = {pool: sum(nodes[pool].values()) for pool in sorted(nodes, key=lambda pool: _KINDS.index(pool[0]))}
    takes = [tuple(min(own.get(pool, 0), limit) for pool, limit in limits.items()) for own in asks]
    cpus, gpus = (limits.get((kind, "", ""), 0) for kind in ("CPUs", "GPUs"))
    return Capacity(tuple(limits.values()), takes, cpus, gpus)


def _up(partition: Partition, kind: str, model: str) -> dict[str, int]:
    """Return what each node of a partition that is up has."""
    return {node.name: gpu_count(node, model) if kind == "GPUs" else node.cpus for node in partition.nodes if node.up}
