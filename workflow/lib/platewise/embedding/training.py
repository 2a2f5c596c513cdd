"""Weak supervision: the training loop.

The network learns to name the perturbation of single cells. Many treated cells look untreated, so it cannot become
certain, and need not: what is kept are the features before the classifier, in which cells that it confuses lie close.

What is reproducible: the same cells, config and seed give the same weights, bit for bit, on the same machine with the
same number of threads, whether or not the training was interrupted. The draws and augmentations do not depend on the
machine; the order in which a convolution sums does (processor, number of threads, GPU), in the last digits at first
and, after many steps, in more of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from platewise.algorithms import ALGORITHMS
from platewise.config.embedding import WeakEmbedding
from platewise.device import reproducible
from platewise.embedding.augment import augment
from platewise.embedding.cells import Cells
from platewise.embedding.network import CellNetwork, build_network
from platewise.embedding.preprocess import compress, standardise
from platewise.embedding.sampling import balanced_draw
from platewise.errors import DataError, PlatewiseError
from platewise.weights import load_tensors, restore_training_state, save_tensors, training_state

TOP_K = 5
WARM_UP = 1 / 20
CURVE_COLUMNS = (
    "epoch",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "validation_top5",
    "validation_well_accuracy",
)


class TrainingError(PlatewiseError):
    """The training went astray and was stopped."""


@dataclass(frozen=True)
class Trained:
    """What a training returns: the network, the names of its classes, and a dict of figures an epoch."""

    network: CellNetwork
    classes: tuple[str, ...]
    curves: list[dict[str, float]]


def train(
    cells: Cells,
    validation: Cells | None,
    config: WeakEmbedding,
    seed: int,
    device: torch.device,
    resume: Path | None = None,
) -> Trained:
    """Train a network to name what each cell was given.

    Parameters
    ----------
    cells
        Training cells; their names become the classes, sorted.
    validation
        Cells of plates that are not trained on; those with a name that no training cell has are left out. They are
        only looked at: the weights are always those of the last epoch.
    config
        Everything that shapes the result.
    seed
        Seed of the first weights, the draws and the augmentation. Each epoch has a generator of its own, made from
        the seed and the epoch's number, so that a resumed training needs no saved random state.
    device
        Where to train.
    resume
        File that holds the state after the last finished epoch. Read if it is there and was written by the same
        training (cells, config, seed, versions, device, threads), else written anew. It stays; remove it once the
        results are safe.

    Raises
    ------
    DataError
        If there are fewer than two classes to tell apart.
    TrainingError
        If the loss is not a finite number.
    """
    classes = tuple(sorted(set(cells.names)))
    if len(classes) < 2:
        raise DataError(
            f"embedding: the training cells carry {len(classes)} perturbation(s) ({', '.join(classes)}); a network "
            "needs at least 2 to tell apart. Hint: add plates to `train_plates`, or perturbations to the plate maps."
        )
    network = build_network(cells.crops.shape[1], config.width, config.features, len(classes), seed).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    facts = _identity(cells, validation, config, seed)
    facts |= {"device": device.type, "threads": torch.get_num_threads()}
    curves = _restore(resume, facts, network, optimizer)
    with reproducible():
        for epoch in range(len(curves), config.epochs):
            figures = {"epoch": epoch, **train_epoch(network, optimizer, cells, classes, config, seed, epoch)}
            figures |= validate(network, validation, classes, config)
            curves.append(figures)
            if resume is not None:
                save_tensors(resume, training_state(network, optimizer), {"training": facts, "curves": curves})
    return Trained(network, classes, curves)


def train_epoch(
    network: CellNetwork,
    optimizer: torch.optim.Optimizer,
    cells: Cells,
    classes: tuple[str, ...],
    config: WeakEmbedding,
    seed: int,
    epoch: int,
) -> dict[str, float]:
    """Train for one epoch; return its mean loss and accuracy and its last learning rate.

    Raises
    ------
    TrainingError
        If the loss is not a finite number; the weights are then useless.
    """
    network.train()
    device = next(network.parameters()).device
    rng = np.random.default_rng([seed, epoch])
    numbers = class_numbers(cells.names, classes)
    losses, hits = [], 0
    for step in range(config.steps_per_epoch):
        rate = learning_rate(epoch * config.steps_per_epoch + step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = balanced_draw(numbers, cells.plates, config.train_batch, rng)
        crops = compress(augment(prepare(cells, rows, config, device), config.augment, rng))
        truth = torch.from_numpy(numbers[rows]).to(device)
        scores = network(crops)
        loss = functional.cross_entropy(scores, truth, label_smoothing=config.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise TrainingError(
                f"embedding: the training loss is {losses[-1]} in epoch {epoch}, step {step}. Hint: lower "
                f"`learning_rate` (now {config.learning_rate:g}), and look for plates with broken images in the QC."
            )
        hits += int((scores.argmax(dim=1) == truth).sum())
    accuracy = hits / (config.steps_per_epoch * config.train_batch)
    return {"learning_rate": rate, "train_loss": float(np.mean(losses)), "train_accuracy": accuracy}


def class_numbers(names: Sequence[str] | np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return the position of each name in ``classes``, (n,); -1 for names that are no class."""
    return pd.Index(classes).get_indexer(pd.Index(names, dtype=object))


