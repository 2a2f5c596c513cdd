"""How far a campaign is, put together from what its files, logs and the queue say."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from platewise.cluster.benchmarks import read_benchmark
from platewise.errors import DataError, PlatewiseError
from platewise.plan.campaign import Campaign
from platewise.plan.jobs import Job, campaign_stages, list_jobs, list_targets, plate_stages
from platewise.status.failures import Failure, find_failures
from platewise.status.fields import FieldCount, count_fields
from platewise.status.files import Files
from platewise.status.forecast import Forecast, Pace, forecast, kind, pace_of
from platewise.status.needed import followers, jobs_to_make
from platewise.status.work import Work, find_work

# What a job can be. Stopped: begun and not ended, and not seen at work. Gone: its output was removed, and no run makes
# it again by itself.
STATES = ("done", "running", "queued", "failed", "stopped", "waiting", "gone")


@dataclass(frozen=True)
class CampaignStatus:
    """How far a campaign is.

    ``stages`` counts jobs by (plate, stage) and state, the plate empty for the stages of the campaign; ``order`` holds
    the stages of a plate and of the campaign; ``fields`` the fields by plate; ``held`` how many jobs wait for what
    failed; ``again`` how many jobs that were done wait to be made again, by reason.
    """

    name: str
    folder: Path
    plates: list[str]
    order: tuple[list[str], list[str]]
    stages: Mapping[tuple[str, str], Counter[str]]
    fields: Mapping[str, FieldCount]
    failures: list[Failure]
    held: int
    again: Counter[str]
    work: Work
    forecast: Forecast
    total: Counter[str]


def campaign_status(campaign: Campaign, folder: Path, plate: str | None = None) -> CampaignStatus:
    """Look at a campaign. Nothing is written.

    Parameters
    ----------
    campaign
        The campaign.
    folder
        Where Snakemake runs: the paths of the config count from here.
    plate
        Show this plate only; the forecast is the whole campaign's.

    Raises
    ------
    PlatewiseError
        If there is no such plate, or it has no stages of its own.
    """
    plates = _shown_plates(campaign, plate)
    jobs = list_jobs(campaign)
    files = Files(folder)
    wanted = jobs_to_make(jobs, list_targets(jobs), files)
    work = find_work(jobs, folder)
    idle = [job for job in jobs if job in wanted and job not in work.running and job not in work.queued]
    failures = list(find_failures(idle, files))
    states = _states(jobs, wanted, work, failures, files)
    stages: dict[tuple[str, str], Counter[str]] = {}
    for job in jobs:
        stages.setdefault((job.plate, job.stage), Counter())[states[job]] += 1
    failed = [failure.job for failure in failures]
    held = followers(jobs, failed) & wanted.keys() if failed else set()
    left = [job for job in jobs if states[job] in ("running", "queued", "waiting") and job not in held]
    done_blocks = {(job.plate, job.block) for job in jobs if job.stage == "segment" and states[job] == "done"}
    return CampaignStatus(
        name=campaign.config.campaign,
        folder=campaign.folder,
        plates=plates,
        order=(plate_stages(campaign), campaign_stages(campaign)),
        stages=stages,
        fields={
            name: count_fields(
                campaign.plates[name],
                folder / campaign.folder / "plates" / name,
                {block for owner, block in done_blocks if owner == name},
            )
            for name in plates
        },
        failures=[failure for failure in failures if plate is None or failure.job.plate in (plate, "")],
        held=len(held),
        again=Counter(wanted[job] for job in jobs if states[job] == "waiting" and _is_there(job, files)),
        work=work,
        forecast=_forecast(jobs, left, work, files),
        total=Counter(states.values()),
    )


def _shown_plates(campaign: Campaign, plate: str | None) -> list[str]:
    if plate is None:
        return list(campaign.plates)
    if plate in campaign.plates:
        return [plate]
    if plate in campaign.plate_names:
        raise PlatewiseError(
            f"--plate {plate}: the campaign starts from a table, so its plates have no stages of their own. "
            "Hint: leave --plate out."
        )
    raise PlatewiseError(
        f"--plate {plate}: no such plate; there are {', '.join(campaign.plate_names)}. Hint: name one of them."
    )


def _states(
    jobs: Sequence[Job], wanted: Collection[Job], work: Work, failures: Sequence[Failure], files: Files
) -> dict[Job, str]:
    ended = {failure.job: "failed" if failure.told else "stopped" for failure in failures}
    states = {}
    for job in jobs:
        if job in work.running:
            states[job] = "running"
        elif job in work.queued:
            states[job] = "queued"
        elif job in wanted:
            states[job] = ended.get(job, "waiting")
        else:
            states[job] = "done" if _is_there(job, files) else "gone"
    return states


def _is_there(job: Job, files: Files) -> bool:
    return all(files.time(path) is not None for path in job.outputs)


def _forecast(jobs: Sequence[Job], left: Sequence[Job], work: Work, files: Files) -> Forecast:
    if not left:
        return forecast([], {}, {}, Pace(0, None))
    seconds: dict[str, list[float]] = {}
    finished: list[tuple[float, float]] = []
    for job in jobs:
        end = files.time(job.benchmark)
        took = None if end is None else _seconds(files.folder / job.benchmark)
        if end is not None and took is not None:
            seconds.setdefault(kind(job), []).append(took)
            finished.append((end, took))
    pace = pace_of(finished, work.running.values(), work.since, time.time())
    return forecast(left, seconds, work.running, pace)


def _seconds(benchmark: Path) -> float | None:
    """Return the seconds that a job took, None where its benchmark is cut short."""
    try:
        found = read_benchmark(benchmark)
    except DataError:
        return None
    return None if found is None else found.elapsed_s
