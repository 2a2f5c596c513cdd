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
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

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


def check_origins(classes: NDArray[np.int64], origins: NDArray[np.int64], origin: Origin) -> None:
    """Refuse an adversary that could learn nothing.

    Raises
    ------
    DataError
        If no class occurs in several origins.
    """
    if not in_several(classes, origins).any():
        raise DataError(
            f"embedding: no perturbation of the training plates occurs in several {origin} values, so that an "
            f"adversary for `{origin}` could not tell it from the perturbation. Hint: train on plates of several "
            "batches with controls on each, or leave the adversary out."
        )
