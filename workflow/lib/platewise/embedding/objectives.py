"""What a network is trained for: to name what a cell was given, or to know a cell again."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from platewise.config.embedding import SelfEmbedding, TrainedEmbedding, WeakEmbedding
from platewise.embedding.augment import augment
from platewise.embedding.cells import Cells
from platewise.embedding.network import CellNetwork
from platewise.embedding.preprocess import compress, standardise
from platewise.embedding.sampling import BalancedSampler
from platewise.errors import DataError

TOP_K = 5
# What is measured of cells that are not trained on.
FIGURES = ("loss", "accuracy", "top5", "well_accuracy")
# Against a division by nothing, in the spread of a number over a batch (Bardes 2022).
_EPSILON = 1e-4


@dataclass(frozen=True)
class Step:
    """What one look at a batch gives: its loss, the features (n, features) of its cells, and how many were named."""

    loss: torch.Tensor
    features: torch.Tensor
    hits: float


class Objective(ABC):
    """What a network is trained for.

    Attributes
    ----------
    classes
        Names that it learns to tell apart; none where it learns no names.
    numbers
        Position of each training cell's name among all names, ``(n,)``.
    sampler
        Draws the cells of a step.
    """

    classes: tuple[str, ...]
    numbers: np.ndarray
    sampler: BalancedSampler

    @abstractmethod
    def make_head(self, features: int) -> nn.Module:
        """Return what stands on the features while they are learned, with random weights."""

    @abstractmethod
    def look(self, network: CellNetwork, crops: torch.Tensor, rows: np.ndarray, rng: np.random.Generator) -> Step:
        """Look at the standardised crops (n, channel, y, x) of some training cells."""

    @abstractmethod
    def validate(self, network: CellNetwork, cells: Cells | None, prefix: str) -> dict[str, float]:
        """Measure ``FIGURES`` on cells that are not trained on, ``{prefix}_{figure}``; NaN where there is none."""


def make_objective(config: TrainedEmbedding, cells: Cells) -> Objective:
    """Return the objective of a kind of embedding.

    Raises
    ------
    DataError
        If it cannot be learned from these cells.
    """
    return Naming(config, cells) if isinstance(config, WeakEmbedding) else Recognising(config, cells)


class Naming(Objective):
    """Weak supervision: name what each cell was given.

    Many treated cells look untreated, so the network cannot become certain, and need not: what is kept are the features
    before the classifier, in which cells that it confuses lie close.
    """

    def __init__(self, config: WeakEmbedding, cells: Cells) -> None:
        self._config = config
        self.classes = tuple(sorted(set(cells.names)))
        if len(self.classes) < 2:
            raise DataError(
                f"embedding: the training cells carry {len(self.classes)} perturbation(s) ({', '.join(self.classes)}); "
                "a network needs at least 2 to tell apart. Hint: add plates to `train_plates`, or perturbations to the "
                "plate maps."
            )
        self.numbers = class_numbers(cells.names, self.classes)
        self.sampler = BalancedSampler(self.numbers, cells.plates)

    def make_head(self, features: int) -> nn.Module:
        """Return a linear classifier."""
        return nn.Linear(features, len(self.classes))

    def look(self, network: CellNetwork, crops: torch.Tensor, rows: np.ndarray, rng: np.random.Generator) -> Step:
        """Name each cell, changed at random."""
        truth = torch.from_numpy(self.numbers[rows]).to(crops.device)
        features = network.features(compress(augment(crops, self._config.augment, rng)))
        scores = network.head(features).float()
        loss = functional.cross_entropy(scores, truth, label_smoothing=self._config.label_smoothing)
        return Step(loss, features.float(), int((scores.argmax(dim=1) == truth).sum()))

    @torch.no_grad()
    def validate(self, network: CellNetwork, cells: Cells | None, prefix: str) -> dict[str, float]:
        """Measure how well the network names the cells of plates, or wells, it has not seen.

        Returns
        -------
        dict
            ``{prefix}_loss``: cross entropy, no smoothing. ``{prefix}_accuracy``, ``{prefix}_top5``: share of cells
            whose class is the first, or among the first five, of the network's. ``{prefix}_well_accuracy``: share of
            wells whose class has the highest mean log-probability over their cells. Each is the mean over classes of
            the class's own mean, so that guessing gives 1 / classes whatever the number of controls. All NaN when no
            cell has a known class.
        """
        names = [f"{prefix}_{figure}" for figure in FIGURES]
        numbers = class_numbers([] if cells is None else cells.names, self.classes)
        rows = np.flatnonzero(numbers >= 0)
        if cells is None or not len(rows):
            return dict.fromkeys(names, math.nan)
        network.eval()
        device = next(network.parameters()).device
        truth = numbers[rows]
        parts = [
            functional.log_softmax(network(compress(prepare(cells, part, self._config, device))), dim=1).cpu().numpy()
            for part in np.array_split(rows, math.ceil(len(rows) / self._config.batch))
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


class Recognising(Objective):
    """Self-supervision: know a cell again after two random changes, without a name (VICReg, Bardes 2022).

    For screens in which most compounds do nothing, so that naming them would mean learning wells by heart. A projection
    of the features must be alike for both copies of a cell, spread over cells in each of its numbers, and say something
    else in each. Wells are drawn evenly.
    """

    classes = ()

    def __init__(self, config: SelfEmbedding, cells: Cells) -> None:
        self._config = config
        self.numbers = np.unique(cells.names.astype(str), return_inverse=True)[1]
        self.sampler = BalancedSampler(cells.wells, cells.plates)

    def make_head(self, features: int) -> nn.Module:
        """Return the projection: two hidden layers."""
        width = self._config.projection
        return nn.Sequential(
            nn.Linear(features, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width),
        )

    def look(self, network: CellNetwork, crops: torch.Tensor, rows: np.ndarray, rng: np.random.Generator) -> Step:
        """Look at two changed copies of each cell."""
        copies = [augment(crops, self._config.augment, rng) for _ in range(2)]
        features = network.features(compress(torch.cat(copies))).float()
        # Covariances of half precision would be noise.
        with torch.autocast(crops.device.type, enabled=False):
            loss = alike_and_spread(*network.head(features).chunk(2))
        return Step(loss, features[: len(crops)], math.nan)

    @torch.no_grad()
    def validate(self, network: CellNetwork, cells: Cells | None, prefix: str) -> dict[str, float]:
        """Measure the loss on the cells of plates, or wells, that are not trained on; there are no names to be right.

        The cells and their changes are the same in every epoch.
        """
        figures = dict.fromkeys((f"{prefix}_{figure}" for figure in FIGURES), math.nan)
        if cells is None or len(cells) < 2:
            return figures
        network.eval()
        device = next(network.parameters()).device
        rng = np.random.default_rng(0)
        # As many at a time as in training: covariances of fewer cells are larger.
        batch = min(self._config.train_batch, len(cells))
        parts = np.split(rng.permutation(len(cells))[: len(cells) // batch * batch], len(cells) // batch)
        losses = [
            self.look(network, prepare(cells, part, self._config, device), part, rng).loss.item() for part in parts
        ]
        return figures | {f"{prefix}_loss": float(np.mean(losses))}


def alike_and_spread(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the loss of VICReg (Bardes 2022, arXiv:2105.04906, equations 1 to 6) with its weights 25, 25 and 1.

    Parameters
    ----------
    first, second
        Projections of the two copies of each cell, (n, projection); at least two cells.
    """
    alike = functional.mse_loss(first, second)
    spread = sum(_too_narrow(copy) for copy in (first, second)) / 2
    return 25 * alike + 25 * spread + sum(_shared(copy) for copy in (first, second))


