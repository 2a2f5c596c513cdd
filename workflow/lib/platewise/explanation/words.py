"""Features in the words of a biologist: "nuclei 1.6x larger", "ER less granular"."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from platewise.columns import split_statistic

# So many things are said of a treatment.
MOST_PHRASES = 5

_COMPARTMENTS = {"Nuclei": "nuclei", "Cells": "cells", "Cytoplasm": "cytoplasm"}


@dataclass(frozen=True)
class Sense:
    """What it means that a feature is larger, or smaller.

    ``subject`` says what the feature is about: features with one subject are said once. ``{part}`` stands for the
    compartment, ``{stain}`` for the channel (or both). ``ratio``: the feature has a natural 0, so that a multiple of
    the controls' means something. ``vague``: that it changed is all that can be said; said only where there is room.
    """

    subject: str
    up: str
    down: str
    ratio: bool = False
    vague: bool = False


@dataclass(frozen=True)
class Phrase:
    """What a feature is about, what its change means, and whether that is vague."""

    subject: str
    words: str
    vague: bool


# The first pattern that a feature's name matches, without its compartment, is its sense. {c} stands for a channel.
_SENSES: tuple[tuple[str, Sense], ...] = (
    (
        r"AreaShape_(Area|ConvexArea|BoundingBoxArea)",
        Sense("size of {part}", "{part} {times}larger", "{part} {times}smaller", ratio=True),
    ),
    (
        r"AreaShape_(EquivalentDiameter|MaximumRadius|MeanRadius|MedianRadius|MinorAxisLength|MinFeretDiameter)",
        Sense("width of {part}", "{part} {times}wider", "{part} {times}narrower", ratio=True),
    ),
    (
        r"AreaShape_(MajorAxisLength|MaxFeretDiameter|Perimeter)",
        Sense("length of {part}", "{part} {times}longer", "{part} {times}shorter", ratio=True),
    ),
    (r"AreaShape_Eccentricity", Sense("roundness of {part}", "{part} more elongated", "{part} rounder")),
    (
        r"AreaShape_(FormFactor|Solidity|Extent)",
        Sense("outline of {part}", "{part} with a smoother outline", "{part} with a more ragged outline"),
    ),
    (
        r"AreaShape_Compactness",
        Sense("outline of {part}", "{part} with a more ragged outline", "{part} with a smoother outline"),
    ),
    (r"AreaShape_EulerNumber", Sense("holes of {part}", "{part} with fewer holes", "{part} with more holes")),
    (r"AreaShape_Orientation", Sense("orientation of {part}", "{part} turned", "{part} turned", vague=True)),
    (
        r"AreaShape_Zernike_.+",
        Sense("shape of {part}", "{part} of another shape", "{part} of another shape", vague=True),
    ),
    (
        r"Intensity_IntegratedIntensity(Edge)?_{c}",
        Sense(
            "amount of {stain} in {part}",
            "{times}more {stain} in {part}",
            "{times}less {stain} in {part}",
            ratio=True,
        ),
    ),
    (
        r"Intensity_(Mean|Median|LowerQuartile|UpperQuartile|Max|Min)Intensity(Edge)?_{c}",
        Sense(
            "brightness of {stain} in {part}",
            "{stain} {times}brighter in {part}",
            "{stain} {times}dimmer in {part}",
            ratio=True,
        ),
    ),
    (
        r"Intensity_(Std|MAD)Intensity(Edge)?_{c}",
        Sense("evenness of {stain} in {part}", "{stain} less even in {part}", "{stain} more even in {part}"),
    ),
    (
        r"Intensity_MassDisplacement_{c}",
        Sense(
            "place of {stain} in {part}", "{stain} further off the middle of {part}", "{stain} more central in {part}"
        ),
    ),
    (
        r"Granularity_(?P<size>\d+)_{c}",
        Sense(
            "{grain} grains of {stain} in {part}",
            "{stain} with more {grain} grains in {part}",
            "{stain} with fewer {grain} grains in {part}",
        ),
    ),
    (
        r"Texture_(Contrast|Variance|SumVariance|Entropy|SumEntropy|DifferenceEntropy)_{c}_.+",
        Sense(
            "texture of {stain} in {part}",
            "{stain} of a stronger texture in {part}",
            "{stain} of a weaker texture in {part}",
        ),
    ),
    (
        r"Texture_(AngularSecondMoment|InverseDifferenceMoment|DifferenceVariance)_{c}_.+",
        Sense(
            "texture of {stain} in {part}",
            "{stain} of a weaker texture in {part}",
            "{stain} of a stronger texture in {part}",
        ),
    ),
    (
        r"Texture_.+?_{c}_.+",
        Sense(
            "pattern of {stain} in {part}",
            "{stain} of another pattern in {part}",
            "{stain} of another pattern in {part}",
            vague=True,
        ),
    ),
    (
        r"RadialDistribution_(FracAtD|MeanFrac)_{c}_1of\d+",
        Sense("place of {stain} in {part}", "{stain} more central in {part}", "{stain} less central in {part}"),
    ),
    (
        r"RadialDistribution_(FracAtD|MeanFrac)_{c}_(?P<ring>\d+)of(?P<rings>\d+)",
        Sense("{stain} {ring} of {part}", "more {stain} {ring} of {part}", "less {stain} {ring} of {part}"),
    ),
    (
        r"RadialDistribution_RadialCV_{c}_.+",
        Sense("side of {stain} in {part}", "{stain} more to one side of {part}", "{stain} less to one side of {part}"),
    ),
    (
        r"Correlation_(Correlation|Overlap|Manders|RWC)_{c}_{d}",
        Sense(
            "overlap of {stain} in {part}",
            "{stain} more in the same places of {part}",
            "{stain} less in the same places of {part}",
        ),
    ),
    (
        r"Neighbors_(NumberOfNeighbors|PercentTouching)_.+",
        Sense("crowding of {part}", "{part} more crowded", "{part} less crowded"),
    ),
    (
        r"Neighbors_(First|Second)ClosestDistance_.+",
        Sense("crowding of {part}", "{part} further apart", "{part} closer together"),
    ),
)


def describe(moved: pd.DataFrame, channels: Sequence[str], most: int = MOST_PHRASES) -> str:
    """Say what moved, the largest effects first, each subject once.

    Parameters
    ----------
    moved
        Features that moved: ``Feature``, ``Effect`` (in units of the controls' scale), ``Ratio`` (to the controls; NaN
        where there is none).
    channels
        Names of the channels.
    most
        Phrases to give.

    Returns
    -------
    str
        Phrases with commas; empty where nothing moved that has words. What has none (learned features) is left out.
    """
    definite: dict[str, str] = {}
    vague: dict[str, str] = {}
    largest = moved.iloc[moved["Effect"].abs().argsort(kind="stable")[::-1]] if len(moved) else moved
    for feature, effect, ratio in zip(largest["Feature"], largest["Effect"], largest["Ratio"], strict=True):
        found = phrase(feature, effect, ratio, channels)
        if found is not None:
            (vague if found.vague else definite).setdefault(found.subject, found.words)
        if len(definite) == most:
            break
    return ", ".join([*definite.values(), *vague.values()][:most])


def phrase(feature: str, effect: float, ratio: float, channels: Sequence[str]) -> Phrase | None:
    """Return what the change of a feature means, or None where there are no words for it.

    Parameters
    ----------
    feature
        CellProfiler's name, or that of a statistic other than median and mean (``..._MAD``, ``..._Q10``).
    effect
        Above 0 where it is larger than in controls.
    ratio
        To the controls; NaN where there is none.
    channels
        Names of the channels.
    """
    measured, statistic = split_statistic(feature)
    compartment, _, rest = measured.partition("_")
    if compartment not in _COMPARTMENTS:
        return None
    names = "|".join(re.escape(name) for name in sorted(channels, key=len, reverse=True)) or r"[^_]+"
    for pattern, sense in _SENSES:
        full = pattern.replace("{c}", f"(?P<c>{names})").replace("{d}", f"(?P<d>{names})")
        match = re.fullmatch(full, rest)
        if match:
            groups = match.groupdict()
            values = {
                "part": _COMPARTMENTS[compartment],
                # Some correlations have two values, one for each order of the channels.
                "stain": " and ".join(sorted(groups[key] for key in ("c", "d") if groups.get(key))),
                "grain": _grain(int(groups["size"])) if "size" in groups else "",
                "ring": _ring(int(groups["ring"]), int(groups["rings"])) if "ring" in groups else "",
                # Level 3 and level 4a may disagree on a small change; then the number would mislead.
                "times": _times(ratio) if sense.ratio and (ratio > 1) == (effect > 0) else "",
            }
            words = (sense.up if effect > 0 else sense.down).format(**values)
            # What is said of the cytoplasm is seldom another thing than what is said of the cell.
            about = values | {"part": "cells"} if compartment == "Cytoplasm" else values
            return _of_statistic(Phrase(sense.subject.format(**about), words, sense.vague), statistic, effect)
    return None


def _of_statistic(phrase: Phrase, statistic: str, effect: float) -> Phrase:
    """Say whether a phrase is of a well's typical cell (no statistic), of a quantile, or of how cells vary."""
    if statistic == "MAD":
        # A subject of its own: that cells are larger and that they vary more can both be said.
        subject = f"spread of the {phrase.subject}"
        return Phrase(subject, f"{phrase.subject} {'more' if effect > 0 else 'less'} varied", phrase.vague)
    if statistic:
        return Phrase(phrase.subject, f"{phrase.words} (percentile {int(statistic[1:])} of cells)", phrase.vague)
    return phrase


def _times(ratio: float) -> str:
    """Say a ratio as ``1.6x ``; nothing where it is not known, or too near 1 to be worth a number."""
    if not (math.isfinite(ratio) and ratio > 0):
        return ""
    times = max(ratio, 1 / ratio)
    return f"{times:.1f}x " if times >= 1.05 else ""


def _grain(size: int) -> str:
    return "fine" if size <= 3 else "medium" if size <= 8 else "coarse"


def _ring(ring: int, rings: int) -> str:
    return "at the rim" if ring == rings else "halfway out"
