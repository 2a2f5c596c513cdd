"""What this SLURM cluster offers, and whether the jobs of a campaign fit on it."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from platewise.cluster.queue import SEPARATOR, QueueError, ask, parse_time
from platewise.preflight.dry_run import PlannedJob
from platewise.preflight.findings import Finding, error, warning

# What profiles/slurm says before anyone has made it their own.
PLACEHOLDERS = {"slurm_account": {"lab"}, "slurm_partition": {"cpu", "gpu"}}
_YOUR_SITE = "the lines under 'Your site' in the profile"
_COLUMNS = ("%R", "%a", "%l", "%N", "%T", "%c", "%m", "%G")
# States, with SLURM's marks for "not responding" and the like taken off, in which a node takes no job.
_DOWN = ("down", "drain", "fail", "maint", "unk", "no_respond", "powered_down", "future")
_GPU = re.compile(r"gpu(?::(?P<model>[^:(,]+))?:(?P<count>\d+)")
# squeue forgets a job this long after its end; the executor asks every 40 s and wants three chances.
_MIN_JOB_AGE_S = 120


@dataclass(frozen=True)
class Node:
    """A node as one partition shows it: memory in MB, and how many GPUs of each model (empty for an unnamed one)."""

    name: str
    up: bool
    cpus: int
    mem_mb: int
    gpus: Mapping[str, int]


@dataclass(frozen=True)
class Partition:
    """A partition: whether it takes jobs, the longest job in minutes (None for any), and its nodes."""

    name: str
    up: bool
    minutes: int | None
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Asked:
    """What the jobs of a rule ask for at most, in one try."""

    rule: str
    partition: str | None
    account: str | None
    cpus: int
    mem_mb: int
    minutes: int
    gpus: int
    gpu_model: str | None


def partitions() -> dict[str, Partition]:
    """Ask SLURM for its partitions, by name.

    Raises
    ------
    QueueError
        If it does not answer.
    """
    return parse_partitions(ask("sinfo", "--noheader", "--Node", f"--format={SEPARATOR.join(_COLUMNS)}"))


def parse_partitions(text: str) -> dict[str, Partition]:
    """Read what `sinfo` printed, a line a node and partition."""
    facts: dict[str, tuple[bool, int | None]] = {}
    nodes: dict[str, list[Node]] = {}
    for line in text.splitlines():
        fields = line.split(SEPARATOR)
        if len(fields) != len(_COLUMNS):
            continue
        name, available, limit, node, state, cpus, memory, gres = fields
        # No time (infinite, n/a) is no limit.
        facts[name] = available == "up", parse_time(limit) // 60 or None
        up = not state.endswith("*") and not state.lower().startswith(_DOWN)
        count, mem = (int(re.match(r"\d*", number)[0] or 0) for number in (cpus, memory))
        nodes.setdefault(name, []).append(Node(node, up, count, mem, _gpus(gres)))
    return {name: Partition(name, *facts[name], tuple(nodes[name])) for name in facts}


def accounts(user: str) -> set[str] | None:
    """Return the accounts that SLURM knows of a user; None if it keeps no accounts here."""
    try:
        text = ask("sacctmgr", "--noheader", "--parsable2", "show", "associations", f"user={user}", "format=Account")
    except (QueueError, OSError):
        return None
    return {line.strip() for line in text.splitlines() if line.strip()}


def min_job_age() -> int | None:
    """Return for how many seconds SLURM remembers a job that ended; None if it does not tell."""
    try:
        found = re.search(r"^MinJobAge\s*=\s*(\d+)", ask("scontrol", "show", "config"), re.MULTILINE)
    except (QueueError, OSError):
        return None
    return int(found[1]) if found else None


def asked_by_rule(jobs: Iterable[PlannedJob]) -> list[Asked]:
    """Return, for each rule and place where it runs, the most that any of its jobs asks for."""
    most: dict[tuple[Any, ...], list[int]] = {}
    for job in jobs:
        get = job.resources.get
        place = (job.rule, get("slurm_partition"), get("slurm_account"), get("gpu_model"))
        cpus = _whole(get("cpus_per_task")) or job.threads
        needs = [cpus, _whole(get("mem_mb")), _whole(get("runtime")), _whole(get("gpu"))]
        most[place] = [max(pair) for pair in zip(most.get(place, needs), needs, strict=True)]
    return [
        Asked(rule, partition, account, cpus, mem_mb, minutes, gpus, model)
        for (rule, partition, account, model), (cpus, mem_mb, minutes, gpus) in most.items()
    ]


def check_site(
    first: Sequence[Asked], last: Sequence[Asked], known: Mapping[str, Partition], own: set[str] | None
) -> Iterator[Finding]:
    """Hold what the rules ask for against the cluster.

    Parameters
    ----------
    first, last
        What they ask for in the first try, and in the last one that the profile allows.
    known
        The cluster's partitions.
    own
        The user's accounts; None if SLURM keeps none.
    """
    yield from _check_accounts(first, own)
    yield from _check_partitions(first, known)
    fitting = set()
    for asked in first:
        if asked.partition not in known:
            continue
        partition = known[asked.partition]
        misfits = (*_closed(asked, partition, known), *_too_much(asked, partition, "asked for"))
        wrong = [error(*found) for found in misfits]
        yield from wrong
        if not wrong:
            fitting.add((asked.rule, asked.partition))
    for asked in last:
        if (asked.rule, asked.partition) in fitting:
            for found in _too_much(asked, known[asked.partition], "asked for in the last try"):
                yield warning(*found)


def _check_partitions(first: Sequence[Asked], known: Mapping[str, Partition]) -> Iterator[Finding]:
    listed = f"one of {', '.join(sorted(known))}"
    rules: dict[str | None, list[str]] = {}
    for asked in first:
        if asked.partition not in known:
            rules.setdefault(asked.partition, []).append(asked.rule)
    for partition, names in rules.items():
        place = f"profile, slurm_partition of {', '.join(names)}"
        remedy = f"change {_YOUR_SITE}; `sinfo` lists the partitions"
        if partition is not None:
            yield error(place, _said(partition, "slurm_partition"), listed, remedy)
        elif len(known) > 1:
            yield warning(place, "none", listed, remedy)


def _check_accounts(first: Sequence[Asked], own: set[str] | None) -> Iterator[Finding]:
    place, remedy = "profile, slurm_account", f"change {_YOUR_SITE}"
    for account in sorted({asked.account for asked in first if asked.account}):
        said = _said(account, "slurm_account")
        if own is None and account in PLACEHOLDERS["slurm_account"]:
            # The plugin's slurm-no-account has no effect in 2.8.0: without the line it asks for none by itself.
            yield warning(
                place, said, "none where SLURM keeps no accounts", "take the line out, or name an account of yours"
            )
        elif own is not None and account.lower() not in {name.lower() for name in own}:
            listed = f"one of {', '.join(sorted(own))}" if own else "an account of yours, and SLURM knows of none"
            lists = f"`sacctmgr show associations user={getpass.getuser()}` lists them"
            yield error(place, said, listed, f"{remedy}; {lists}")


# Place, what was found, what is expected, remedy.
_Found = tuple[str, str, str, str]


def _closed(asked: Asked, partition: Partition, known: Mapping[str, Partition]) -> Iterator[_Found]:
    """Say why a partition takes no job of this rule at all: it is closed, or lacks the GPU."""
    place = f"rule {asked.rule} in partition {partition.name}"
    if not partition.up:
        yield place, "a partition that takes no jobs", "one that is up", "choose another, or ask the cluster's staff"
    elif not any(node.up for node in partition.nodes):
        yield place, "no node that is up", "one at least", "choose another or wait; `sinfo -R` says why they are down"
    if asked.gpus:
        elsewhere = [other.name for other in known.values() if any(node.gpus for node in other.nodes)]
        yield from _gpu_misfits(asked, partition, place, sorted(elsewhere))


def _too_much(asked: Asked, partition: Partition, when: str) -> Iterator[_Found]:
    """Say what of time, processors and memory is more than a partition has."""
    place = f"rule {asked.rule} in partition {partition.name}"
    remedy = f"lower it under set-resources in the profile ({asked.rule}), or choose another partition"
    if partition.minutes is not None and asked.minutes > partition.minutes:
        yield place, f"{asked.minutes:,} minutes {when}", f"at most {partition.minutes:,}", remedy
    # A node without the GPUs asked for is none to fit on.
    nodes = [node for node in partition.nodes if gpu_count(node, asked.gpu_model) >= asked.gpus] or partition.nodes
    if not any(_fits(asked, node) for node in nodes):
        largest = max(nodes, key=lambda node: (node.mem_mb, node.cpus))
        found = f"{asked.cpus} CPUs and {asked.mem_mb:,} MB {when}"
        has = f"what one node has: {largest.name}, the largest, has {largest.cpus} CPUs and {largest.mem_mb:,} MB"
        yield place, found, has, remedy


def check_device(device: str, asked: Sequence[Asked]) -> list[Finding]:
    """Warn of GPUs that jobs would hold and never use: ``device`` is the config's."""
    rules = sorted({one.rule for one in asked if one.gpus})
    if device != "cpu" or not rules:
        return []
    remedy = f"write gpu: 0 and a partition without GPUs for {', '.join(rules)} under set-resources, or `device: auto`"
    return [warning("config, key device", "cpu, while jobs ask for GPUs", "jobs that use what they hold", remedy)]


