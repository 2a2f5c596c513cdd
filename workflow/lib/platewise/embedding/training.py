"""The training of an embedding: one visible loop.

What is reproducible: the same cells, config and seed give the same weights, bit for bit, on the same machine with the
same number of threads and GPUs, whether or not the training was interrupted. The draws and augmentations do not
depend on the machine; the order in which a convolution sums does (processor, number of threads, GPU), in the last
digits at first and, after many steps, in more of them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, get_args

import numpy as np
import torch

from platewise.ahead import run_ahead
from platewise.algorithms import ALGORITHMS
from platewise.config.embedding import Origin, TrainedEmbedding
from platewise.device import reproducible
from platewise.embedding.adversary import Adversaries, add_heads, in_several, origin_numbers
from platewise.embedding.cells import Cells
from platewise.embedding.group import ALONE, Group
from platewise.embedding.network import CellNetwork, build_network
from platewise.embedding.objectives import FIGURES, Objective, gather, make_objective, prepare, standardise_on
from platewise.embedding.preprocess import compress
from platewise.embedding.probe import MOST_CELLS, probe_accuracy
from platewise.errors import DataError, PlatewiseError
from platewise.weights import load_tensors, restore_training_state, save_tensors, training_state

log = logging.getLogger(__name__)

WARM_UP = 1 / 20
CURVE_COLUMNS = (
    "epoch",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    *(f"{looked_at}_{figure}" for looked_at in ("validation", "held_out_wells") for figure in FIGURES),
    *(f"adversary_{origin}_{figure}" for origin in get_args(Origin) for figure in ("loss", "accuracy")),
    "probe_batch_accuracy",
)
# Batches that are put together while the network learns from this one.
_AHEAD = 2


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
    config: TrainedEmbedding,
    seed: int,
    device: torch.device,
    resume: Path | None = None,
    held_out_wells: Cells | None = None,
    group: Group = ALONE,
) -> Trained:
    """Train a network on single cells, for what the kind of embedding asks (see ``objectives``).

    Parameters
    ----------
    cells
        Training cells; where names are learned, theirs become the classes, sorted.
    validation
        Cells of plates that are not trained on; those with a name that no training cell has are left out. They are
        only looked at: the weights are always those of the last epoch.
    config
        Everything that shapes the result.
    seed
        Seed of the first weights, the draws and the augmentation. Each step has a generator of its own, made from the
        seed and the numbers of epoch and step, so that a resumed training needs no saved random state, and batches can
        be put together ahead.
    device
        Where to train.
    resume
        File that holds the state after the last finished epoch. Read if it is there and was written by the same
        training (cells, config, seed, versions, device, threads), else written anew. It stays; remove it once the
        results are safe.
    held_out_wells
        Cells of the training plates in wells that are not trained on: looked at as ``validation`` is.
    group
        The processes that train together. All call this with the same arguments and get the same result.

    Raises
    ------
    DataError
        If there are fewer than two classes to tell apart, or an adversary could learn nothing.
    TrainingError
        If the loss is not a finite number.
    """
    objective = make_objective(config, cells)
    channels = cells.crops.shape[1]
    network = build_network(config.network, channels, config.width, config.features, seed, objective.make_head)
    add_heads(network.adversaries, cells, objective.numbers, config.adversary, config.features, seed)
    network.to(device)
    optimizer = make_optimizer(network, config)
    facts = _identity(cells, (validation, held_out_wells), config, seed)
    facts |= {"device": device.type, "threads": torch.get_num_threads(), "processes": group.size}
    curves = _restore(resume, facts, network, optimizer)
    with reproducible():
        for epoch in range(len(curves), config.epochs):
            figures = {"epoch": epoch, **train_epoch(network, optimizer, cells, objective, config, seed, epoch, group)}
            figures |= objective.validate(network, validation, "validation")
            if held_out_wells is not None:
                figures |= objective.validate(network, held_out_wells, "held_out_wells")
            figures["probe_batch_accuracy"] = probe_batch(network, cells, objective.numbers, config, seed)
            curves.append(figures)
            if resume is not None and group.rank == 0:
                save_tensors(resume, training_state(network, optimizer), {"training": facts, "curves": curves})
    return Trained(network, objective.classes, curves)


def train_epoch(
    network: CellNetwork,
    optimizer: torch.optim.Optimizer,
    cells: Cells,
    objective: Objective,
    config: TrainedEmbedding,
    seed: int,
    epoch: int,
    group: Group = ALONE,
) -> dict[str, float]:
    """Train for one epoch; return its mean loss and accuracy, those of adversaries, and its last learning rate.

    Each process of a group normalises batches by its own share of a step's cells, as is usual. Heads learn from all
    cells in every process, and so stay the same everywhere.

    Raises
    ------
    TrainingError
        If the loss is not a finite number; the weights are then useless.
    """
    network.train()
    device = next(network.parameters()).device
    mixed = config.precision == "mixed" and device.type == "cuda"
    adversaries = Adversaries(network.adversaries, cells, objective.numbers, config.adversary)
    losses, hits, waited, began = [], 0.0, 0.0, perf_counter()

    def put_together(step: int) -> tuple[np.ndarray, tuple[torch.Tensor, ...], np.random.Generator]:
        rng = np.random.default_rng([seed, epoch, step])
        drawn = objective.sampler.draw(config.train_batch, rng)
        crops = gather(cells, group.share(drawn), config)
        return drawn, tuple(_pinned(part) for part in crops) if device.type == "cuda" else crops, group.own_rng(rng)

    for step, future in run_ahead(put_together, range(config.steps_per_epoch), _AHEAD):
        asked = perf_counter()
        drawn, crops, rng = future.result()
        waited += perf_counter() - asked
        rows = group.share(drawn)
        done = epoch * config.steps_per_epoch + step
        rate = learning_rate(done, config)
        optimizer.param_groups[0]["lr"] = rate
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            looked = objective.look(network, standardise_on(device, *crops), rows, rng)
        chosen = adversaries.choose(rows, device)
        of_all = chosen if group.size == 1 else adversaries.choose(drawn, device)
        adversaries.learn(group.gather(looked.features), of_all, optimizer)
        optimizer.zero_grad()
        progress = done / (config.epochs * config.steps_per_epoch)
        (looked.loss + adversaries.loss(looked.features, chosen, progress)).backward()
        said = torch.stack([looked.loss.detach().float(), torch.tensor(float(looked.hits), device=device)])
        group.average([*(value.grad for value in network.parameters() if value.grad is not None), said])
        optimizer.step()
        loss, named = said.tolist()
        losses.append(loss)
        if not math.isfinite(loss):
            raise TrainingError(
                f"embedding: the training loss is {loss} in epoch {epoch}, step {step}. Hint: lower "
                f"`learning_rate` (now {config.learning_rate:g}), and look for plates with broken images in the QC."
            )
        hits += named * group.size
    # What batch normalisation has seen differs; and rounding must never let the rest drift apart.
    group.average([value for value in network.state_dict().values() if value.is_floating_point()])
    seen, took = config.steps_per_epoch * config.train_batch, perf_counter() - began
    log.info(
        "epoch %d: training loss %.4f; %d cells/s, %.0f %% of the time waiting for cells",
        epoch,
        np.mean(losses),
        seen / took,
        100 * waited / took,
    )
    figures = {"learning_rate": rate, "train_loss": float(np.mean(losses)), "train_accuracy": hits / seen}
    return figures | adversaries.figures()


def make_optimizer(network: CellNetwork, config: TrainedEmbedding) -> torch.optim.AdamW:
    """Return AdamW; the first group of weights is the network's, the second that of the heads, whose rate stays."""
    heads = list(network.adversaries.parameters())
    own = [value for name, value in network.named_parameters() if not name.startswith("adversaries.")]
    groups = [{"params": own}, {"params": heads, "weight_decay": 0.0}] if heads else [{"params": own}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)


