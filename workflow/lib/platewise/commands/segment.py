"""`platewise segment`: a folder of images to a folder of labels, without a campaign."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from platewise.algorithms import ALGORITHMS
from platewise.commands.choices import Device, Target, networks_on
from platewise.errors import ConfigError, PlatewiseError, Problem

# Images that a GPU gets at a time; on a CPU each is done by itself.
_GROUP = 16


class Given(StrEnum):
    """What the files of --nuclei are."""

    labels = "labels"
    images = "images"


def segment(
    images: Annotated[
        Path, typer.Argument(metavar="IMAGES", help="Folder of images, or one image: PNG, TIFF, JPEG, BMP.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write the labels to.")],
    engine: Annotated[
        str | None,
        typer.Option(
            help="Engine, as in the config's section segmentation. Left out: that of --model, or the default."
        ),
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(help="Its weights (a tool's too), or parameters of `tuned`; several times for `ensemble`."),
    ] = None,
    target: Annotated[Target, typer.Option(help="What to find.")] = Target.nuclei,
    nuclei: Annotated[
        Path | None,
        typer.Option(
            help="With --target cells: folder of the nuclei, files named as the images. Left out: each cell is "
            "looked for as one bright object, by an engine for nuclei, in all channels of its file together."
        ),
    ] = None,
    nuclei_are: Annotated[
        Given | None,
        typer.Option(help="What --nuclei holds: label images, or images of the nuclear channel. Left out: labels."),
    ] = None,
    diameter: Annotated[
        float | None,
        typer.Option(help="Typical diameter of a nucleus in pixels. Left out: estimated, or the engine's own."),
    ] = None,
    channel: Annotated[
        int | None, typer.Option(min=0, help="Which channel or page of a file to take, counted from 0.")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where networks run; auto takes a GPU if there is one.")] = Device.auto,
    threads: Annotated[
        int, typer.Option(min=0, help="CPU threads of networks; 0 for OMP_NUM_THREADS, or one a core.")
    ] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make labels anew that are there already.")] = False,
) -> None:
    """Find nuclei or cells in any images: a 16-bit label PNG for each, of the same name; 0 is background.

    Cells have the numbers of their nuclei. A label with a number above 65,535 is a 32-bit TIFF instead. Labels that are
    newer than their image and its nuclei are kept, so that a run that was ended goes on; labels made otherwise are
    never mixed with these. An image that cannot be used is named and the others go on; the exit status is then 1.
    """
    from platewise.segmentation.engine import make_cells_engine, make_nuclei_engine, needs_torch
    from platewise.segmentation.folder import cells_work, nuclei_work, segment_folder
    from platewise.segmentation.options import config_of_options
    from platewise.segmentation.pictures import list_pictures
    from platewise.segmentation.weight_files import label_parameters

    if nuclei is not None and target is Target.nuclei:
        problem = Problem("--nuclei", str(nuclei), "only with --target cells", "add --target cells, or leave it out")
        raise ConfigError([problem])
    if nuclei is None and target is Target.cells and engine == "seeded":
        problem = Problem("--engine seeded", "no --nuclei", "nuclei for its cells to grow from", "add --nuclei")
        raise ConfigError([problem])
    if nuclei is None and nuclei_are is not None:
        raise ConfigError([Problem("--nuclei-are", nuclei_are.value, "only with --nuclei", "add --nuclei")])
    nuclei_are = nuclei_are or Given.labels
    files = list_pictures(images)
    config = config_of_options(engine, model or (), "nuclei" if nuclei is None else "cells", diameter)
    made_with = {
        "algorithm": ALGORITHMS["segment"],
        "target": target.value,
        "channel": channel,
        "nuclei": None if nuclei is None else {"are": nuclei_are.value, "folder": str(nuclei.resolve())},
        "parameters": label_parameters(config),
    }
    with ExitStack() as stack:
        chosen, group = None, 1
        if needs_torch(config):
            chosen = stack.enter_context(networks_on(device, threads))
            group = 1 if chosen.type == "cpu" else _GROUP
        if nuclei is None:
            finder = make_nuclei_engine(config.nuclei, chosen)
            work = nuclei_work(finder, files, channel, together=target is Target.cells)
        else:
            finder = make_nuclei_engine(config.nuclei, chosen) if nuclei_are is Given.images else None
            work = cells_work(make_cells_engine(config.cells, chosen), files, channel, list_pictures(nuclei), finder)
        errors = []
        for number, outcome in enumerate(segment_folder(files, out, work, made_with, overwrite, group), 1):
            typer.echo(f"{number} of {len(files)}  {outcome.name}: {outcome.words(target.value)}")
            errors += [outcome.error] if outcome.error else []
    if errors:
        lines = "\n".join(f"  {error}" for error in errors)
        raise PlatewiseError(f"{len(errors)} of {len(files)} images could not be used:\n{lines}")
