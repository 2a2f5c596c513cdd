"""What a contender is, what it asked of a person, and whether it may have seen the images that it is tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from platewise.config.segmentation import ClassicalNuclei, EnsembleNuclei
from platewise.config.segmentation_evaluation import ContenderConfig, PerClassNuclei, SegmentationEvaluationConfig
from platewise.config.segmenters import SegmenterConfig
from platewise.plan.engines import engines_of, networks_in, segmenters_in
from platewise.segmentation.description import SHIPPED
from platewise.segmentation.tuning import read_parameters
from platewise.segmentation.weight_files import weight_files

# Segmenter to fold to file.
ByFold = Mapping[str, Mapping[str, str | Path]]

_WORDS = {
    "unet": "U-Net with classes for inside and boundary",
    "fpn": "feature pyramid with distances and directions",
    "flow": "U-Net with flows to the centre",
    "maskrcnn": "Mask R-CNN",
    "tuned": "classical engine, parameters for each type of image",
    "cellpose": "the tool Cellpose",
    "stardist": "the tool StarDist",
    "instanseg": "the tool InstanSeg",
    "mesmer": "the tool Mesmer",
}
# What the files are that an engine opens, by the key that names them.
_FILES = {"weights": "weights", "members": "members", "scale_weights": "scale network", "parameters": "parameters"}


@dataclass(frozen=True)
class Contender:
    """What it took to make an engine.

    Attributes
    ----------
    name
        As in the tables.
    words
        What it is, for a person.
    annotated
        Images that a person annotated for it; None where that is not known.
    parameters
        Parameters that a person set, or a search in place of one, all types of images together.
    notes
        What else it took, such as what a search found by itself.
    brought
        Those of its weights that were not made here, fold by fold: they may have seen the images.
    """

    name: str
    words: str
    annotated: int | None
    parameters: int
    notes: str = ""
    brought: tuple[str, ...] = ()


def describe_contender(
    name: str,
    engine: ContenderConfig,
    segmenters: Mapping[str, SegmenterConfig],
    images: pd.DataFrame,
    evaluation: SegmentationEvaluationConfig,
    parameters: ByFold,
) -> Contender:
    """Say what a contender is, and what a person had to do for it.

    Parameters
    ----------
    name, engine
        The contender.
    segmenters, evaluation
        Sections of the config.
    images
        The table of annotated images.
    parameters
        Searched parameters.
    """
    if isinstance(engine, ClassicalNuclei):
        count = _changed(engine)
        return Contender(name, f"classical engine, {'set by hand' if count else 'default settings'}", 0, count)
    used = [segmenters[one] for one in networks_in(engine)]
    brought, notes = brought_weights(engine, segmenters), []
    elsewhere = any(one.annotations != evaluation.annotations for one in used)
    if brought:
        notes.append(f"not made here, and may have seen these images: {', '.join(brought)}")
    if elsewhere:
        notes.append("learned from other images, which are not counted")
    if isinstance(engine, PerClassNuclei):
        notes.append("a person names the type of an image")
    annotated, set_by_hand = None if brought or elsewhere else _learned(used, images), 0
    if engine.engine == "tuned":
        notes.append("its parameters are set by a search on annotated images, in place of an expert")
        found = [read_parameters(Path(path)) for one in networks_in(engine) for path in parameters[one].values()]
        set_by_hand = max((sum(_changed(kind.parameters) for kind in one.types) for one in found), default=0)
        if annotated is not None:
            annotated = max((one.annotated for one in found), default=0)
    return Contender(name, _words(engine, used), annotated, set_by_hand, "; ".join(notes), brought)


def brought_weights(contender: ContenderConfig, segmenters: Mapping[str, SegmenterConfig]) -> tuple[str, ...]:
    """Return, in words, the weights of a contender that this campaign did not make without the fold they are tested on.

    Those that come with platewise, those that are given by path, and those that a training goes on from.
    """
    files = [
        (_FILES[key.partition(".")[0]], path.parent == SHIPPED)
        for engine in engines_of(contender, segmenters).values()
        for key, path in weight_files(engine, "nuclei").items()
    ]
    starts = {name: getattr(segmenters[name], "start_from", None) for name in segmenters_in(contender)}
    files += [(f"start of {name}", start == "shipped") for name, start in starts.items() if start is not None]
    return tuple(dict.fromkeys(f"shipped {what}" if shipped else f"{what} by path" for what, shipped in files))


def _words(engine: ContenderConfig, used: Sequence[SegmenterConfig]) -> str:
    if isinstance(engine, EnsembleNuclei):
        kinds = [*(one.engine for one in used), *(["by path"] if engine.members else [])]
        return f"ensemble of {len(used) + len(engine.members)} networks ({', '.join(kinds)})"
    if isinstance(engine, PerClassNuclei):
        return f"{' and '.join(dict.fromkeys(_WORDS[one.engine] for one in used))}, one for each type of image"
    return _WORDS[engine.engine]


def _learned(used: Sequence[SegmenterConfig], images: pd.DataFrame) -> int:
    """Count the annotated images in the fold that has most of them."""
    seen = pd.Series(False, index=images.index)
    for one in used:
        seen |= images["Class"].isin(one.classes or list(images["Class"]))
    return max((int((seen & (images["Fold"] != fold)).sum()) for fold in images["Fold"].unique()), default=0)


def _changed(engine: ClassicalNuclei) -> int:
    """Count the parameters that are not the default ones."""
    usual = ClassicalNuclei().model_dump()
    return sum(value != usual[key] for key, value in engine.model_dump().items())