@torch.no_grad()
def embed(network: CellNetwork, cells: Cells, rows: np.ndarray, config: TrainedEmbedding) -> np.ndarray:
    """Return the features (len(rows), features) float32 of some cells, as they will be when the network is frozen."""
    network.eval()
    device = next(network.parameters()).device
    parts = np.array_split(rows, max(1, math.ceil(len(rows) / config.batch)))
    features = [network.features(compress(prepare(cells, part, config, device))).cpu().numpy() for part in parts]
    return np.concatenate(features)


def probe_batch(network: CellNetwork, cells: Cells, classes: np.ndarray, config: TrainedEmbedding, seed: int) -> float:
    """Return the accuracy of a fresh linear probe for the batch; NaN where there is one batch only.

    It sees training cells of perturbations that occur in several batches: of others it would name the perturbation.
    """
    batches = origin_numbers(cells, "batch")
    rows = np.flatnonzero(in_several(classes, batches))
    rng = np.random.default_rng([seed, 2])
    if not len(rows):
        return math.nan
    rows = np.sort(rng.permutation(rows)[:MOST_CELLS])
    features = embed(network, cells, rows, config)
    return probe_accuracy(features, batches[rows], classes[rows], cells.wells[rows], rng)


def learning_rate(step: int, config: TrainedEmbedding) -> float:
    """Return the learning rate of a step: linear rise over the first twentieth, then half a cosine down to 0."""
    total = config.epochs * config.steps_per_epoch
    warm = max(1, round(WARM_UP * total))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def _pinned(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """Put a tensor where a GPU takes it from while it computes."""
    return None if tensor is None else tensor.pin_memory()


def _identity(cells: Cells, looked_at: Sequence[Cells | None], config: TrainedEmbedding, seed: int) -> dict[str, Any]:
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