def _gpu_misfits(asked: Asked, partition: Partition, place: str, elsewhere: Sequence[str]) -> Iterator[_Found]:
    models = sorted({model for node in partition.nodes for model in node.gpus if model})
    remedy = f"change {_YOUR_SITE}: set-resources, {asked.rule}"
    if not any(node.gpus for node in partition.nodes):
        found = f"{asked.gpus} GPU asked for, and no node with one"
        if elsewhere:
            listed, remedy = f"one of {', '.join(elsewhere)}", f"{remedy}: {{ slurm_partition: {elsewhere[0]} }}"
            yield place, found, f"a partition of nodes with GPUs: {listed}", remedy
        else:
            without = (
                f"{asked.rule}: {{ slurm_partition: {partition.name}, gpu: 0 }} under set-resources in the profile"
            )
            remedy = f"to go on without, write {without}"
            yield place, found, "no GPU asked for, since no partition here has one", remedy
    elif asked.gpu_model and asked.gpu_model not in models:
        listed = f"one of {', '.join(models)}" if models else "no gpu_model: the GPUs here have no names"
        yield place, f"gpu_model {asked.gpu_model!r}", listed, remedy
    elif not any(gpu_count(node, asked.gpu_model) >= asked.gpus for node in partition.nodes):
        yield place, f"{asked.gpus} GPUs asked for", "no more than a node has", remedy


