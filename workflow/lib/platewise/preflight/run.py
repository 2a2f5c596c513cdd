"""A preflight from beginning to end, each part shown as soon as it is known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from platewise.cluster.queue import has_slurm
from platewise.errors import PlatewiseError
from platewise.plan.campaign import Campaign
from platewise.preflight import check
from platewise.preflight.check import Part
from platewise.preflight.dry_run import DryRun, DryRunError, dry_run, find_profile, find_snakefile, read_profile
from platewise.preflight.findings import Finding, error
from platewise.preflight.images import check_plate
from platewise.preflight.work import Workload

_SLURM = "slurm"


def run_preflight(
    campaign: Campaign,
    configfile: Path,
    folder: Path,
    show: Callable[[str], object],
    *,
    sample: int | None = 8,
    threads: int = 0,
    like: Path | None = None,
    jobs: int = 0,
    profile: str | None = None,
) -> bool:
    """Check and forecast a campaign.

    Parameters
    ----------
    campaign, configfile
        The campaign, and the file that it was read from.
    folder
        Where Snakemake would be started.
    show
        Called with each line.
    sample, threads
        Fields of each plate to read (None for all), and how many images at a time (0 for two a core).
    like
        Results of a finished campaign, to take the rates from.
    jobs
        Jobs at once to forecast for; 0 for the profile's, or the machine's cores.
    profile
        Name or folder of Snakemake's profile; None for ``slurm`` where SLURM is installed; ``none`` for none.

    Returns
    -------
    bool
        Whether nothing was found that would stop or spoil the campaign.

    Raises
    ------
    PlatewiseError
        If ``like`` or ``profile`` is not there.
    """
    known = check.known_rates(like)
    place = _profile(profile, folder)
    shown: list[Part] = []

    def add(part: Part) -> None:
        shown.append(part)
        show(f"\n{part.title}")
        for line in part.lines:
            show(f"  {line}")
        for finding in part.findings:
            show(f"  {finding}")

    add(check.sheet_part(campaign))
    if campaign.from_images:
        cores = os.cpu_count() or 1
        plates = [
            check_plate(plate, campaign.config.images, sample, campaign.config.seed, threads or 2 * cores)
            for plate in campaign.plates.values()
        ]
        add(check.image_part(plates))
        workload = check.image_workload(campaign, plates, known.rates)
    elif campaign.from_table:
        part, workload = check.table_part(campaign)
        add(part)
    else:
        workload = Workload({})
    megapixels: dict[str, float] = {}
    if campaign.annotations:
        part, megapixels = check.annotation_part(campaign, sample)
        add(part)
    if workload is not None:
        workload = check.segmenter_workload(campaign, workload, megapixels)
    first, last, failed = _plans(configfile, folder, place)
    if failed:
        add(Part("Plan", [], failed))
    on_slurm = first.settings.get("executor") == _SLURM
    offered = None
    if on_slurm:
        part, offered = check.cluster_part(first, last.jobs, str(place), campaign.config.device)
        add(part)
    made = None
    if not failed and workload is not None:
        slots = jobs or (int(first.settings.get("jobs", 1)) if on_slurm else os.cpu_count() or 1)
        part, made = check.forecast_part(campaign, first, workload, known, slots, offered)
        add(part)
    elif workload is None:
        add(Part("Forecast", ["no image was read, so that nothing can be forecast"]))
    add(check.space_part(campaign, first, made, known.factor))
    counts = check.summary(shown)
    show(f"\n{counts[True]} error(s), {counts[False]} warning(s)")
    return counts[True] == 0


def _profile(name: str | None, folder: Path) -> Path | None:
    """Return the profile's folder, or None to plan for this machine."""
    if name == "none" or (name is None and not has_slurm()):
        return None
    found = find_profile(name or _SLURM, folder, find_snakefile(folder))
    if found is None and name is not None:
        raise PlatewiseError(
            f"--profile: found no profile {name!r} with a config.yaml in {folder}, ~/.config/snakemake or "
            "/etc/xdg/snakemake. Hint: name its folder, such as profiles/slurm."
        )
    return found


def _plans(configfile: Path, folder: Path, profile: Path | None) -> tuple[DryRun, DryRun, list[Finding]]:
    """Plan the first try of every job and the last that the profile allows, or say why that fails.

    What is wrong may be the plugin, which is checked later: so the profile's own settings are returned then.
    """
    try:
        first = dry_run(configfile, folder, profile)
        retries = int(first.settings.get("retries", 0))
        slurm = first.settings.get("executor") == _SLURM
        return first, dry_run(configfile, folder, profile, retries + 1) if retries and slurm else first, []
    except DryRunError as failed:
        text, _, remedy = str(failed).rpartition(" Hint: ")
        nothing = DryRun([], read_profile(profile) if profile else {})
        return nothing, nothing, [error("Snakemake", text, "a plan", remedy)]
