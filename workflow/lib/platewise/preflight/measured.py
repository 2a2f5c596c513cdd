"""Rates of finished campaigns: from Snakemake's benchmark files and the sizes of what is in the results folder."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from platewise.cluster.benchmarks import read_benchmark
from platewise.errors import PlatewiseError
from platewise.preflight.rates import (
    DENSITY,
    IMAGES,
    LEARNED,
    MEASURES,
    Measure,
    Rate,
    Rates,
    amount,
    find_rate,
    fit_line,
)
from platewise.preflight.work import SEGMENTATION, Work, Workload, finished_work

# A campaign with several layouts numbers this rule.
# What there is for learned features only.
_FOR_NETWORKS = ("train_embedding", "embed_block", "explain_features", "show_exemplars", "train_segmenter")
_NUMBERED = re.compile(r"(inventory_plate)_\d+$")
# Later Snakemake looks at a job's processor time too seldom for it to be known.
_SAMPLED_S = 15
Scope = tuple[str, str]  # plate and block, empty where a job is not of one


@dataclass(frozen=True)
class MeasuredJob:
    """A job of a finished campaign: the name of its rates, its work, and its seconds by the clock and the processor.

    The latter end with Snakemake's last look (``cluster.benchmarks``), so that those of long jobs are too few.
    """

    name: str
    scope: Scope
    work: Work
    seconds: float
    cpu: float


@dataclass
class Sizes:
    """What lies on disk: ``bytes`` of content, ``files`` and ``folders``."""

    bytes: int = 0
    files: int = 0
    folders: int = 0

    def add(self, size: int, is_folder: bool) -> None:
        """Count a file of ``size`` bytes, or a folder."""
        self.bytes += 0 if is_folder else size
        self.files += not is_folder
        self.folders += is_folder


def rate_name(rule: str, features: str = "", embeddings: Container[str] = (), images: bool = False) -> str:
    """Return the name under which a job's rates are found: its rule, without the number of a layout, and its variant.

    Parameters
    ----------
    rule
        Its rule.
    features, embeddings
        The job's kind of features, or its contender, empty if it has none, and those that are learned.
    images
        Whether the plate store gets the images too.
    """
    match = _NUMBERED.match(rule)
    named = SEGMENTATION if rule == "segment_block" else features
    learned = named in embeddings and rule not in _FOR_NETWORKS
    if rule == "segment_block" and images and not learned:
        return rule + IMAGES
    return (match[1] if match else rule) + (LEARNED if learned else "")


def measured_jobs(results: Path, workload: Workload) -> list[MeasuredJob]:
    """Read the benchmark files of a campaign's results.

    Raises
    ------
    PlatewiseError
        If there are none.
    """
    folder = results / "benchmarks"
    # A field's own metadata name its images where those are stored.
    images = any(results.glob("plates/*/plate.zarr/*/*/*/0/zarr.json"))
    jobs = []
    for path in sorted(folder.rglob("*.tsv")):
        parts = path.relative_to(folder).with_suffix("").parts
        plate = next((part for part in parts[1:] if part in workload.blocks), "")
        block = parts[-1] if plate and parts[-1] in workload.blocks[plate] else ""
        # Some rules name the features first and others alone, or with the correction.
        features = parts[1].partition(".")[0] if len(parts) > 1 else ""
        embedding = features if parts[0] == "train_embedding" else ""
        measured = read_benchmark(path)
        work = workload.segmenters.get("/".join(parts)) or workload.of(plate, block, embedding)
        # A contender's name may hold dots.
        contender = parts[1] if parts[0] == "predict_held_out" else features
        name = rate_name(parts[0], contender, workload.learned, images)
        jobs.append(MeasuredJob(name, (plate, block), work, measured.elapsed_s, measured.cpu_s or 0.0))
    if not jobs:
        raise PlatewiseError(
            f"{folder}: found no benchmark file; expected those of a finished campaign. Hint: name a campaign's folder "
            "of results, such as results/my_screen."
        )
    return jobs


def measured_sizes(results: Path, embeddings: Container[str] = ()) -> dict[str, dict[Scope, Sizes]]:
    """Add up what lies on disk, by name of rate and by plate and block. Logs, benchmarks and strangers are left out."""
    patterns = [(measure.name, re.compile(measure.pattern)) for measure in MEASURES.values()]
    from_table = not any(results.glob("plates/*/inventory"))
    sizes: dict[str, dict[Scope, Sizes]] = defaultdict(lambda: defaultdict(Sizes))
    for path, size, is_folder in walk(results):
        for name, pattern in patterns:
            match = pattern.fullmatch(path)
            if match and not (from_table and name == "aggregate_plate"):
                groups = match.groupdict()
                name = rate_name(name, groups.get("features") or "", embeddings)
                sizes[name][groups.get("plate") or "", groups.get("block") or ""].add(size, is_folder)
                break
    return {name: dict(scopes) for name, scopes in sizes.items()}


def measure_rates(folders: Sequence[Path], known: Rates | None = None, busy: Sequence[Path] = ()) -> Rates:
    """Fit the rates of every rule to the jobs of finished campaigns.

    Parameters
    ----------
    folders
        Results of campaigns, each with ``benchmarks``, ``plates`` and ``campaign``.
    busy
        More of them, run while the machine had other work: their jobs count with their seconds on the processor.
    known
        Rates whose cost a job is taken where these campaigns cannot tell it from the cost a unit.

    Raises
    ------
    PlatewiseError
        If a folder has no benchmark file.
    """
    points: dict[tuple[str, str], list[tuple[Work, float]]] = defaultdict(list)
    clock: dict[str, list[MeasuredJob]] = defaultdict(list)
    area = cells = 0.0
    for folder in [*folders, *busy]:
        workload = finished_work(folder)
        jobs = measured_jobs(folder, workload)
        area, cells = area + workload.total.area, cells + workload.total.cells
        sizes = measured_sizes(folder, workload.learned)
        for job in jobs:
            if job.name.partition(":")[0] in MEASURES:
                points[job.name, "seconds"].append((job.work, job.cpu if folder in busy else job.seconds))
                clock[job.name] += [] if folder in busy else [job]
        for name, quantity, work, value in _left(jobs, sizes, workload):
            points[name, quantity].append((work, value))
    rates: Rates = {}
    # Plain names first: what a job costs whatever it does is then known for their variants.
    for (name, quantity), found in sorted(points.items()):
        unit = measure_of(name).unit(quantity)
        amounts = [amount(work, unit) for work, _ in found]
        prior = find_rate(known or {}, name, quantity) or find_rate(rates, name, quantity)
        # What a field leaves in the store is measured a plate and forecast a block: no amount a job.
        origin = bool(measure_of(name).rule)
        line = fit_line(amounts, [value for _, value in found], prior.per_job if prior else 0.0, origin)
        rates[name, quantity] = Rate(name, quantity, unit, *line, len(found), max(amounts))
        if quantity == "seconds":
            load = _load(clock[name])
            rates[name, "cpu"] = Rate(name, "cpu", unit, line[0] * load, line[1] * load, len(found), max(amounts))
    if area:
        rates[DENSITY, "cells"] = Rate(DENSITY, "cells", "area", 0.0, cells / area, len(folders), area)
    return rates


def measure_of(name: str) -> Measure:
    """Return how a rate of this name is measured."""
    return MEASURES[name.partition(":")[0]]


def _left(
    jobs: Iterable[MeasuredJob], sizes: dict[str, dict[Scope, Sizes]], workload: Workload
) -> Iterator[tuple[str, str, Work, float]]:
    """Yield name, quantity, work and value of what a job of a plate or block left on disk in the mean."""
    alike = Counter((job.name.removesuffix(IMAGES), job.scope) for job in jobs)
    for name, scopes in sizes.items():
        measure = measure_of(name)
        for (plate, block), size in scopes.items():
            count = 1 if measure.rule else alike[name, ("", "") if measure.per_plate else (plate, block)]
            for quantity in ("bytes", "files", "folders"):
                if count:
                    yield name, quantity, workload.of(plate, block), getattr(size, quantity) / count


def _load(jobs: Iterable[MeasuredJob]) -> float:
    """Return how many processors jobs kept busy, by those that are short enough to know; 1 if none is."""
    known = [job for job in jobs if 0 < job.seconds < _SAMPLED_S]
    return sum(job.cpu for job in known) / sum(job.seconds for job in known) if known else 1.0


def walk(folder: Path) -> Iterator[tuple[str, int, bool]]:
    """Yield path below ``folder`` (a folder's ends in a slash), size, and whether it is a folder."""
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                path = f"{below}{entry.name}{'/' if is_folder else ''}"
                if is_folder:
                    pending.append(path)
                yield path, entry.stat(follow_symlinks=False).st_size, is_folder
