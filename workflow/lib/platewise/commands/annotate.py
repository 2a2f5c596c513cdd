"""`platewise annotate`: the images most worth annotating to a person, and the corrections back."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from platewise.commands.choices import Device, Target, networks_on
from platewise.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platewise.segmentation.annotate.export import Candidate

annotate = typer.Typer(
    no_args_is_help=True, help="Export the images most worth annotating, and bring the corrections back."
)

_CONFIG = (".yaml", ".yml")


class Corrected(StrEnum):
    """What a person may have corrected."""

    labels = "labels"
    outlines = "outlines"


@annotate.command("export")
def export_images(
    source: Annotated[
        Path, typer.Argument(metavar="CONFIG|IMAGES", help="A campaign's config.yaml, or a folder of images (or one).")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.")],
    number: Annotated[int, typer.Option(min=1, help="Images to export.")] = 20,
    target: Annotated[Target, typer.Option(help="With CONFIG: what to annotate.")] = Target.nuclei,
    image_class: Annotated[
        str | None, typer.Option(help="Kind of image, for scores by kind. Left out: the campaign's or folder's name.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="With IMAGES: engine, as in `platewise segment`.")] = None,
    model: Annotated[
        list[Path] | None, typer.Option(help="With IMAGES: weights; several times for an ensemble.")
    ] = None,
    diameter: Annotated[
        float | None, typer.Option(help="With IMAGES: typical diameter of a nucleus in pixels.")
    ] = None,
    channel: Annotated[int | None, typer.Option(min=0, help="With IMAGES: channel of the files, from 0.")] = None,
    diversity: Annotated[
        float, typer.Option(min=0, max=1, help="With IMAGES: what it counts to stand for others that are unsure.")
    ] = 1.0,
    device: Annotated[Device, typer.Option(help="With IMAGES: where networks run.")] = Device.auto,
    threads: Annotated[
        int, typer.Option(min=0, help="With IMAGES: CPU threads of networks; 0 for OMP_NUM_THREADS, or one a core.")
    ] = 0,
) -> None:
    """Write the images most worth annotating, with editable labels and outlines that napari and QuPath open.

    CONFIG: fields in the order of the rule rank_annotations, which a config with the section `ranking` runs. IMAGES:
    each is seen in seven ways and ranked by how much these differ, which takes four to seven times as long as
    `platewise segment`. README.txt in OUT tells how to go on.
    """
    from platewise.segmentation.annotate.export import check_new, export_queue

    check_new(out)
    given = {"--engine": engine, "--model": model or None, "--diameter": diameter, "--channel": channel}
    of_campaign = source.suffix.lower() in _CONFIG
    _refuse(
        {key: value for key, value in given.items() if value is not None} if of_campaign else {},
        "only with IMAGES",
        "a campaign's engine is that of its config: leave the option out",
    )
    _refuse(
        {"--target": "cells"} if target is Target.cells and not of_campaign else {},
        "only with CONFIG",
        "a folder of images has no cell channels: name a campaign",
    )
    with ExitStack() as stack:
        if of_campaign:
            from platewise.commands.arguments import read_campaign
            from platewise.segmentation.annotate.sources import campaign_candidates

            candidates = campaign_candidates(read_campaign(source), number, target.value, image_class)
        else:
            candidates = _of_folder(
                stack, source, number, image_class, engine, model or [], diameter, channel, diversity, device, threads
            )
        count = export_queue(candidates, out)
    typer.echo(f"{out}: {count} images to annotate; {out / 'README.txt'} tells how")


@annotate.command("import")
def import_images(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `platewise annotate export` made.")],
    index: Annotated[
        Path, typer.Argument(metavar="INDEX", help="Index of annotated images (CSV), made if it is not there.")
    ],
    accept_unchanged: Annotated[
        bool,
        typer.Option("--accept-unchanged", help="Take images without a change, too, as if all were marked done."),
    ] = False,
    prefer: Annotated[
        Corrected | None, typer.Option(help="Which to take of an image whose label and outlines were both changed.")
    ] = None,
) -> None:
    """Add corrected images to the annotated images that `train_segmenter` learns from.

    Images and labels are put beside INDEX. An image counts as corrected if its label or its outlines were changed, or
    if `done` in queue.csv says yes; never if it says no. Import again after further corrections: what is there is
    replaced. Nothing is written if anything is wrong.
    """
    from platewise.segmentation.annotate.importing import import_corrections

    report = import_corrections(folder, index, accept_unchanged, None if prefer is None else prefer.value)
    for name, notes in report.notes.items():
        for note in notes:
            typer.echo(f"{name}: {note}")
    for words, names in (
        ("added", report.added),
        ("replaced", report.replaced),
        ("marked as not done, left out", report.unfinished),
        ("without a change, left out (write yes into `done` of queue.csv, or --accept-unchanged)", report.untouched),
    ):
        if names:
            typer.echo(f"{len(names)} {words}: {', '.join(names)}")


def _of_folder(
    stack: ExitStack,
    source: Path,
    number: int,
    image_class: str | None,
    engine: str | None,
    model: list[Path],
    diameter: float | None,
    channel: int | None,
    diversity: float,
    device: Device,
    threads: int,
) -> Iterator[Candidate]:
    """Rank a folder of images; ``stack`` holds the number of threads, and the labels found, until they are exported."""
    from platewise.segmentation.annotate.sources import folder_candidates
    from platewise.segmentation.engine import needs_torch
    from platewise.segmentation.options import config_of_options
    from platewise.segmentation.pictures import list_pictures
    from platewise.segmentation.ranking_task import rank_folder

    images = list_pictures(source)
    config = config_of_options(engine, model, "nuclei", diameter)
    chosen = stack.enter_context(networks_on(device, threads)) if needs_torch(config) else None
    labels = Path(stack.enter_context(TemporaryDirectory(prefix="platewise-")))
    ranked = rank_folder(images, config.nuclei, labels, diversity, channel, chosen)[:number]
    group = (source if source.is_dir() else source.parent).resolve().name
    return folder_candidates(ranked, channel, group, image_class or group)


def _refuse(given: dict[str, object], expected: str, remedy: str) -> None:
    if given:
        raise ConfigError([Problem(option, str(value), expected, remedy) for option, value in given.items()])
