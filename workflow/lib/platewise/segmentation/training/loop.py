"""The training of a segmenter: one visible loop."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from platewise.ahead import run_ahead
from platewise.algorithms import ALGORITHMS
from platewise.config.segmenters import TrainedSegmenter
from platewise.device import full_float32, reproducible
from platewise.errors import DataError
from platewise.segmentation.models import ModelInfo, build
from platewise.segmentation.training.augment import Crop, draw_crop, see_at_extremes
from platewise.segmentation.training.pairs import Pair, draw_weights
from platewise.weights import load_tensors, restore_training_state, save_tensors, training_state

log = logging.getLogger(__name__)

# Share of the steps over which the learning rate rises.
WARM_UP = 0.03
# Gradients of a rare crop must not undo a hundred steps.
CLIP = 5.0
# Crops that the validation loss is measured on, the same ones at every look.
VALIDATION_CROPS = 64
# Spread of sizes that a network has to see which is to tell how large objects are.
SCALE_SPREAD = 6.0


class TrainingError(DataError):
    """A training that cannot go on."""


@dataclass(frozen=True)
class Trained:
    """A trained network (on the CPU), what it is for, and its curves: a row a look at the validation images."""

    network: torch.nn.Module
    info: ModelInfo
    curves: list[dict[str, float]]


@dataclass(frozen=True)
class Batch:
    """Crops of one step: (n, c, y, x) images, and what the network should say of each."""

    images: torch.Tensor
    targets: list[np.ndarray]


def train_segmenter(
    pairs: Sequence[Pair],
    validation: Sequence[Pair],
    config: TrainedSegmenter,
    seed: int,
    device: torch.device,
    start: dict[str, torch.Tensor] | None = None,
    resume: Path | None = None,
) -> Trained:
    """Train a network to find nuclei or cells.

    Parameters
    ----------
    pairs
        Annotated images to learn from.
    validation
        Annotated images of other groups, for the early stop. None: no early stop, the last weights are kept.
    config
        Everything that shapes the result.
    seed
        Of the first weights, the crops and their changes. Each step has a generator of its own, made from the seed
        and the step's number, so that a resumed training needs no saved random state.
    device
        Where to train.
    start
        Weights to begin with; None begins with random ones.
    resume
        File that holds the state after the last look at the validation images. Read if it is there and was written by
        the same training, else written anew. It stays; remove it once the results are safe.

    Raises
    ------
    TrainingError
        If there is nothing to learn from, or a loss is not a finite number.
    """
    if not any(not math.isnan(pair.diameter) for pair in pairs):
        raise TrainingError(
            f"segmenters: none of {len(pairs)} training images has an annotated object. Hint: look at the index, and "
            "at the classes that the segmenter is restricted to."
        )
    info = ModelInfo(config.engine, config.target, config.diameter, architecture(config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(info).to(device, memory_format=torch.channels_last)
    if start is not None:
        network.load_state_dict(start)
    average = deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    facts = _identity(pairs, validation, config, seed, device, start)
    curves, best = _restore(resume, facts, network, average, optimizer)
    weights = draw_weights(pairs)
    looks = _validation_batches(validation, network, config, seed)
    losses: list[dict[str, float]] = []

    def prepare(step: int) -> Batch:
        return draw_batch(pairs, weights, network, config, np.random.default_rng([seed, step]))

    first = int(curves[-1]["step"]) if curves else 0
    steps = range(first, 0 if _is_over(curves, config) else config.steps)
    for step, batch in run_ahead(prepare, steps, depth=2):
        rate = learning_rate(step, config)
        rng = np.random.default_rng([seed, step, 1])
        losses.append(_train_step(network, optimizer, rate, batch.result(), config, rng))
        if not math.isfinite(losses[-1]["loss"]):
            raise TrainingError(
                f"segmenters: the training loss is {losses[-1]['loss']} in step {step}. Hint: lower `learning_rate` "
                f"(now {config.learning_rate:g})."
            )
        # Young weights change fast: the mean over them begins short.
        _average(average, network, min(config.average, (step + 1) / (step + 10)))
        if (step + 1) % config.validate_every and step + 1 != config.steps:
            continue
        row = {"step": step + 1, "learning_rate": rate, **_means(losses, "train_"), **validate(average, looks, seed)}
        if looks and not math.isfinite(row["validation_loss"]):
            raise TrainingError(
                f"segmenters: the validation loss is {row['validation_loss']} after step {step + 1}. Hint: lower "
                f"`learning_rate` (now {config.learning_rate:g})."
            )
        log.info(
            "step %d: training loss %.4f, validation loss %.4f", step + 1, row["train_loss"], row["validation_loss"]
        )
        losses.clear()
        # Without validation images every look is the best.
        if not any(before["validation_loss"] <= row["validation_loss"] for before in curves):
            best = {name: tensor.detach().cpu().clone() for name, tensor in average.state_dict().items()}
        curves.append(row)
        if resume is not None:
            _save(resume, facts, curves, network, average, optimizer, best)
        if _is_over(curves, config):
            break
    kept = build(info)
    kept.load_state_dict(best)
    return Trained(kept.eval(), info, curves)


def architecture(config: TrainedSegmenter) -> dict[str, Any]:
    """Return the arguments of the network's constructor."""
    channels = 2 if config.target == "cells" else 3
    arguments: dict[str, Any] = {"channels_in": channels, "width": config.width}
    return arguments if config.engine == "scale" else arguments | {"encoder": config.encoder}


