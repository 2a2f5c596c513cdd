"""`platewise run`: Snakemake, started so that a run that was killed goes on by itself."""

from __future__ import annotations

from pathlib import Path

import typer


def run(context: typer.Context) -> None:
    """Run Snakemake with the arguments given; a run that was killed goes on by itself."""
    from platewise.launch import run as launch

    raise typer.Exit(launch(context.args, Path.cwd()))