def gpu_count(node: Node, model: str | None) -> int:
    """Return how many GPUs of a model a node has, or of any without one."""
    return node.gpus.get(model, 0) if model else sum(node.gpus.values())


def _fits(asked: Asked, node: Node) -> bool:
    # A memory of 1 MB means that the cluster does not say how much its nodes have.
    return asked.cpus <= node.cpus and (node.mem_mb <= 1 or asked.mem_mb <= node.mem_mb)


def _gpus(gres: str) -> dict[str, int]:
    """Read GPUs by model from a node's generic resources: ``gpu:a100:4(S:0-1),lustre:1``."""
    counts: dict[str, int] = {}
    for match in _GPU.finditer(gres):
        model = match["model"] or ""
        counts[model] = counts.get(model, 0) + int(match["count"])
    return counts


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _said(value: str, key: str) -> str:
    still = ", the value that the profile came with" if value in PLACEHOLDERS[key] else ""
    return f"{value!r}{still}"


def check_memory_of_jobs(seconds: int | None) -> Iterator[Finding]:
    """Hold how long SLURM remembers a job that ended against how often the executor asks."""
    if seconds is not None and seconds < _MIN_JOB_AGE_S:
        yield warning(
            "SLURM's MinJobAge",
            f"{seconds} s",
            f"{_MIN_JOB_AGE_S} s or more, so that squeue still knows how a job ended when the executor asks",
            "ask the cluster's staff, or set `slurm-init-seconds-before-status-checks: 10` in the profile",
        )
