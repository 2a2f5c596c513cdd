"""What can be wrong with segmenters, with those who use them, and with their evaluation, before anything runs."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from platewise.config.campaign import CampaignConfig
from platewise.config.segmentation import CellsConfig, EnsembleNuclei, NucleiConfig
from platewise.config.segmentation_evaluation import ContenderConfig, PerClassNuclei
from platewise.config.segmenters import SegmenterConfig
from platewise.errors import Problem
from platewise.plan.annotations import AnnotatedImages
from platewise.plan.engines import engines_of, networks_in, scales_in, segmenters_in
from platewise.plan.sheets import expand
from platewise.segmentation.description import DENSE
from platewise.segmentation.weight_files import engine_problems

_ENGINES = (*DENSE, "maskrcnn", "tuned")
_SCALE = ("scale",)


def check_segmenters(
    config: CampaignConfig, source: str, annotations: Mapping[str, AnnotatedImages], reset: Container[str]
) -> Iterator[Problem]:
    """Yield what is wrong.

    Parameters
    ----------
    config
        The config, its `start_from` expanded.
    source
        Its file, for messages.
    annotations
        The sets of annotated images that could be read.
    reset
        Sections that were wrong and left at their defaults: nothing is told on account of those.
    """
    if {"annotations", "segmenters"} & {*reset}:
        return
    for name, segmenter in config.segmenters.items():
        place = f"{source}, key segmenters.{name}"
        yield from _check_annotations(config, f"{place}.annotations", segmenter.annotations)
        known = annotations.get(segmenter.annotations)
        for kind in segmenter.classes if known else ():
            if kind not in known.classes:
                yield _one_of(f"{place}.classes", kind, known.classes, "name classes of the index")
        if getattr(segmenter, "target", "nuclei") == "cells" and segmenter.engine != "flow":
            told = f"'cells', with the engine {segmenter.engine}"
            yield Problem(f"{place}.target", told, "nuclei", "remove `target`; for cells, name the engine flow")
        yield from _check_start(f"{place}.start_from", segmenter)
    if "segmentation" not in reset:
        for key, target in (("nuclei", "nuclei"), ("cells", "cells")):
            place = f"{source}, key segmentation.{key}"
            yield from _check_use(config, place, getattr(config.segmentation, key), target)
    for number, engine in enumerate(config.ranking.committee if config.ranking else ()):
        place = f"{source}, key ranking.committee[{number}]"
        yield from _check_use(config, place, engine, "nuclei")
        yield from engine_problems(engine, "nuclei", place)
    yield from _check_evaluation(config, source, annotations)


def _check_evaluation(
    config: CampaignConfig, source: str, annotations: Mapping[str, AnnotatedImages]
) -> Iterator[Problem]:
    evaluation = config.segmentation_evaluation
    if evaluation is None:
        return
    key = f"{source}, key segmentation_evaluation"
    yield from _check_annotations(config, f"{key}.annotations", evaluation.annotations)
    known = annotations.get(evaluation.annotations)
    for name, engine in evaluation.contenders.items():
        place = f"{key}.contenders.{name}"
        wrong = list(_check_engine(config, place, engine, "nuclei"))
        yield from wrong
        for made in engines_of(engine, config.segmenters).values() if not wrong else ():
            yield from engine_problems(made, "nuclei", place)
        for used in segmenters_in(engine):
            segmenter = config.segmenters.get(used)
            if segmenter and segmenter.annotations != evaluation.annotations and not segmenter.train_on_all:
                told = f"the segmenter {used}, made from other images and not from all of them"
                yield Problem(place, told, "one that is trained on all images", "remove `train_on_all: false` from it")
        if evaluation.ablation and isinstance(engine, EnsembleNuclei) and engine.members:
            # Each part would hold them: no network would be alone.
            told, expected = f"{len(engine.members)} network(s) by path, with `ablation: true`", "`segmenters` only"
            yield Problem(f"{place}.members", told, expected, "leave out `members`, or `ablation`")
        if isinstance(engine, PerClassNuclei) and known:
            missing = sorted(set(known.classes) - set(engine.segmenters))
            if missing:
                told, expected = f"no segmenter for {', '.join(missing)}", "one for each class of the index"
                yield Problem(f"{place}.segmenters", told, expected, "add them")


def _check_annotations(config: CampaignConfig, place: str, name: str) -> Iterator[Problem]:
    if name not in config.annotations:
        yield _one_of(place, name, config.annotations, "add it to the section annotations, or correct the name")


def _check_use(
    config: CampaignConfig, place: str, engine: NucleiConfig | CellsConfig, target: str
) -> Iterator[Problem]:
    """Yield what is wrong with the segmenters of an engine that looks at the campaign's own fields."""
    yield from _check_engine(config, place, engine, target)
    for name in segmenters_in(engine):
        if name in config.segmenters and not config.segmenters[name].train_on_all:
            remedy = "remove `train_on_all: false` from it"
            yield Problem(place, f"the segmenter {name}", "one that is trained on all images", remedy)


def _check_engine(
    config: CampaignConfig, place: str, engine: ContenderConfig | CellsConfig, target: str
) -> Iterator[Problem]:
    """Yield what is wrong with the segmenters that an engine names."""
    own = {"ensemble": DENSE, "per_class": _ENGINES}.get(engine.engine, (engine.engine,))
    for name, wanted in [
        *((name, own) for name in networks_in(engine)),
        *((name, _SCALE) for name in scales_in(engine)),
    ]:
        segmenter = config.segmenters.get(name)
        if segmenter is None:
            yield _one_of(place, name, config.segmenters, "add it to the section segmenters, or correct the name")
        elif segmenter.engine not in wanted or getattr(segmenter, "target", target) != target:
            told = f"{name}, a segmenter of the engine {segmenter.engine} for {getattr(segmenter, 'target', target)}"
            expected = f"one of the engine {' or '.join(wanted)} for {target}"
            yield Problem(place, told, expected, "name another segmenter, or change the engine")


def _check_start(place: str, segmenter: SegmenterConfig) -> Iterator[Problem]:
    start = getattr(segmenter, "start_from", None)
    if start in (None, "shipped"):
        return
    problems: list[Problem] = []
    path = expand(start, place, problems)
    yield from problems
    if not problems and not Path(path).is_file():
        yield Problem(place, repr(start), "a file of weights, or `shipped`", "correct the path")


def _one_of(place: str, found: str, known: Container[str], remedy: str) -> Problem:
    return Problem(place, repr(found), f"one of {', '.join(known) or '(none)'}", remedy)