def learning_rate(step: int, config: WeakEmbedding) -> float:
    """Return the learning rate of a step: linear rise over the first twentieth, then half a cosine down to 0."""
    total = config.epochs * config.steps_per_epoch
    warm = max(1, round(WARM_UP * total))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def prepare(cells: Cells, rows: np.ndarray, config: WeakEmbedding, device: torch.device) -> torch.Tensor:
    """Return the standardised crops of some cells, (len(rows), channel, y, x) float32, on the device."""
    crops = torch.from_numpy(cells.crops[rows]).to(device).float()
    if config.normalise == "crop":
        return standardise(crops)
    return standardise(crops, torch.from_numpy(cells.references[cells.plates[rows]]).to(device))


@torch.no_grad()
def validate(
    network: CellNetwork, cells: Cells | None, classes: tuple[str, ...], config: WeakEmbedding
) -> dict[str, float]:
    """Measure how well the network names the cells of plates it has not seen.

    Returns
    -------
    dict
        ``validation_loss``: cross entropy, no smoothing. ``validation_accuracy``, ``validation_top5``: share of cells
        whose class is the first, or among the first five, of the network's. ``validation_well_accuracy``: share of
        wells whose class has the highest mean log-probability over their cells. Each is the mean over classes of the
        class's own mean, so that guessing gives 1 / classes whatever the number of controls. All NaN when no cell has
        a known class.
    """
    names = ("validation_loss", "validation_accuracy", "validation_top5", "validation_well_accuracy")
    numbers = class_numbers([] if cells is None else cells.names, classes)
    rows = np.flatnonzero(numbers >= 0)
    if cells is None or not len(rows):
        return dict.fromkeys(names, math.nan)
    network.eval()
    device = next(network.parameters()).device
    truth = numbers[rows]
    parts = [
        functional.log_softmax(network(compress(prepare(cells, part, config, device))), dim=1).cpu().numpy()
        for part in np.array_split(rows, math.ceil(len(rows) / config.batch))
    ]
    logs = np.concatenate(parts)
    own = logs[np.arange(len(truth)), truth]
    rank = (logs > own[:, None]).sum(axis=1)
    _, first, well = np.unique(cells.wells[rows], return_index=True, return_inverse=True)
    well_logs = np.stack([np.bincount(well, column) for column in logs.T], axis=1)
    well_hits = well_logs.argmax(axis=1) == truth[first]
    values = (
        _class_mean(-own, truth),
        _class_mean(rank == 0, truth),
        _class_mean(rank < TOP_K, truth),
        _class_mean(well_hits, truth[first]),
    )
    return dict(zip(names, values, strict=True))


def _class_mean(values: np.ndarray, truth: np.ndarray) -> float:
    counts = np.bincount(truth)
    return float((np.bincount(truth, values)[counts > 0] / counts[counts > 0]).mean())


def _identity(cells: Cells, validation: Cells | None, config: WeakEmbedding, seed: int) -> dict[str, Any]:
    """What must be the same for a training to go on from a saved state."""
    return {
        "cells": cells.digest,
        "validation": None if validation is None else validation.digest,
        # `batch` only says how many crops are looked at in one go.
        "config": config.model_dump(mode="json", exclude={"batch"}),
        "seed": seed,
        "algorithm": ALGORITHMS["embedding"],
        "torch": torch.__version__,
    }


def _restore(
    path: Path | None, facts: dict[str, Any], network: CellNetwork, optimizer: torch.optim.Optimizer
) -> list[dict[str, float]]:
    """Go on from the state in ``path`` if it is this training's; return the curves so far."""
    if path is None or not path.exists():
        return []
    try:
        tensors, saved = load_tensors(path)
    except DataError:
        # Writing is atomic, so this is a damaged disk; the epochs are lost, the result is the same.
        return []
    if saved.get("training") != facts:
        return []
    restore_training_state(network, optimizer, tensors)
    return saved["curves"]
