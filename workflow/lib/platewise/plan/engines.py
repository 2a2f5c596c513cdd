"""Engines that use what a campaign trains itself: which of its segmenters they name, and by which files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from platewise.config.base import parse_section
from platewise.config.ranking import RankingConfig
from platewise.config.segmentation import (
    IN_TENSORFLOW,
    WITHOUT_NETWORK,
    CellsConfig,
    EnsembleNuclei,
    NucleiConfig,
    SegmentationConfig,
)
from platewise.config.segmentation_evaluation import ContenderConfig, PerClassNuclei, SegmentationEvaluationConfig
from platewise.config.segmenters import SegmenterConfig


def segmenters_in(engine: ContenderConfig | CellsConfig) -> list[str]:
    """Return the names of the campaign's segmenters that an engine, or a contender, uses; that of the scale last."""
    return list(dict.fromkeys([*networks_in(engine), *scales_in(engine)]))


def is_network(engine: ContenderConfig | CellsConfig) -> bool:
    """Whether an engine is a network, of platewise or of a tool: then it wants a GPU."""
    return engine.engine not in WITHOUT_NETWORK


def is_torch(engine: ContenderConfig | CellsConfig) -> bool:
    """Whether an engine is a network in torch: then it takes a device, and seconds to start."""
    return is_network(engine) and engine.engine not in IN_TENSORFLOW


def seen_once(engine: NucleiConfig) -> NucleiConfig:
    """Return an engine that looks at each image once, not at turned copies of it too."""
    return engine.model_copy(update={"flips": 1}) if "flips" in type(engine).model_fields else engine


def uses_network(segmentation: SegmentationConfig) -> bool:
    """Whether a campaign's own fields are segmented by a network."""
    return is_network(segmentation.nuclei) or is_network(segmentation.cells)


def networks_in(engine: ContenderConfig | CellsConfig) -> list[str]:
    """Return the names of the campaign's segmenters that find an engine's objects."""
    if isinstance(engine, PerClassNuclei):
        return list(dict.fromkeys(engine.segmenters.values()))
    if isinstance(engine, EnsembleNuclei):
        return list(engine.segmenters)
    return _named(engine, "segmenter")


def scales_in(engine: ContenderConfig | CellsConfig) -> list[str]:
    """Return the name of the campaign's segmenter that tells an engine how large objects are, if there is one."""
    return _named(engine, "scale_segmenter")


def _named(engine: ContenderConfig | CellsConfig, key: str) -> list[str]:
    name = getattr(engine, key, None)
    return [] if name is None else [name]


def segmenters_in_use(segmentation: SegmentationConfig, ranking: RankingConfig | None = None) -> list[str]:
    """Return the names of the campaign's segmenters that its own fields are segmented with, or ranked besides."""
    committee = () if ranking is None else ranking.committee
    engines = (segmentation.nuclei, segmentation.cells, *committee)
    return list(dict.fromkeys(name for engine in engines for name in segmenters_in(engine)))


def with_files(engine: NucleiConfig | CellsConfig, files: Mapping[str, str]) -> NucleiConfig | CellsConfig:
    """Return an engine's config with the names of segmenters replaced by their files."""
    update: dict[str, object] = {}
    for name in scales_in(engine):
        update |= {"scale_weights": files[name], "scale_segmenter": None}
    if isinstance(engine, EnsembleNuclei):
        update |= {"members": (*engine.members, *(files[name] for name in engine.segmenters)), "segmenters": ()}
    else:
        for name in networks_in(engine):
            update |= {"parameters" if engine.engine == "tuned" else "weights": files[name], "segmenter": None}
    return engine.model_copy(update=update)


def engines_of(contender: ContenderConfig, segmenters: Mapping[str, SegmenterConfig]) -> dict[str, NucleiConfig]:
    """Return the engines that a contender is made of, by the class of images that each is for; ``""`` is for all.

    ``segmenters`` are those of the config: they tell the engine of each class.
    """
    if not isinstance(contender, PerClassNuclei):
        return {"": contender}
    engines = {}
    for kind, name in contender.segmenters.items():
        keys = {"engine": segmenters[name].engine, "segmenter": name}
        if segmenters[name].engine != "tuned":
            keys |= {"scale_segmenter": contender.scale_segmenter, "flips": contender.flips}
        engines[kind] = parse_section(NucleiConfig, keys)
    return engines


def with_own_files(segmentation: SegmentationConfig, files: Mapping[str, str]) -> SegmentationConfig:
    """Return the section ``segmentation`` with the names of segmenters replaced by their files."""
    engines = {"nuclei": segmentation.nuclei, "cells": segmentation.cells}
    return segmentation.model_copy(update={key: with_files(engine, files) for key, engine in engines.items()})


def with_committee_files(ranking: RankingConfig, files: Mapping[str, str]) -> RankingConfig:
    """Return the section ``ranking`` with the names of segmenters replaced by their files."""
    committee = tuple(with_files(engine, files) for engine in ranking.committee)
    return ranking.model_copy(update={"committee": committee})


def all_contenders(evaluation: SegmentationEvaluationConfig) -> dict[str, ContenderConfig]:
    """Return the contenders of an evaluation by name, those of the ablation after them.

    An ensemble is run without each of its segmenters, and each is run as an ensemble of its own.
    """
    contenders = dict(evaluation.contenders)
    for name, engine in evaluation.contenders.items() if evaluation.ablation else ():
        if isinstance(engine, EnsembleNuclei):
            for label, members in ablations(name, engine.segmenters).items():
                contenders[label] = engine.model_copy(update={"segmenters": members})
    return contenders


def ablations(ensemble: str, members: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the parts of an ensemble that are run to tell what each member adds: name to members."""
    if len(members) < 2:
        return {}
    parts = {f"{ensemble} only {member}": (member,) for member in members}
    if len(members) > 2:
        parts |= {f"{ensemble} without {member}": tuple(m for m in members if m != member) for member in members}
    return parts


def file_name(contender: str) -> str:
    """Return a contender's name as files have it: a dot stands in no name that a user gives."""
    return contender.replace(" ", ".")


def contender_name(file: str) -> str:
    """Return the name of a contender from that of its files."""
    return file.replace(".", " ")


def shown_contenders(evaluation: SegmentationEvaluationConfig) -> list[str]:
    """Return the contenders whose images the page shows."""
    return list(evaluation.gallery or (evaluation.reference,))
