"""`platewise simulate`: rendered campaigns with known truth."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def simulate(
    folder: Annotated[Path, typer.Argument(help="Where to write images, sheets and truth.")],
    annotations: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Render so many fields of nuclei and cells with their true outlines and an index.csv, for training "
            "segmenters, instead of a campaign.",
        ),
    ] = None,
    design: Annotated[
        str, typer.Option(help="Name of the design: demo, demo-large, batches, doses, small or tiny.")
    ] = "demo",
    seed: Annotated[int, typer.Option(help="Seed: the same seed gives the same campaign.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes; 0 for one a core.")] = 0,
) -> None:
    """Render a campaign of Cell Painting fields with known truth. A finished one is left alone."""
    workers = workers or os.cpu_count() or 1
    if annotations is not None:
        from platewise.simulate.annotations import render_annotations

        render_annotations(folder, annotations, seed=seed, workers=workers, progress=_show_progress)
        return
    from platewise.simulate.campaign import render_campaign

    render_campaign(design, folder, seed, workers, _show_progress)


def _show_progress(done: int, total: int) -> None:
    if sys.stdout.isatty():
        typer.echo(f"\rrendered {done} of {total} fields", nl=done == total)
    elif done == total or done % 25 == 0:
        # A log file has no line to write over.
        typer.echo(f"rendered {done} of {total} fields")