def draw_batch(
    pairs: Sequence[Pair],
    weights: np.ndarray,
    network: torch.nn.Module,
    config: TrainedSegmenter,
    rng: np.random.Generator,
) -> Batch:
    """Draw the crops of one step; ``weights`` say how often each pair comes."""
    spread = SCALE_SPREAD if config.engine == "scale" else config.augment.scale
    chosen = rng.choice(len(pairs), config.batch, p=weights)
    crops = [draw_crop(pairs[row], config.crop, config.diameter, spread, config.augment, rng) for row in chosen]
    if config.engine == "scale":
        crops = [see_at_extremes(crop, rng) for crop in crops]
    return make_batch(crops, network, architecture(config)["channels_in"])


def make_batch(crops: Sequence[Crop], network: torch.nn.Module, channels: int) -> Batch:
    """Put crops together; grey ones are repeated for each channel."""
    images = np.stack([np.broadcast_to(crop.image, (channels, *crop.image.shape[1:])) for crop in crops])
    targets = [network.targets(crop.label, crop.diameter) for crop in crops]
    return Batch(torch.from_numpy(images).contiguous(memory_format=torch.channels_last), targets)


def learning_rate(step: int, config: TrainedSegmenter) -> float:
    """Return the learning rate of a step: a linear rise, then half a cosine down to 0."""
    warm = max(1, round(WARM_UP * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, config.steps - warm)))


@torch.no_grad()
def validate(network: torch.nn.Module, looks: Sequence[Batch], seed: int) -> dict[str, float]:
    """Return the mean loss and its parts over the validation crops; NaN without any."""
    if not looks:
        return {"validation_loss": math.nan}
    network.eval()
    device = next(network.parameters()).device
    rows = []
    for batch in looks:
        with full_float32():
            loss, parts = network.loss(batch.images.to(device), batch.targets, np.random.default_rng(seed))
        rows.append({"loss": loss.item(), **{name: part.item() for name, part in parts.items()}})
    return _means(rows, "validation_")


