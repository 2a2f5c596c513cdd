"""Stage tasks over files: train a segmenter on annotated images, or search the classical engine's parameters."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.config.segmenters import TrainedSegmenter, TunedSegmenter
from platewise.device import DeviceRequest, choose_device, torch_threads
from platewise.errors import DataError
from platewise.files import whole_file
from platewise.plan.segmenter_jobs import annotations_of
from platewise.segmentation.annotated import digest_of, learned_from, load_annotated, validation_rows
from platewise.segmentation.card import training_card
from platewise.segmentation.tuning import write_parameters
from platewise.segmentation.tuning_search import draw_examples, tune_types
from platewise.tables import read_table, write_table

if TYPE_CHECKING:
    import torch

    from platewise.segmentation.training.pairs import Pair

# Sizes at which the network of the scale sees an image: its objects are up to six times as small.
_SCALE_LEVELS = 4
WEIGHTS, CARD, CURVES = "weights.safetensors", "card.md", "curves.parquet"


def train(
    name: str,
    folds: str | Path,
    fold: str,
    config: TrainedSegmenter,
    target: Path,
    seed: int,
    start: str | None = None,
    source: str = "",
    device: DeviceRequest = "auto",
    allotted: bool = False,
    threads: int = 1,
) -> None:
    """Train a segmenter: ``weights.safetensors``, ``card.md`` and ``curves.parquet`` in ``target``.

    A training that is killed goes on after its last look at the validation images: its state lies beside ``target`` in
    ``{fold}.resume.safetensors``, where Snakemake does not delete it, until the results are written.

    Parameters
    ----------
    name
        Of the segmenter, for its card.
    folds
        The table of annotated images.
    fold
        The number of the fold whose images are not learned from, or ``all``.
    config
        The segmenter.
    target
        ``C/segmenters/{segmenter}/{fold}``.
    seed
        Seed of the campaign.
    start
        Weights to go on from, where ``config.start_from`` is a path.
    source
        Where the images are from, for the card.
    device, allotted
        See ``device.choose_device``.
    threads
        CPU threads.

    Raises
    ------
    DataError
        If there is nothing to learn from, an image has changed, or the weights to go on from are of another network.
    """
    from platewise.segmentation.models import save_model
    from platewise.segmentation.training.loop import train_segmenter

    table = learned_from(read_table(folds), fold, config.classes)
    _check_channels(table, config.target)
    held = validation_rows(table, config.validation_share, seed)
    chosen = choose_device(device, allotted)
    resume = target.with_name(f"{fold}.resume.safetensors")
    began = time.monotonic()
    with torch_threads(threads):
        pairs, looks = (_pairs(rows, config) for rows in (table[~held], table[held]))
        trained = train_segmenter(pairs, looks, config, seed, chosen, _start(config, start), resume)
    facts = {
        "segmenter": name,
        "fold": fold,
        "config": config.model_dump(mode="json", exclude={"annotations", "train_on_all"}),
        "seed": seed,
        "algorithm": ALGORITHMS["segmenter"],
        "source": source,
        "images": len(table),
        "digest": digest_of(table),
    }
    told = {"stage": "segmenter", "annotations": annotations_of(folds), **facts}
    write_table(_curves(trained.curves), target / CURVES, told)
    digest = save_model(target / WEIGHTS, replace(trained.info, facts=facts), trained.network, half=True)
    made = {
        "device": f"{chosen.type}, {threads} thread(s)",
        "time": f"{time.monotonic() - began:.0f} s in the last run",
        "weights": f"{sum(part.numel() for part in trained.network.parameters()):,} parameters, float16",
        "SHA-256": digest,
    }
    with whole_file(target / CARD) as temporary:
        text = training_card(name, fold, config, seed, source, table, held, trained.curves, made)
        temporary.write_text(text, encoding="utf-8")
    resume.unlink(missing_ok=True)


def _check_channels(table: pd.DataFrame, target: Literal["nuclei", "cells"]) -> None:
    wanted = {"nuclei": (1, 3), "cells": (2,)}[target]
    wrong = table[~table["Channels"].isin(wanted)]
    if len(wrong):
        shown = {"nuclei": "1 channel (grey) or 3 (colour)", "cells": "2 channels (nucleus, cell)"}[target]
        first = wrong.iloc[0]
        raise DataError(
            f"annotated image {first['Name']}: holds {first['Channels']} channel(s), one of {len(wrong)} such images; "
            f"a network for {target} learns from images with {shown}. Hint: write the images anew, or correct "
            "`target` in the section `segmenters`."
        )


def tune_classical(folds: str | Path, fold: str, config: TunedSegmenter, target: str | Path, seed: int) -> None:
    """Search the classical engine's parameters on a few annotated images of each class, and write them as JSON.

    Parameters
    ----------
    folds
        The table of annotated images.
    fold
        The number of the fold whose images are not looked at, or ``all``.
    config
        How many images, and how many trials.
    target
        ``C/segmenters/{segmenter}/{fold}/parameters.json``.
    seed
        Of the draw of images and of the search.

    Raises
    ------
    DataError
        If there is nothing to look at, or an image has changed.
    """
    table = learned_from(read_table(folds), fold, config.classes)
    drawn = draw_examples(
        list(table["Name"]), list(table["Group"]), list(table["Class"]), config.images_per_class, seed
    )
    parameters = tune_types(list(load_annotated(table.iloc[drawn])), config.trials, seed)
    facts = {
        "annotations": annotations_of(folds),
        "fold": fold,
        "seed": seed,
        "trials": config.trials,
        "algorithm": ALGORITHMS["segment"],
    }
    write_parameters(parameters, Path(target), facts)


def _pairs(table: pd.DataFrame, config: TrainedSegmenter) -> list[Pair]:
    """Read the images of a table as the training wants them."""
    from platewise.segmentation.training.pairs import make_pair

    levels = _SCALE_LEVELS if config.engine == "scale" else 1
    return [
        make_pair(one.name, one.group, one.image_class, one.image, one.label, config.diameter, levels)
        for one in load_annotated(table)
    ]


def _curves(rows: list[dict[str, float]]) -> pd.DataFrame:
    """Put the curves in a table; the state of a training that was resumed keeps no order of columns."""
    first = ["step", "learning_rate"]
    return pd.DataFrame(rows)[[*first, *sorted(rows[0].keys() - first)]]


def _start(config: TrainedSegmenter, start: str | None) -> dict[str, torch.Tensor] | None:
    """Return the weights that the training goes on from, None for random ones."""
    from platewise.segmentation.models import load_model, shipped_model
    from platewise.segmentation.training.loop import architecture

    if config.start_from is None:
        return None
    path = Path(start) if start else shipped_model(config.engine, config.target)
    info, network = load_model(path, config.engine, config.target)
    wanted = architecture(config)
    if info.architecture != wanted or info.diameter != config.diameter:
        raise DataError(
            f"{path}: these weights are of a network with {info.architecture}, for objects of {info.diameter:g} "
            f"pixels; the config asks for {wanted} and {config.diameter:g}. Hint: give the segmenter the keys of the "
            "network that it goes on from."
        )
    return network.state_dict()
