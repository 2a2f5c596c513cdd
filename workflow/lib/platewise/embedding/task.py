"""Stage tasks over files: train an embedding for a campaign, embed the crops of a block."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from platewise.algorithms import ALGORITHMS
from platewise.columns import OBJECT, PLATE, SITE, WELL
from platewise.config.embedding import (
    EmbeddingConfig,
    FileEmbedding,
    PublishedEmbedding,
    RandomEmbedding,
    TrainedEmbedding,
)
from platewise.crops import CropStore, object_wells, read_crops
from platewise.device import DeviceRequest, choose_device, torch_threads
from platewise.embedding.adversary import in_several, origin_numbers
from platewise.embedding.cells import Cells, hold_out_wells, load_cells
from platewise.embedding.model import (
    CURVES,
    Architecture,
    EmbeddingModel,
    PublishedArchitecture,
    embed_crops,
    load_model,
    save_model,
)
from platewise.embedding.network import CellNetwork
from platewise.embedding.objectives import class_numbers
from platewise.embedding.published import PublishedNetwork, network_of
from platewise.embedding.reference import read_reference
from platewise.embedding.together import TRAINING, VALIDATION, train_together
from platewise.embedding.training import CURVE_COLUMNS, train
from platewise.errors import ConfigError, DataError, DeviceError, Problem
from platewise.files import clean_leftovers, temporary_path
from platewise.plan.embeddings import count_features
from platewise.tables import write_table

Stores = Mapping[str, Sequence[str | Path]]


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
        _make_random(stores, config, out_dir, seed)
    elif isinstance(config, FileEmbedding):
        _take(stores, config, out_dir, seed)
    elif isinstance(config, PublishedEmbedding):
        _take_published(stores, config, out_dir, seed)
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
    cells, seen_plates = hold_out_wells(everything, config.validation_wells, seed)
    validation = load_cells(stores, hold_out, wells, config, seed, folder / VALIDATION) if hold_out else None
    resume = out_dir.with_name(f"{out_dir.name}.resume.safetensors")
    if processes == 1:
        with torch_threads(threads):
            trained = train(cells, validation, config, seed, device, resume, seen_plates)
    else:
        everything.save(folder / TRAINING)
        if validation is not None:
            validation.save(folder / VALIDATION)
        own = max(1, threads // processes)
        trained = train_together(folder, config, seed, device.type, processes, own, resume)

    curves = pd.DataFrame(trained.curves, columns=list(CURVE_COLUMNS))
    facts = _facts(config, seed) | {
        "classes": list(trained.classes),
        # To name one of these is to name its batch: what the network knows of them may be of either.
        "classes_in_one_batch": _in_one_batch(cells, trained.classes),
        "train_plates": list(train_on),
        "validation_plates": list(hold_out),
        "figures": _figures(trained.curves[-1], cells, validation, trained.classes),
        "digests": {
            name: None if own is None else own.digest
            for name, own in (("train", cells), ("validation", validation), ("seen_plates", seen_plates))
        },
        "device": device.type,
        "processes": processes,
        "threads": threads,
    }
    write_table(curves, out_dir / CURVES, _provenance(config, seed))
    save_model(out_dir, _architecture(stores, train_on, config), trained.network, facts)
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


def _make_random(stores: Stores, config: RandomEmbedding, out_dir: Path, seed: int) -> None:
    architecture = _architecture(stores, list(stores), config)
    network = architecture.build(seed=seed)
    _save_unlearned(out_dir, config, seed, architecture, network)


def _take(stores: Stores, config: FileEmbedding, out_dir: Path, seed: int) -> None:
    """Copy a network that was trained elsewhere, after a look whether it is whole and fits the crops."""
    model = load_model(config.path)
    store = _first_store(stores, list(stores))
    if (store.channels, store.size) != (model.architecture.channels, model.architecture.size):
        raise DataError(
            f"embedding: {config.path} takes crops of {model.architecture.size} pixels with channels "
            f"{', '.join(model.architecture.channels)}; {store.path} holds {store.size} pixels and "
            f"{', '.join(store.channels)}. Hint: name channels and set crops.size as it does, or train a network."
        )
    _save_unlearned(out_dir, config, seed, model.architecture, model.network, taken_from=model.facts)


def _take_published(stores: Stores, config: PublishedEmbedding, out_dir: Path, seed: int) -> None:
    """Copy a network that others published, fitted to the crops."""
    store = _first_store(stores, list(stores))
    network, side = network_of(config, len(store.channels))
    each = config.channels == "each"
    features = count_features(config, len(store.channels))
    seen = (store.channels, store.size, config.downscale, config.normalise)
    architecture = PublishedArchitecture(*seen, name=config.name, each=each, side=side, features=features)
    _save_unlearned(out_dir, config, seed, architecture, network)


def _save_unlearned(
    out_dir: Path,
    config: RandomEmbedding | FileEmbedding | PublishedEmbedding,
    seed: int,
    architecture: Architecture | PublishedArchitecture,
    network: CellNetwork | PublishedNetwork,
    **facts: Any,
) -> None:
    """Write a network that learned nothing here: its curves are empty."""
    curves = pd.DataFrame(columns=list(CURVE_COLUMNS), dtype=float)
    write_table(curves, out_dir / CURVES, _provenance(config, seed))
    save_model(out_dir, architecture, network, _facts(config, seed) | facts)


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


def embed_block(
    pieces: Iterable[tuple[np.ndarray, np.ndarray]],
    channels: Sequence[str],
    model_dir: str | Path,
    out_path: str | Path,
    plate: str,
    *,
    device: DeviceRequest = "auto",
    allotted: bool = False,
    threads: int = 1,
    batch: int = 256,
    reference: str | Path | None = None,
) -> None:
    """Embed the cells of a block and write the block's ``embeddings`` table.

    Parameters
    ----------
    pieces
        Crops (n, channel, size, size) uint16 and objects (n, 4) int32, piece by piece: from
        ``CropStore.labelled_pieces`` where every cell was kept, else cut on the fly. None of them may hold a cell.
    channels
        Names of the crops' channels, in their order.
    model_dir
        Folder of the model.
    out_path
        ``P/embeddings/{model}/{block}.parquet``.
    plate
        Name of the plate.
    device, allotted
        See ``device.choose_device``.
    threads
        CPU threads.
    batch
        Crops in one go.
    reference
        The plate's brightness, from ``reference.reference_plate``; needed by models with ``normalise: plate`` only.

    Raises
    ------
    DataError
        If the crops' channels or size are not the model's.
    """
    model = load_model(model_dir, choose_device(device, allotted))
    known, scale = (tuple(channels), None) if reference is None else read_reference(reference)
    for place, names in (("images", tuple(channels)), (str(reference), known)):
        if names != model.architecture.channels:
            raise DataError(
                f"{place}, plate {plate}: channels are {', '.join(names)}; model {model_dir} was trained on "
                f"{', '.join(model.architecture.channels)}. Hint: use a model that was trained on these channels."
            )
    with torch_threads(threads):
        objects, features, halvings = _embed_pieces(model, pieces, batch, scale)
    provenance = {
        "stage": "embedding",
        "algorithm": ALGORITHMS["embedding"],
        "model": model.digest,
        "batch_halvings": halvings,
    }
    write_table(embedding_table(plate, objects, features), out_path, provenance)


def _embed_pieces(
    model: EmbeddingModel,
    pieces: Iterable[tuple[np.ndarray, np.ndarray]],
    batch: int,
    reference: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the objects and features of all pieces, and how often the batch was halved."""
    objects = [np.empty((0, 4), np.int32)]
    features = [np.empty((0, model.architecture.features), np.float32)]
    halvings = 0
    for crops, rows in pieces:
        if not len(crops):
            continue
        embedded = embed_crops(model, crops, batch, reference)
        objects.append(rows)
        features.append(embedded.result)
        # What did not fit once will not fit the next time.
        batch, halvings = embedded.batch, halvings + embedded.halvings
    return np.concatenate(objects), np.concatenate(features), halvings


