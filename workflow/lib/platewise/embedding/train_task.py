"""Train the embedding of a campaign, or take one that was made elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from platewise.config.embedding import (
    EmbeddingConfig,
    FileEmbedding,
    PublishedEmbedding,
    RandomEmbedding,
    TrainedEmbedding,
)
from platewise.device import DeviceRequest, choose_device, torch_threads
from platewise.embedding.adversary import in_several, origin_numbers
from platewise.embedding.cells import Cells, hold_out_wells, load_cells
from platewise.embedding.description import Stores, architecture_for, config_facts, crop_facts, curves_provenance
from platewise.embedding.model import CURVES, save_model
from platewise.embedding.objectives import class_numbers
from platewise.embedding.together import TRAINING, VALIDATION, train_together
from platewise.embedding.training import CURVE_COLUMNS, train
from platewise.embedding.unlearned import make_random, take_published, take_trained
from platewise.errors import ConfigError, DeviceError, Problem
from platewise.files import clean_leftovers, temporary_path
from platewise.tables import write_table


def train_embedding(
    stores: Stores,
    wells: pd.DataFrame,
    config: EmbeddingConfig,
    out_dir: str | Path,
    seed: int,
    device: DeviceRequest = "auto",
    allotted: bool = False,
    threads: int = 1,
    scratch: Path | None = None,
) -> None:
    """Make the model of a campaign: ``weights.safetensors``, ``curves.parquet`` and ``model.json`` in ``out_dir``.

    A training that is killed goes on after its last finished epoch: its state lies beside ``out_dir`` in
    ``{name}.resume.safetensors``, where Snakemake does not delete it, until the results are written.

    Parameters
    ----------
    stores
        Paths of the crop stores of each plate with images.
    wells
        A row a well of any plate: ``Metadata_Plate``, ``Metadata_Well``, ``Metadata_Batch``,
        ``Metadata_Perturbation``, and ``Metadata_Dose`` for ``label: treatment``. Wells without a perturbation are not
        in it.
    config
        The kind of embedding and its settings.
    out_dir
        ``C/embedding/{model}``.
    seed
        Seed of the campaign.
    device, allotted
        See ``device.choose_device``.
    threads
        CPU threads, of all processes together. The demo trains in a minute with one; two are of use only on an idle
        machine.
    scratch
        Where the crops are copied to, to be drawn from at random: a disk of the node; beside ``out_dir`` if None.

    Raises
    ------
    ConfigError
        If the config names plates without images, or leaves no plate to train on.
    DataError
        If crops are missing or do not fit each other, or there is nothing to tell apart.
    DeviceError
        If there are fewer GPUs than the config asks for.
    """
    out_dir = Path(out_dir)
    if isinstance(config, RandomEmbedding):
        make_random(stores, config, out_dir, seed)
    elif isinstance(config, FileEmbedding):
        take_trained(stores, config, out_dir, seed)
    elif isinstance(config, PublishedEmbedding):
        take_published(stores, config, out_dir, seed)
    else:
        with _folder_for_crops(out_dir, scratch) as folder:
            _train(stores, wells, config, out_dir, seed, choose_device(device, allotted), threads, folder)


@contextmanager
def _folder_for_crops(out_dir: Path, scratch: Path | None) -> Iterator[Path]:
    """Make a folder that is gone in the end; a killed training leaves it to the next."""
    place = out_dir.with_name(f"{out_dir.name}.crops") if scratch is None else scratch / out_dir.name
    place.parent.mkdir(parents=True, exist_ok=True)
    clean_leftovers(place.parent, place.name)
    folder = temporary_path(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _train(
    stores: Stores,
    wells: pd.DataFrame,
    config: TrainedEmbedding,
    out_dir: Path,
    seed: int,
    device: torch.device,
    threads: int,
    folder: Path,
) -> None:
    train_on, hold_out = split_plates(list(stores), config)
    processes = count_processes(config, device)
    everything = load_cells(stores, train_on, wells, config, seed, folder / TRAINING)
    cells, held_out_wells = hold_out_wells(everything, config.validation_wells, seed)
    validation = load_cells(stores, hold_out, wells, config, seed, folder / VALIDATION) if hold_out else None
    resume = out_dir.with_name(f"{out_dir.name}.resume.safetensors")
    if processes == 1:
        with torch_threads(threads):
            trained = train(cells, validation, config, seed, device, resume, held_out_wells)
    else:
        everything.save(folder / TRAINING)
        if validation is not None:
            validation.save(folder / VALIDATION)
        own = max(1, threads // processes)
        trained = train_together(folder, config, seed, device.type, processes, own, resume)

    curves = pd.DataFrame(trained.curves, columns=list(CURVE_COLUMNS))
    facts = config_facts(config, seed) | {
        "crops": crop_facts(stores, train_on),
        "classes": list(trained.classes),
        # To name one of these is to name its batch: what the network knows of them may be of either.
        "classes_in_one_batch": _in_one_batch(cells, trained.classes),
        "train_plates": list(train_on),
        "validation_plates": list(hold_out),
        "figures": _figures(trained.curves[-1], cells, validation, held_out_wells, trained.classes),
        "digests": {
            name: None if own is None else own.digest
            for name, own in (("train", cells), ("validation", validation), ("held_out_wells", held_out_wells))
        },
        "device": device.type,
        "processes": processes,
        "threads": threads,
    }
    write_table(curves, out_dir / CURVES, curves_provenance(config, seed))
    save_model(out_dir, architecture_for(stores, train_on, config), trained.network, facts)
    resume.unlink(missing_ok=True)


def count_processes(config: TrainedEmbedding, device: torch.device) -> int:
    """Return how many processes train together: one a GPU; a CPU has one.

    Raises
    ------
    DeviceError
        If there are fewer GPUs than the config asks for.
    """
    if device.type != "cuda":
        return 1
    found = torch.cuda.device_count()
    if found < config.gpus:
        raise DeviceError(
            f"embedding: the config says `gpus: {config.gpus}`, and this job sees {found} (CUDA_VISIBLE_DEVICES is "
            f"{os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')!r}). Hint: lower `gpus`, or ask for a node with more."
        )
    return config.gpus


def split_plates(plates: Sequence[str], config: TrainedEmbedding) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the plates to train on and those to validate on.

    Raises
    ------
    ConfigError
        If the config names a plate that is not among ``plates`` (those with images), or none is left to train on.
    """
    problems = []
    for key in ("train_plates", "validation_plates"):
        unknown = sorted(set(getattr(config, key) or ()) - set(plates))
        if unknown:
            problems.append(
                Problem(
                    f"config, embedding, {key}",
                    ", ".join(unknown),
                    f"plates with images: {', '.join(plates) or 'none'}",
                    "correct the name, or take it out",
                )
            )
    train_on = config.train_plates
    if train_on is None:
        train_on = tuple(plate for plate in plates if plate not in config.validation_plates)
    if not train_on:
        problems.append(
            Problem(
                "config, embedding, train_plates",
                "no plate to train on",
                "at least one plate with images that is not in validation_plates",
                "take a plate out of validation_plates",
            )
        )
    if problems:
        raise ConfigError(problems, "the embedding cannot be trained")
    return train_on, config.validation_plates