def _train_step(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    rate: float,
    batch: Batch,
    config: TrainedSegmenter,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Make one step; return the loss and its parts."""
    network.train()
    for group in optimizer.param_groups:
        group["lr"] = rate
    device = next(network.parameters()).device
    mixed = config.precision == "mixed" and device.type == "cuda"
    # The samples of Mask R-CNN are gathered by operations that have no such algorithm on a GPU.
    with reproducible(strict=config.engine != "maskrcnn"):
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            loss, parts = network.loss(batch.images.to(device, non_blocking=True), batch.targets, rng)
        optimizer.zero_grad()
        loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
    optimizer.step()
    return {"loss": loss.item(), **{name: part.item() for name, part in parts.items()}}


@torch.no_grad()
def _average(average: torch.nn.Module, network: torch.nn.Module, memory: float) -> None:
    """Move the running mean of weights a little towards the network's; counters are copied."""
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - memory)
        else:
            mean.copy_(value)


def _is_over(curves: Sequence[dict[str, float]], config: TrainedSegmenter) -> bool:
    """Whether the last step was made, or the validation loss has not fallen for too long."""
    if not curves:
        return False
    losses = [row["validation_loss"] for row in curves]
    stale = not math.isnan(losses[-1]) and len(losses) - 1 - int(np.argmin(losses)) >= config.patience
    return stale or curves[-1]["step"] >= config.steps


def _validation_batches(
    validation: Sequence[Pair], network: torch.nn.Module, config: TrainedSegmenter, seed: int
) -> list[Batch]:
    """Draw the crops that every look is taken at: at random places, turned and stretched, their light left alone."""
    if not validation:
        return []
    none = dict.fromkeys(("elastic", "intensity", "blur", "noise", "invert", "colour"), 0.0)
    still = config.model_copy(update={"augment": config.augment.model_copy(update={**none, "scale": 1.0})})
    weights = draw_weights(validation)
    return [
        draw_batch(validation, weights, network, still, np.random.default_rng([seed, number, 2]))
        for number in range(math.ceil(VALIDATION_CROPS / config.batch))
    ]


def _means(rows: Sequence[dict[str, float]], prefix: str) -> dict[str, float]:
    return {prefix + name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _identity(
    pairs: Sequence[Pair],
    validation: Sequence[Pair],
    config: TrainedSegmenter,
    seed: int,
    device: torch.device,
    start: dict[str, torch.Tensor] | None,
) -> dict[str, Any]:
    """What must be the same for a training to go on from a saved state."""
    return {
        "pairs": _digest_of_pairs(pairs),
        "validation": _digest_of_pairs(validation),
        "config": config.model_dump(mode="json"),
        "seed": seed,
        "algorithm": ALGORITHMS["segmenter"],
        "start": "" if start is None else _digest(tensor.cpu().numpy() for tensor in start.values()),
        "torch": torch.__version__,
        "device": device.type,
        "threads": torch.get_num_threads(),
    }


def _digest_of_pairs(pairs: Sequence[Pair]) -> str:
    return _digest(array for pair in pairs for array in pair.levels[0])


def _digest(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _save(
    path: Path,
    facts: dict[str, Any],
    curves: list[dict[str, float]],
    network: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, torch.Tensor],
) -> None:
    tensors = training_state(network, optimizer)
    tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    save_tensors(path, tensors, {"training": facts, "curves": curves})


def _restore(
    path: Path | None,
    facts: dict[str, Any],
    network: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    """Go on from the state in ``path`` if it is this training's; return the curves and the best weights so far."""
    if path is None or not path.exists():
        return [], {}
    try:
        tensors, saved = load_tensors(path)
    except DataError:
        # Writing is atomic, so this is a damaged disk; the steps are lost, the result is the same.
        return [], {}
    if saved.get("training") != facts:
        return [], {}

    def take(prefix: str) -> dict[str, torch.Tensor]:
        names = [name for name in tensors if name.startswith(prefix)]
        return {name.removeprefix(prefix): tensors.pop(name) for name in names}

    average.load_state_dict(take("average."))
    best = take("best.")
    restore_training_state(network, optimizer, tensors)
    return saved["curves"], best
