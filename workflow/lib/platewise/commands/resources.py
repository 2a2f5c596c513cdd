"""`platewise resources`: what rules asked for, what their jobs used, and better numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platewise.commands.arguments import ConfigFile, read_campaign


def resources(
    config: ConfigFile,
    profile: Annotated[
        Path | None,
        typer.Option(
            help="Profile that the numbers are for: its own keys are kept. Default: profiles/slurm, if there."
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How far back SLURM's accounting is asked.")] = 30,
) -> None:
    """Show what each rule asked for beside what its jobs used, and better numbers as a block for a profile.

    Reads the benchmark files of the campaign, and SLURM's accounting of the runs that were started in this folder.
    """
    from platewise.cluster.accounting import has_accounting, read_attempts
    from platewise.cluster.queue import QueueError
    from platewise.cluster.resources import measure_rules, profile_lines, read_profile, table_lines
    from platewise.errors import PlatewiseError
    from platewise.plan.demand import SNAKEMAKE_MB
    from platewise.plan.jobs import list_jobs

    campaign = read_campaign(config)
    default = Path("profiles/slurm")
    place = profile or (default if default.is_dir() else None)
    kept = read_profile(place) if place else {}
    attempts, source = [], "benchmark files; there is no SLURM here"
    if has_accounting():
        try:
            attempts = read_attempts(Path.cwd(), config, days)
            source = f"benchmark files, and {len(attempts)} ended SLURM job(s) of the last {days} days"
        except QueueError as error:
            source = f"benchmark files alone: {error}"
    uses = measure_rules(list_jobs(campaign), attempts)
    if not any(use.jobs for use in uses):
        raise PlatewiseError(
            f"{campaign.folder / 'benchmarks'}: found no job of this campaign that has run; expected at least one. "
            "Hint: run the campaign first, or start this command in the folder where it was run."
        )
    typer.echo(f"# From {source}.")
    typer.echo(f"# Where only a benchmark tells, memory includes {SNAKEMAKE_MB} MB for Snakemake's own.")
    for line in table_lines(uses):
        typer.echo(line)
    typer.echo("")
    typer.echo(f"# In place of these keys of {place}:" if place else "# For a profile:")
    for line in profile_lines(uses, kept):
        typer.echo(line)
