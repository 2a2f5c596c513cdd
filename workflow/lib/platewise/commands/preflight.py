"""`platewise preflight`: a campaign checked and forecast before anything is submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platewise.commands.arguments import ConfigFile, read_campaign


def preflight(
    config: ConfigFile,
    sample: Annotated[int, typer.Option(min=1, help="Fields of each plate to read.")] = 8,
    complete: Annotated[bool, typer.Option("--complete", help="Read every field.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="Images read at a time; 0 for two a core.")] = 0,
    like: Annotated[Path | None, typer.Option(help="Take the rates from this finished campaign's results.")] = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Forecast for so many jobs at once; 0 for as many as the profile or cores.")
    ] = 0,
    profile: Annotated[
        str | None, typer.Option(help="Snakemake's profile; `slurm` where SLURM is installed. `none` for this machine.")
    ] = None,
) -> None:
    """Check sheets, images, cluster and space, and forecast jobs, hours and storage. Writes nothing.

    The exit status is 1 if something would stop the campaign or spoil it; warnings leave it at 0.
    """
    from platewise.preflight.run import run_preflight

    campaign = read_campaign(config)
    ready = run_preflight(
        campaign,
        config,
        Path.cwd(),
        typer.echo,
        sample=None if complete else sample,
        threads=threads,
        like=like,
        jobs=jobs,
        profile=profile,
    )
    raise typer.Exit(0 if ready else 1)
