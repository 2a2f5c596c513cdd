"""All checks of a preflight over one campaign, part by part: each returns its lines and what it found."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from platewise.cluster.queue import QueueError
from platewise.columns import PLATE, feature_columns
from platewise.errors import ConfigError, DataError, PlatewiseError
from platewise.plan.campaign import Campaign
from platewise.preflight import executor, site
from platewise.preflight.capacity import local_capacity, slurm_capacity
from platewise.preflight.dry_run import DryRun, PlannedJob
from platewise.preflight.findings import Finding, error, warning
from platewise.preflight.forecast import OWN_FACTOR, SHIPPED_FACTOR, Forecast, forecast, wall_seconds
from platewise.preflight.images import PlateImages
from platewise.preflight.measured import measure_rates
from platewise.preflight.printing import duration, forecast_lines, hours, image_lines, size
from platewise.preflight.rates import DENSITY, Rates, read_rates
from platewise.preflight.segmenter_work import planned_networks, planned_segmenter_work
from platewise.preflight.site import Partition
from platewise.preflight.space import check_room, existing, file_system_room, quota_room
from platewise.preflight.work import Imaged, Workload, planned_work, table_work
from platewise.segmentation.annotations import load_pair

# A record of Snakemake's is about this large on disk.
_RECORD_BYTES = 12_000
# The executor's own, where the profile does not say.
_STATUS_CHECK_S = 40


@dataclass
class Part:
    """One part of a preflight: lines to show, and findings."""

    title: str
    lines: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class KnownRates:
    """Rates, where they are from, how far off a forecast by them may be, and whether a GPU was measured."""

    rates: Rates
    source: str
    factor: float
    gpu: bool


def sheet_part(campaign: Campaign) -> Part:
    """Say what was read; the sheets were checked by reading them."""
    if campaign.from_table:
        return Part("Sheets", [f"{len(campaign.plate_names)} plates from {', '.join(campaign.tables)}"])
    if not campaign.from_images:
        return Part("Sheets", ["neither plates nor tables: segmenters only"])
    wells = sum(len(plate.treatments) for plate in campaign.plates.values())
    blocks = sum(len(plate.blocks) for plate in campaign.plates.values())
    return Part("Sheets", [f"{len(campaign.plates)} plates, {wells:,} wells on their plate maps, {blocks:,} blocks"])


def image_part(plates: Sequence[PlateImages]) -> Part:
    """Say what the images are and which fields are bad."""
    part = Part("Images", image_lines(plates), [finding for plate in plates for finding in plate.findings])
    sizes = {(plate.height, plate.width) for plate in plates if plate.height}
    if len(sizes) > 1:
        listed = ", ".join(f"{height} x {width}" for height, width in sorted(sizes))
        remedy = "features measured in pixels are not comparable between such plates; make them campaigns of their own"
        part.findings.append(warning("images", f"plates of different sizes: {listed}", "one size", remedy))
    return part


def table_part(campaign: Campaign) -> tuple[Part, Workload]:
    """Read the tables of a campaign that starts from well profiles, features and all."""
    from platewise.profiles.importing import read_profiles

    part = Part("Table")
    try:
        wells, dropped = read_profiles(campaign.config.table)
    except ConfigError as wrong:
        part.findings = [Finding(problem, stops=True) for problem in wrong.problems]
        return part, table_work({})
    features = len(feature_columns(wells.columns))
    part.lines = [f"{len(wells):,} wells with {features:,} features; {len(dropped):,} rows would be dropped"]
    empty = [name for name in feature_columns(wells.columns) if wells[name].isna().all()]
    if empty:
        listed = ", ".join(empty[:5]) + (", ..." if len(empty) > 5 else "")
        remedy = "feature selection leaves them out; name them in table.exclude to say so"
        part.findings.append(warning("table", f"{len(empty)} features without a value: {listed}", "numbers", remedy))
    return part, table_work(wells[PLATE].value_counts().to_dict())


def annotation_part(campaign: Campaign, sample: int | None) -> tuple[Part, dict[str, float]]:
    """Read some of the annotated images, all for None; return the megapixels of an image of each set in the mean."""
    part, megapixels = Part("Annotated images"), {}
    for name, annotated in campaign.annotations.items():
        read = annotated.images if sample is None else annotated.images[:: max(1, len(annotated.images) // sample)]
        areas = []
        for one in read:
            try:
                _, label = load_pair(one)
                areas.append(label.size / 1e6)
            except DataError as failed:
                part.findings.append(Finding(failed, stops=True))
        megapixels[name] = sum(areas) / len(areas) if areas else 0.0
        groups = len({one.group for one in annotated.images})
        part.lines.append(
            f"{name}: {len(annotated.images):,} images of {len(annotated.classes)} classes in {groups:,} groups, "
            f"{megapixels[name]:.2f} megapixels each; {len(read)} read"
        )
    return part, megapixels


def segmenter_workload(campaign: Campaign, workload: Workload, megapixels: Mapping[str, float]) -> Workload:
    """Add the work on annotated images to that on plates or tables."""
    area = workload.total.area / workload.total.fields if workload.total.fields else 0.0
    work = planned_segmenter_work(campaign, megapixels, area)
    return replace(workload, segmenters=work, networks=planned_networks(campaign))


def known_rates(like: Path | None) -> KnownRates:
    """Return the rates that come with the library, or those of a finished campaign.

    Raises
    ------
    PlatewiseError
        If ``like`` is no finished campaign's folder.
    """
    shipped = read_rates()
    if like is None:
        return KnownRates(shipped, "rates that come with platewise", SHIPPED_FACTOR, gpu=False)
    if not (like / "benchmarks").is_dir():
        raise PlatewiseError(
            f"{like}: found no folder `benchmarks`; expected the results of a finished campaign. Hint: name a folder "
            "such as results/my_screen."
        )
    own = measure_rates([like], shipped)
    devices = [path.read_text() for path in like.glob("campaign/embedding/*/model.json")]
    return KnownRates(shipped | own, f"rates of {like}", OWN_FACTOR, any('"device": "cuda' in text for text in devices))


def image_workload(campaign: Campaign, plates: Sequence[PlateImages], rates: Rates) -> Workload | None:
    """Return the work of a campaign by what its images tell; None if none could be read."""
    known = {plate.plate: Imaged(plate.fields, plate.height, plate.width) for plate in plates if plate.height}
    return planned_work(campaign, known, rates[DENSITY, "cells"].per_unit) if known else None


def forecast_part(
    campaign: Campaign,
    run: DryRun,
    workload: Workload,
    known: KnownRates,
    slots: int,
    offered: Mapping[str, Partition] | None,
) -> tuple[Part, Forecast]:
    """Forecast what is left to do.

    ``slots`` are jobs at once on SLURM, else threads. ``offered`` are the cluster's partitions, empty where it does not
    tell; None for no cluster.
    """
    slurm = offered is not None
    config = campaign.config
    made = forecast(
        run.jobs,
        workload,
        known.rates,
        workload.learned,
        stored_images=config.store.images,
        slurm=slurm,
    )
    part = Part("Forecast")
    if not run.jobs:
        part.lines = ["nothing is left to do"]
        return part, made
    low, high = made.between(known.factor)
    part.lines = [
        *forecast_lines(made),
        f"by the {known.source}; those were right within a factor of {known.factor:g} where it was tried",
        f"CPU-hours: {hours(made.total.cpu)} (between {hours(low)} and {hours(high)})",
    ]
    if slurm:
        part.lines[-1] += f"; SLURM will count {hours(made.reserved)}, with the jobs' starts and idle threads"
    if made.total.gpu:
        limit = "" if known.gpu else ", as measured without a GPU: with one it should be less"
        part.lines.append(f"GPU-hours: {hours(made.total.gpu)}{limit}")
    noticed = run.settings.get("slurm_init_seconds_before_status_checks", _STATUS_CHECK_S) / 2 if slurm else 0
    seconds = [own + noticed for own in made.seconds]
    capacity = local_capacity(run.jobs, slots) if offered is None else slurm_capacity(run.jobs, slots, offered)
    wall = wall_seconds(run.jobs, seconds, capacity)
    worse = max(1.0, high / known.factor / made.total.cpu) if made.total.cpu else 1.0
    up = f", on the {capacity.cpus} CPUs that are up" if capacity.cpus else ""
    at_once = f"{slots} jobs at once{up}, if no other jobs are in the queue" if slurm else f"{slots} threads at once"
    between = f"between {duration(wall / known.factor)} and {duration(wall * known.factor * worse)}"
    part.lines.append(f"until the end: {duration(wall)} ({between}), {at_once}")
    if capacity.gpus:
        on_gpu = [number for number, job in enumerate(run.jobs) if job.resources.get("gpu")]
        alone = wall_seconds(
            [run.jobs[number] for number in on_gpu], [seconds[number] for number in on_gpu], capacity.of(on_gpu)
        )
        part.lines.append(
            f"GPUs that are up: {capacity.gpus}; the {len(on_gpu):,} GPU jobs alone take {duration(alone)}"
        )
    part.lines.append(
        f"storage: {size(made.total.disk)} in {made.total.files:,.0f} files and {made.total.folders:,.0f} folders, and "
        f"{made.metadata:,} records of Snakemake's"
    )
    unknown = [rule.rule for rule in made.rules if not rule.measured]
    if unknown:
        part.lines.append(f"without a rate, and not counted: {', '.join(unknown)}")
    return part, made


def cluster_part(
    first: DryRun, last: Sequence[PlannedJob], profile: str, device: str
) -> tuple[Part, dict[str, Partition]]:
    """Hold profile, plugin and jobs against this cluster; without jobs, profile and plugin alone.

    Returns the cluster's partitions too; none where it does not tell.
    """
    part = Part(f"Cluster (profile {profile})")
    part.findings += executor.check_executor(executor.installed_version(), first.settings)
    part.findings += site.check_device(device, site.asked_by_rule(first.jobs))
    try:
        known = site.partitions()
    except QueueError as silent:
        text, _, remedy = str(silent).partition(" Hint: ")
        part.findings.append(error("SLURM", text, "an answer", remedy))
        return part, {}
    except FileNotFoundError:
        part.lines.append("SLURM is not installed here: partitions, accounts and GPUs are not checked")
        return part, {}
    own = site.accounts(getpass.getuser())
    asked = site.asked_by_rule(first.jobs)
    part.findings += site.check_site(asked, site.asked_by_rule(last), known, own)
    if first.settings.get("slurm_status_command") == "squeue":
        part.findings += site.check_memory_of_jobs(site.min_job_age())
    for name in sorted({str(one.partition) for one in asked if one.partition in known}):
        up = [node for node in known[name].nodes if node.up]
        gpus = sum(sum(node.gpus.values()) for node in up)
        rules = len({one.rule for one in asked if one.partition == name})
        cores = sum(node.cpus for node in up)
        part.lines.append(
            f"{name}: {len(up)} nodes up with {cores} CPUs and {gpus} GPUs, for the jobs of {rules} rules"
        )
    return part, known


def space_part(campaign: Campaign, run: DryRun, made: Forecast | None, factor: float) -> Part:
    """Hold the forecast against the room for results, and say what is known of scratch folders."""
    part = Part("Space")
    folder = campaign.folder
    rooms = [room for room in (file_system_room(folder), quota_room(folder)) if room is not None]
    for room in rooms:
        free = [size(room.bytes)] if room.bytes is not None else []
        free += [f"{room.files:,.0f} files"] if room.files is not None else []
        part.lines.append(f"{room.limit}: {' and '.join(free)} left")
    if not os.access(existing(folder), os.W_OK):
        part.findings.append(
            error(
                str(folder),
                "a folder that cannot be written",
                "a folder of your own",
                "change `results:` in the config",
            )
        )
    if made is not None and made.jobs:
        disk = made.total.disk + made.metadata * _RECORD_BYTES
        files = made.total.files + made.total.folders + made.metadata
        part.findings += check_room(rooms, str(folder), disk, files, factor)
    scratch = sorted({str(job.resources["scratch"]) for job in run.jobs if job.resources.get("scratch")})
    for place in scratch:
        part.lines.append(f"scratch {place}: known on the node only, not checked from here")
    return part


def summary(parts: Sequence[Part]) -> Mapping[bool, int]:
    """Count findings that stop the campaign (True) and that do not."""
    found = [finding.stops for part in parts for finding in part.findings]
    return {True: sum(found), False: len(found) - sum(found)}
