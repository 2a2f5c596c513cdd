"""`platewise run`: Snakemake, started so that a run that was killed goes on by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import click
import typer
from typer.core import TyperCommand

from platewise.launch import EarlierJobs
from platewise.launch import run as launch

_OPTION = "--earlier-jobs"
_HELP = f"""\
platewise run: Snakemake, started so that a run that was killed goes on by itself. It adds one option of its own,

  {_OPTION} {{refuse,wait,cancel}}
                        What to do when SLURM jobs of an earlier run are still
                        in the queue. (default: refuse; on a terminal, ask)

and hands all others to Snakemake:
"""


class HandOn(TyperCommand):
    """A command that parses its one option and hands all else on as it is, a ``--`` too, which click would drop."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put what is not ours into ``ctx.args``."""
        ours, others = [], []
        rest = iter(args)
        for argument in rest:
            if argument == _OPTION:
                ours += [argument, *[value for value in [next(rest, None)] if value is not None]]
            elif argument.startswith(f"{_OPTION}="):
                ours.append(argument)
            else:
                others.append(argument)
        super().parse_args(ctx, ours)
        ctx.args = others
        return others


def run(
    context: typer.Context,
    earlier_jobs: Annotated[EarlierJobs, typer.Option(_OPTION)] = EarlierJobs.REFUSE,
) -> None:
    """Run Snakemake with the arguments given; a run that was killed goes on by itself."""
    if {"-h", "--help"} & set(context.args):
        typer.echo(_HELP)
    raise typer.Exit(launch(context.args, Path.cwd(), earlier_jobs))
