"""The expert's way, done by a search: parameters of the classical engine from a handful of annotated images a type."""

from __future__ import annotations

import hashlib
import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from platewise.config.segmentation import ClassicalNuclei
from platewise.errors import DataError
from platewise.segmentation.classical import find_nuclei
from platewise.segmentation.evaluation import Annotated
from platewise.segmentation.scoring import score
from platewise.segmentation.tuning import ImageType, Parameters, describe

log = logging.getLogger(__name__)

# What a search looks at: the least and most of each, log-uniform; the diameter as a factor on the annotated nuclei's.
RANGES = {
    "nucleus_diameter": (0.4, 2.0),
    "threshold_scale": (0.25, 3.0),
    "seed_smoothing": (0.02, 0.3),
    "seed_height": (0.004, 0.3),
    "minimum_area": (0.02, 0.6),
}
POLARITIES = ("bright", "dark")
COLOURS = ("grey", "red", "green", "blue")
# Of larger images, the search looks at the part of this side that shows most of objects: time grows with the pixels.
_SIDE, _STRIDE = 512, 64
# The smallest diameter that the engine takes, with a margin for rounding.
_LEAST_DIAMETER = 4.5
# Share of the trials that are drawn from the whole ranges; the others lie around the best so far.
_WIDE = 0.4
# Spread of a step around the best, in natural logarithms: at first and at last.
_STEP, _LAST_STEP = 0.5, 0.08
# Share of the parameters that a step changes, and of steps that also try another polarity or colour.
_CHANGED, _OTHER_LIGHT = 0.5, 0.1


def draw_examples(
    names: Sequence[str], groups: Sequence[str], classes: Sequence[str], per_class: int, seed: int
) -> list[int]:
    """Draw the images that a person would annotate: so many of each class, from different groups where there are.

    Parameters
    ----------
    names, groups, classes
        Of the images that may be drawn; names are unique.
    per_class
        How many of each class, or all where there are fewer.
    seed
        Of the draw.

    Returns
    -------
    places
        Of the drawn images, by class and draw. Which images are drawn does not depend on their order.
    """
    by_class: dict[str, list[tuple[int, bytes, int]]] = defaultdict(list)
    taken: dict[tuple[str, str], int] = defaultdict(int)
    for place in sorted(range(len(names)), key=lambda place: _draw(seed, names[place])):
        kind, group = classes[place], groups[place]
        # First one of every group, then the second ones.
        by_class[kind].append((taken[kind, group], _draw(seed, group), place))
        taken[kind, group] += 1
    return [place for kind in sorted(by_class) for *_, place in sorted(by_class[kind])[:per_class]]


def tune_types(examples: Sequence[Annotated], trials: int, seed: int) -> Parameters:
    """Search the parameters of each class of images.

    Parameters
    ----------
    examples
        Annotated images; those of a class are searched together.
    trials
        Sets of parameters that are tried for each class.
    seed
        Of the search.

    Raises
    ------
    DataError
        If there is no example, or a class shows no object.
    """
    if not examples:
        raise DataError("tune_classical: no annotated image. Hint: look at the index of annotated images.")
    classes = sorted({one.image_class for one in examples})
    types = []
    for name in classes:
        mine = sorted((one for one in examples if one.image_class == name), key=lambda one: one.name)
        config, found, default = tune_classical(mine, trials, seed)
        log.info("%s: mean F1 %.3f on %d images, %.3f with default parameters", name, found, len(mine), default)
        types.append(ImageType(name, config, found, default, {one.name: describe(one.image) for one in mine}))
    return Parameters(tuple(types))


