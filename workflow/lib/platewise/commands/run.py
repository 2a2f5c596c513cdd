"""`platewise run`: Snakemake, started so that a run that was killed goes on by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platewise.launch import EarlierJobs
from platewise.launch import run as launch

_HELP = """\
platewise run: Snakemake, started so that a run that was killed goes on by itself. It adds one option of its own,

  --earlier-jobs {refuse,wait,cancel}
                        What to do when SLURM jobs of an earlier run are still
                        in the queue. (default: refuse; on a terminal, ask)

and hands all others to Snakemake:
"""


def run(
    context: typer.Context,
    earlier_jobs: Annotated[EarlierJobs, typer.Option("--earlier-jobs")] = EarlierJobs.REFUSE,
) -> None:
    """Run Snakemake with the arguments given; a run that was killed goes on by itself."""
    if {"-h", "--help"} & set(context.args):
        typer.echo(_HELP)
    raise typer.Exit(launch(context.args, Path.cwd(), earlier_jobs))
