"""`platewise measure`: the features of one field's cells, without a campaign."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from platewise.commands.arguments import read_campaign
from platewise.errors import ConfigError, Problem


def measure(
    channel: Annotated[
        list[str],
        typer.Option(metavar="NAME=FILE", help="A channel's name in the features, and its image; once for each."),
    ],
    nuclei: Annotated[Path, typer.Option(help="Label image of the nuclei, 0 for background.")],
    cells: Annotated[Path, typer.Option(help="Label image of the cells; each has the number of its nucleus.")],
    out: Annotated[Path, typer.Option(help="Folder for Nuclei.parquet, Cells.parquet and Cytoplasm.parquet.")],
    config: Annotated[
        Path | None,
        typer.Option(help="Measure as this campaign's config says. Left out: as CellProfiler in JUMP's pipelines."),
    ] = None,
    full_scale: Annotated[
        float | None,
        typer.Option(
            help="Counts, above 0, that become intensity 1.0. Left out: that of --config, or the most that the files "
            "can hold.",
        ),
    ] = None,
) -> None:
    """Measure the cells of one field: CellProfiler's features under its names, a table for each compartment.

    The cytoplasm is the cell without its nucleus. Images are measured as they are: no illumination is corrected.
    """
    from platewise.algorithms import ALGORITHMS
    from platewise.measure.cellprofiler import SETTINGS, cellprofiler_tables
    from platewise.measure.field_files import read_field
    from platewise.tables import write_table

    files = _channel_files(channel)
    # NaN is not above 0 either.
    if full_scale is not None and not 0 < full_scale < math.inf:
        expected, remedy = (
            "a number of counts above 0",
            "give the camera's highest value, such as 65535, or leave it out",
        )
        raise ConfigError([Problem("--full-scale", f"{full_scale:g}", expected, remedy)])
    settings = SETTINGS if config is None else read_campaign(config).config.measure
    field = read_field(files, {"nuclei": nuclei, "cells": cells})
    if full_scale is None:
        full_scale = settings.full_scale if config is not None else field.full_scale()
    settings = settings.model_copy(update={"full_scale": full_scale})
    tables = cellprofiler_tables(field.image, field.labels, list(files), settings)
    for name, table in tables.items():
        facts = {"stage": "measure", "algorithm": ALGORITHMS["measure"], "parameters": settings.model_dump(mode="json")}
        write_table(table, out / f"{name}.parquet", facts)
    count = len(tables["Cells"])
    typer.echo(f"{count} cells, {sum(table.shape[1] - 1 for table in tables.values())} columns in {out}")


def _channel_files(options: list[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for option in options:
        name, sign, file = option.partition("=")
        if not sign or not name or not file:
            raise ConfigError([Problem("--channel", repr(option), "NAME=FILE", "write, for example, DNA=w1.tif")])
        if name in files:
            raise ConfigError([Problem("--channel", f"{name} twice", "a name for each channel", "rename one")])
        files[name] = Path(file)
    return files