def embedding_table(plate: str, objects: np.ndarray, features: np.ndarray) -> pd.DataFrame:
    """Return the ``embeddings`` table: a row a cell, in the order given, with ``Deep_000`` and so on.

    Parameters
    ----------
    plate
        Name of the plate.
    objects
        (n, 4) row, column, site, object number.
    features
        (n, features) float32.
    """
    keys = pd.DataFrame(
        {
            PLATE: np.full(len(objects), plate, dtype=object),
            WELL: object_wells(objects),
            SITE: objects[:, 2].astype(np.int64),
            OBJECT: objects[:, 3].astype(np.int64),
        }
    )
    columns = [f"Deep_{number:03d}" for number in range(features.shape[1])]
    return pd.concat([keys, pd.DataFrame(features, columns=columns)], axis=1)


def _architecture(stores: Stores, plates: Sequence[str], config: TrainedEmbedding | RandomEmbedding) -> Architecture:
    store = _first_store(stores, plates)
    kind, sizes = config.network, (config.width, config.features)
    return Architecture(store.channels, store.size, config.downscale, config.normalise, kind, *sizes)


def _first_store(stores: Stores, plates: Sequence[str]) -> CropStore:
    paths = [path for plate in plates for path in stores[plate]]
    if not paths:
        raise DataError("embedding: there are no crop stores. Hint: run the crops of the campaign first.")
    return read_crops(paths[0])


def _figures(last: dict[str, float], cells: Cells, validation: Cells | None, classes: Sequence[str]) -> dict[str, Any]:
    known = 0 if validation is None else int(np.isin(validation.names, classes).sum()) if classes else len(validation)
    figures = {name: value if np.isfinite(value) else None for name, value in last.items()}
    return figures | {
        "train_cells": len(cells),
        "validation_cells": known,
        "validation_cells_of_unknown_class": 0 if validation is None else len(validation) - known,
        "chance_accuracy": 1 / len(classes) if classes else None,
    }


def _in_one_batch(cells: Cells, classes: Sequence[str]) -> list[str]:
    """Return the names that occur in one batch only, where there are several batches."""
    batches = origin_numbers(cells, "batch")
    if batches.max() == 0 or not classes:
        return []
    several = in_several(class_numbers(cells.names, classes), batches)
    return sorted(set(cells.names[~several]))


def _facts(config: EmbeddingConfig, seed: int) -> dict[str, Any]:
    return {"kind": config.kind, "config": config.model_dump(mode="json"), "seed": seed}


def _provenance(config: EmbeddingConfig, seed: int) -> dict[str, Any]:
    return {"stage": "embedding", "algorithm": ALGORITHMS["embedding"], **_facts(config, seed)}