def _figures(
    last: dict[str, float],
    cells: Cells,
    validation: Cells | None,
    held_out_wells: Cells | None,
    classes: Sequence[str],
) -> dict[str, Any]:
    known = 0 if validation is None else int(np.isin(validation.names, classes).sum()) if classes else len(validation)
    figures = {name: value if np.isfinite(value) else None for name, value in last.items()}
    return figures | {
        "train_cells": len(cells),
        "validation_cells": known,
        "validation_cells_of_unknown_class": 0 if validation is None else len(validation) - known,
        "held_out_wells": 0 if held_out_wells is None else len(np.unique(held_out_wells.wells)),
        "held_out_cells": 0 if held_out_wells is None else len(held_out_wells),
        "chance_accuracy": 1 / len(classes) if classes else None,
        "probe_batch_chance": _probe_chance(cells),
    }


def _probe_chance(cells: Cells) -> float | None:
    """Return 1 over the batches that the probe tells apart; None where it is not fitted."""
    batches = origin_numbers(cells, "batch")
    several = in_several(np.unique(cells.names.astype(str), return_inverse=True)[1], batches)
    return 1 / len(np.unique(batches[several])) if several.any() else None


def _in_one_batch(cells: Cells, classes: Sequence[str]) -> list[str]:
    """Return the names that occur in one batch only, where there are several batches."""
    batches = origin_numbers(cells, "batch")
    if batches.max() == 0 or not classes:
        return []
    several = in_several(class_numbers(cells.names, classes), batches)
    return sorted(set(cells.names[~several]))