def _too_narrow(projected: torch.Tensor) -> torch.Tensor:
    """Return how far the standard deviations of a projection's numbers are below 1, in the mean."""
    return torch.relu(1 - torch.sqrt(projected.var(dim=0) + _EPSILON)).mean()


def _shared(projected: torch.Tensor) -> torch.Tensor:
    """Return the sum of squared covariances between a projection's numbers, over their count."""
    centred = projected - projected.mean(dim=0)
    covariance = centred.T @ centred / (len(projected) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / projected.shape[1]


def class_numbers(names: Sequence[str] | np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return the position of each name in ``classes``, (n,); -1 for names that are no class."""
    return pd.Index(classes).get_indexer(pd.Index(names, dtype=object))


def prepare(cells: Cells, rows: np.ndarray, config: TrainedEmbedding, device: torch.device) -> torch.Tensor:
    """Return the standardised crops of some cells, (len(rows), channel, y, x) float32, on the device."""
    return standardise_on(device, *gather(cells, rows, config))


def gather(cells: Cells, rows: np.ndarray, config: TrainedEmbedding) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the crops of some cells as they were loaded, and the references of their plates where these are used."""
    references = torch.from_numpy(cells.references[cells.plates[rows]]) if config.normalise == "plate" else None
    return torch.from_numpy(cells.take(rows)), references


def standardise_on(device: torch.device, crops: torch.Tensor, references: torch.Tensor | None) -> torch.Tensor:
    """Bring what `gather` returns to a device and to a common scale."""
    references = None if references is None else references.to(device, non_blocking=True)
    return standardise(crops.to(device, non_blocking=True).float(), references)


def _class_mean(values: np.ndarray, truth: np.ndarray) -> float:
    counts = np.bincount(truth)
    return float((np.bincount(truth, values)[counts > 0] / counts[counts > 0]).mean())
