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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from platewise.algorithms import ALGORITHMS
from platewise.config.embedding import Origin, WeakEmbedding
from platewise.device import reproducible
from platewise.embedding.adversary import (
    certainty,
    check_origins,
    class_weights,
    in_several,
    make_head,
    origin_numbers,
    reversal_weight,
    reverse_gradient,
)
from platewise.embedding.augment import augment
from platewise.embedding.cells import Cells
from platewise.embedding.network import CellNetwork, build_network
from platewise.embedding.preprocess import compress, standardise
from platewise.embedding.probe import MOST_CELLS, probe_accuracy
from platewise.embedding.sampling import balanced_draw
from platewise.errors import DataError, PlatewiseError
from platewise.weights import load_tensors, restore_training_state, save_tensors, training_state

TOP_K = 5
WARM_UP = 1 / 20
# What is measured of cells that are not trained on.
FIGURES = ("loss", "accuracy", "top5", "well_accuracy")
CURVE_COLUMNS = (
    "epoch",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    *(f"{looked_at}_{figure}" for looked_at in ("validation", "seen_plates") for figure in FIGURES),
    *(f"adversary_{origin}_{figure}" for origin in get_args(Origin) for figure in ("loss", "accuracy")),
    "probe_batch_accuracy",
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
    seen_plates: Cells | None = None,
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
    seen_plates
        Cells of the training plates in wells that are not trained on: looked at as ``validation`` is.

    Raises
    ------
    DataError
        If there are fewer than two classes to tell apart, or an adversary could learn nothing.
    TrainingError
        If the loss is not a finite number.
    """
    classes = tuple(sorted(set(cells.names)))
    if len(classes) < 2:
        raise DataError(
            f"embedding: the training cells carry {len(classes)} perturbation(s) ({', '.join(classes)}); a network "
            "needs at least 2 to tell apart. Hint: add plates to `train_plates`, or perturbations to the plate maps."
        )
    network = build_network(cells.crops.shape[1], config.width, config.features, len(classes), seed)
    _add_adversaries(network, cells, classes, config, seed)
    network.to(device)
    optimizer = make_optimizer(network, config)
    facts = _identity(cells, (validation, seen_plates), config, seed)
    facts |= {"device": device.type, "threads": torch.get_num_threads()}
    curves = _restore(resume, facts, network, optimizer)
    with reproducible():
        for epoch in range(len(curves), config.epochs):
            figures = {"epoch": epoch, **train_epoch(network, optimizer, cells, classes, config, seed, epoch)}
            figures |= validate(network, validation, classes, config)
            if seen_plates is not None:
                figures |= validate(network, seen_plates, classes, config, "seen_plates")
            figures["probe_batch_accuracy"] = probe_batch(network, cells, classes, config, seed)
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
    """Train for one epoch; return its mean loss and accuracy, those of adversaries, and its last learning rate.

    Raises
    ------
    TrainingError
        If the loss is not a finite number; the weights are then useless.
    """
    network.train()
    device = next(network.parameters()).device
    rng = np.random.default_rng([seed, epoch])
    numbers = class_numbers(cells.names, classes)
    adversaries = _Adversaries(network, cells, numbers, config)
    losses, hits = [], 0
    for step in range(config.steps_per_epoch):
        done = epoch * config.steps_per_epoch + step
        rate = learning_rate(done, config)
        optimizer.param_groups[0]["lr"] = rate
        rows = balanced_draw(numbers, cells.plates, config.train_batch, rng)
        crops = compress(augment(prepare(cells, rows, config, device), config.augment, rng))
        truth = torch.from_numpy(numbers[rows]).to(device)
        features = network.features(crops)
        scores = network.classifier(features)
        loss = functional.cross_entropy(scores, truth, label_smoothing=config.label_smoothing)
        chosen = adversaries.choose(rows, device)
        adversaries.learn(features.detach(), chosen, optimizer)
        optimizer.zero_grad()
        (loss + adversaries.loss(features, chosen, done / (config.epochs * config.steps_per_epoch))).backward()
        optimizer.step()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise TrainingError(
                f"embedding: the training loss is {losses[-1]} in epoch {epoch}, step {step}. Hint: lower "
                f"`learning_rate` (now {config.learning_rate:g}), and look for plates with broken images in the QC."
            )
        hits += int((scores.argmax(dim=1) == truth).sum())
    accuracy = hits / (config.steps_per_epoch * config.train_batch)
    figures = {"learning_rate": rate, "train_loss": float(np.mean(losses)), "train_accuracy": accuracy}
    return figures | adversaries.figures()


class _Adversaries:
    """The heads of a network at work in one epoch, and how well they do."""

    def __init__(self, network: CellNetwork, cells: Cells, classes: np.ndarray, config: WeakEmbedding) -> None:
        self._config = config.adversary
        self._heads = network.adversaries
        self._classes = classes
        self._origins = {origin: origin_numbers(cells, origin) for origin in self._heads}
        self._several = {origin: in_several(classes, own) for origin, own in self._origins.items()}
        self._losses: dict[str, list[float]] = {origin: [] for origin in self._heads}
        self._hits: dict[str, list[bool]] = {origin: [] for origin in self._heads}

    def choose(self, rows: np.ndarray, device: torch.device) -> dict[str, tuple[torch.Tensor, ...]]:
        """Return which of a step's cells each head may learn from, where they come from and how much each counts."""
        chosen = {}
        for origin in self._heads:
            of_use = np.flatnonzero(self._several[origin][rows])
            # Batch normalisation needs two.
            if len(of_use) > 1:
                truth = self._origins[origin][rows[of_use]]
                weights = class_weights(self._classes[rows[of_use]], truth)
                chosen[origin] = tuple(torch.from_numpy(values).to(device) for values in (of_use, truth, weights))
        return chosen

    def learn(
        self, features: torch.Tensor, chosen: Mapping[str, tuple[torch.Tensor, ...]], optimizer: torch.optim.Optimizer
    ) -> None:
        """Let the heads learn on a step's cells, whose features are given without a gradient; the network stays."""
        for step in range(self._config.head_steps if chosen else 0):
            # What has no gradient is not touched.
            optimizer.zero_grad(set_to_none=True)
            for origin, (of_use, truth, weights) in chosen.items():
                scores = self._heads[origin](features[of_use])
                losses = functional.cross_entropy(scores, truth, reduction="none")
                loss = (weights * losses).sum() / weights.sum()
                loss.backward()
                if step == 0:
                    self._losses[origin].append(loss.item())
                    self._hits[origin] += (scores.argmax(dim=1) == truth).tolist()
            optimizer.step()

    def loss(
        self, features: torch.Tensor, chosen: Mapping[str, tuple[torch.Tensor, ...]], progress: float
    ) -> torch.Tensor:
        """Return the heads' certainty, negative, whose gradient is turned around; 0 without heads."""
        total = features.new_zeros(())
        for origin, (of_use, _, weights) in chosen.items():
            head = self._heads[origin]
            head.requires_grad_(False)
            turned = reverse_gradient(features[of_use], reversal_weight(progress, self._config))
            total = total - certainty(head(turned), weights)
            head.requires_grad_(True)
        return total

    def figures(self) -> dict[str, float]:
        """Return each head's mean loss and accuracy in this epoch, on cells before it learned from them."""
        return {
            f"adversary_{origin}_{figure}": float(np.mean(values[origin])) if values[origin] else math.nan
            for origin in self._heads
            for figure, values in (("loss", self._losses), ("accuracy", self._hits))
        }


def make_optimizer(network: CellNetwork, config: WeakEmbedding) -> torch.optim.AdamW:
    """Return AdamW; the first group of weights is the network's, the second that of the heads, whose rate stays."""
    heads = list(network.adversaries.parameters())
    own = [value for name, value in network.named_parameters() if not name.startswith("adversaries.")]
    groups = [{"params": own}, {"params": heads, "weight_decay": 0.0}] if heads else [{"params": own}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)


def _add_adversaries(
    network: CellNetwork, cells: Cells, classes: tuple[str, ...], config: WeakEmbedding, seed: int
) -> None:
    if config.adversary is None:
        return
    numbers = class_numbers(cells.names, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for origin in config.adversary.against:
            own = origin_numbers(cells, origin)
            check_origins(numbers, own, origin)
            network.adversaries[origin] = make_head(config.features, own.max() + 1)


@torch.no_grad()
def embed(network: CellNetwork, cells: Cells, rows: np.ndarray, config: WeakEmbedding) -> np.ndarray:
    """Return the features (len(rows), features) float32 of some cells, as they will be when the network is frozen."""
    network.eval()
    device = next(network.parameters()).device
    parts = np.array_split(rows, max(1, math.ceil(len(rows) / config.batch)))
    features = [network.features(compress(prepare(cells, part, config, device))).cpu().numpy() for part in parts]
    return np.concatenate(features)


def probe_batch(
    network: CellNetwork, cells: Cells, classes: tuple[str, ...], config: WeakEmbedding, seed: int
) -> float:
    """Return the accuracy of a fresh linear probe for the batch; NaN where there is one batch only.

    It sees training cells of perturbations that occur in several batches: of others it would name the perturbation.
    """
    batches, numbers = origin_numbers(cells, "batch"), class_numbers(cells.names, classes)
    rows = np.flatnonzero(in_several(numbers, batches))
    rng = np.random.default_rng([seed, 2])
    if not len(rows):
        return math.nan
    rows = np.sort(rng.permutation(rows)[:MOST_CELLS])
    features = embed(network, cells, rows, config)
    return probe_accuracy(features, batches[rows], numbers[rows], cells.wells[rows], rng)


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
    network: CellNetwork,
    cells: Cells | None,
    classes: tuple[str, ...],
    config: WeakEmbedding,
    prefix: str = "validation",
) -> dict[str, float]:
    """Measure how well the network names the cells of plates, or wells, it has not seen.

    Returns
    -------
    dict
        With ``prefix`` instead of ``validation`` in front, if it is another.
        ``validation_loss``: cross entropy, no smoothing. ``validation_accuracy``, ``validation_top5``: share of cells
        whose class is the first, or among the first five, of the network's. ``validation_well_accuracy``: share of
        wells whose class has the highest mean log-probability over their cells. Each is the mean over classes of the
        class's own mean, so that guessing gives 1 / classes whatever the number of controls. All NaN when no cell has
        a known class.
    """
    names = [f"{prefix}_{figure}" for figure in FIGURES]
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


def _identity(cells: Cells, looked_at: Sequence[Cells | None], config: WeakEmbedding, seed: int) -> dict[str, Any]:
    """What must be the same for a training to go on from a saved state."""
    return {
        "cells": cells.digest,
        "looked_at": [None if own is None else own.digest for own in looked_at],
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
