"""Adversaries: heads that try to tell where a cell comes from, and from which the features learn to hide it.

Each head learns to name a cell's batch (plate, position) from its features, several steps for each of the network's.
Between features and head lies a layer that hands the features on as they are and turns the gradient around on its way
back (Ganin & Lempitsky 2015). What is turned around is the gradient of the head's certainty, not of its loss: a head
that is right has no gradient left in its loss, and the features would stay as they are (Tzeng 2015,
doi:10.1109/ICCV.2015.463). Heads are linear and see standardised features: as a probe does that judges the result.

A head only learns from cells whose class occurs in several batches; where a perturbation was made in one, naming the
batch is naming the perturbation, and hiding the one would hide the other. In each batch every class counts alike, so
that the head learns nothing from how often a class occurs there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from platewise.config.embedding import AdversaryConfig, Origin
from platewise.embedding.cells import Cells
from platewise.errors import DataError

# Of the sigmoid by which the weight rises (Ganin & Lempitsky 2015).
_STEEPNESS = 10.0


class _Reversal(torch.autograd.Function):
    """The identity, whose gradient is turned around and weighted."""

    @staticmethod
    def forward(context: Any, features: torch.Tensor, weight: float) -> torch.Tensor:
        context.weight = weight
        return features.view_as(features)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -context.weight * gradient, None


def reverse_gradient(features: torch.Tensor, weight: float) -> torch.Tensor:
    """Return ``features``; their gradient will be ``-weight`` times what arrives here."""
    return _Reversal.apply(features, weight)


def make_head(features: int, origins: int) -> nn.Module:
    """Return a head that scores each of ``origins`` from ``features`` numbers.

    It sees features as far from their mean as they spread: otherwise they could hide by becoming small.
    """
    return nn.Sequential(nn.BatchNorm1d(features, affine=False), nn.Linear(features, origins))


def certainty(scores: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return how far a head's guesses are from naming all origins alike: 0 if they do, and greater otherwise.

    Parameters
    ----------
    scores
        (n, origins) before the softmax.
    weights
        (n,) how much each cell counts.
    """
    distance = -torch.log_softmax(scores, dim=1).mean(dim=1) - math.log(scores.shape[1])
    return (weights * distance).sum() / weights.sum()


def class_weights(classes: NDArray[np.int64], origins: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return ``(n,)`` weights, 1 in the mean, with which each class of an origin counts alike, and each origin."""
    _, pairs, counts = np.unique(np.column_stack([origins, classes]), axis=0, return_inverse=True, return_counts=True)
    alike = 1 / counts[pairs.ravel()]
    shares = alike / np.bincount(origins, alike)[origins] / len(np.unique(origins))
    return (len(origins) * shares).astype(np.float32)


def reversal_weight(progress: float, config: AdversaryConfig) -> float:
    """Return the weight of the turned gradient after a share of the training, 0 to 1.

    It rises from 0 to ``config.weight`` as ``2 / (1 + exp(-10 progress)) - 1``: at first the features are still noise,
    and there is nothing to be hidden in them.
    """
    return config.weight * (2 / (1 + math.exp(-_STEEPNESS * progress)) - 1)


def origin_numbers(cells: Cells, origin: Origin) -> NDArray[np.int64]:
    """Return ``(n,)`` the number of each cell's batch, plate or well position, from 0 without gaps."""
    values = {"batch": cells.batches, "plate": cells.plates, "position": cells.positions}[origin]
    return np.unique(values, return_inverse=True)[1]


def in_several(classes: NDArray[np.int64], origins: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether the cell's class occurs in more than one origin."""
    pairs = np.unique(np.column_stack([classes, origins]), axis=0)
    counts = np.bincount(pairs[:, 0])
    return counts[classes] > 1


def head_targets(classes: NDArray[np.int64], origins: NDArray[np.int64], origin: Origin) -> NDArray[np.int64]:
    """Return which output of a head each cell is to be named by.

    Parameters
    ----------
    classes, origins
        ``(n,)`` numbers of what each cell was given and of where it comes from.
    origin
        What the origins are, for the error.

    Returns
    -------
    array
        ``(n,)`` from 0 without gaps over the origins of cells that a head may learn from; -1 for the other cells. An
        origin without such a cell has no output: it could never be true, and certainty would count it.

    Raises
    ------
    DataError
        If no class occurs in several origins: the adversary could learn nothing.
    """
    takes_part = in_several(classes, origins)
    if not takes_part.any():
        raise DataError(
            f"embedding: no perturbation of the training plates occurs in several {origin} values, so that an "
            f"adversary for `{origin}` could not tell it from the perturbation. Hint: train on plates of several "
            "batches with controls on each, or leave the adversary out."
        )
    targets = np.full(len(origins), -1)
    targets[takes_part] = np.unique(origins[takes_part], return_inverse=True)[1]
    return targets


def add_heads(
    heads: nn.ModuleDict,
    cells: Cells,
    classes: NDArray[np.int64],
    config: AdversaryConfig | None,
    features: int,
    seed: int,
) -> None:
    """Add a head for each origin that is to be hidden; its first weights depend on ``seed`` and its outputs only.

    Raises
    ------
    DataError
        If no class occurs in several origins.
    """
    if config is None:
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for origin in config.against:
            targets = head_targets(classes, origin_numbers(cells, origin), origin)
            heads[origin] = make_head(features, targets.max() + 1)


class Adversaries:
    """The heads of a network at work in one epoch, and how well they do."""

    def __init__(
        self, heads: nn.ModuleDict, cells: Cells, classes: NDArray[np.int64], config: AdversaryConfig | None
    ) -> None:
        self._config = config
        self._heads = heads
        self._classes = classes
        self._targets = {origin: head_targets(classes, origin_numbers(cells, origin), origin) for origin in self._heads}
        self._losses: dict[str, list[float]] = {origin: [] for origin in self._heads}
        self._hits: dict[str, list[bool]] = {origin: [] for origin in self._heads}

    def choose(self, rows: NDArray[np.int64], device: torch.device) -> dict[str, tuple[torch.Tensor, ...]]:
        """Return which of a step's cells each head may learn from, where they come from and how much each counts."""
        chosen = {}
        for origin in self._heads:
            of_use = np.flatnonzero(self._targets[origin][rows] >= 0)
            # Batch normalisation needs two.
            if len(of_use) > 1:
                truth = self._targets[origin][rows[of_use]]
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