def tune_classical(examples: Sequence[Annotated], trials: int, seed: int) -> tuple[ClassicalNuclei, float, float]:
    """Search the parameters of the classical engine on images of one type.

    The default parameters come first, then every polarity and colour at the annotated nuclei's own diameter, then
    draws from the whole ranges, then ever smaller steps around the best.

    Parameters
    ----------
    examples
        Annotated images with at least one object. Of large ones, the 512 x 512 pixels with most of objects are used.
    trials
        Sets of parameters that are tried.
    seed
        Of the draws.

    Returns
    -------
    parameters
        Rounded to three digits. Never worse, on the examples, than the default ones.
    score, default_score
        Mean over the examples of F1 averaged over IoU 0.50..0.95, with these and with default parameters.

    Raises
    ------
    DataError
        If the images show no object.
    """
    diameter = _typical_diameter(examples)
    examples = [_fullest_part(one) for one in examples]
    default = ClassicalNuclei()
    default_score = _mean_score(examples, default, -1.0)
    best, best_score = default, default_score
    rng = np.random.default_rng(seed)
    coloured = any(len(one.image) == 3 for one in examples)
    lights = [(polarity, colour) for polarity in POLARITIES for colour in (COLOURS if coloured else COLOURS[:1])]
    for trial in range(1, trials):
        if trial <= len(lights):
            polarity, colour = lights[trial - 1]
            changes: dict[str, Any] = {"nucleus_diameter": diameter, "polarity": polarity, "colour": colour}
            config = _config(default, changes)
        elif trial <= len(lights) + _WIDE * (trials - len(lights)):
            config = _wide(rng, default, diameter, lights)
        else:
            config = _near(rng, best, diameter, lights, trial / trials)
        found = _mean_score(examples, config, best_score)
        if found > best_score:
            best, best_score = config, found
    return best, best_score, default_score


def _typical_diameter(examples: Sequence[Annotated]) -> float:
    areas = np.concatenate([np.bincount(one.label.ravel())[1:] for one in examples])
    areas = areas[areas > 0]
    if not areas.size:
        raise DataError(
            f"class {examples[0].image_class}: the annotated images show no object. Hint: annotate other images."
        )
    return math.sqrt(4 / math.pi * float(np.median(areas)))


def _fullest_part(one: Annotated) -> Annotated:
    """Cut an annotated image to at most ``_SIDE`` pixels a side, where most pixels lie in objects."""
    height, width = one.label.shape
    tall, wide = min(height, _SIDE), min(width, _SIDE)
    places = [
        (slice(top, top + tall), slice(left, left + wide))
        for top in range(0, height - tall + 1, _STRIDE)
        for left in range(0, width - wide + 1, _STRIDE)
    ]
    best = max(places, key=lambda place: np.count_nonzero(one.label[place]))
    return replace(one, image=one.image[(slice(None), *best)], label=one.label[best])


def _mean_score(examples: Sequence[Annotated], config: ClassicalNuclei, best: float) -> float:
    """Mean score over the examples; -1 as soon as it cannot exceed ``best`` any more."""
    total = 0.0
    for place, one in enumerate(examples, 1):
        total += score(one.label, find_nuclei(one.image, config))["mean_f1"]
        if total + len(examples) - place <= best * len(examples):
            return -1.0
    return total / len(examples)


def _wide(
    rng: np.random.Generator, base: ClassicalNuclei, diameter: float, lights: list[tuple[str, str]]
) -> ClassicalNuclei:
    changes = {key: math.exp(rng.uniform(*np.log(limits))) for key, limits in RANGES.items()}
    changes["nucleus_diameter"] *= diameter
    polarity, colour = lights[rng.integers(len(lights))]
    return _config(base, {**changes, "polarity": polarity, "colour": colour})


def _near(
    rng: np.random.Generator, best: ClassicalNuclei, diameter: float, lights: list[tuple[str, str]], progress: float
) -> ClassicalNuclei:
    step = _STEP * (_LAST_STEP / _STEP) ** progress
    changes: dict[str, Any] = {}
    for key, limits in RANGES.items():
        unit = diameter if key == "nucleus_diameter" else 1.0
        moved = max(getattr(best, key), 1e-6) * math.exp(rng.normal(0, step))
        if rng.random() < _CHANGED:
            changes[key] = min(max(moved, limits[0] * unit), limits[1] * unit)
    if rng.random() < _OTHER_LIGHT:
        changes["polarity"], changes["colour"] = lights[rng.integers(len(lights))]
    return _config(best, changes)


def _config(base: ClassicalNuclei, changes: dict[str, Any]) -> ClassicalNuclei:
    rounded = {key: float(f"{value:.3g}") if isinstance(value, float) else value for key, value in changes.items()}
    if "nucleus_diameter" in rounded:
        rounded["nucleus_diameter"] = max(rounded["nucleus_diameter"], _LEAST_DIAMETER)
    return ClassicalNuclei.model_validate(base.model_dump() | rounded)


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()
