"""How much work there is on annotated images: trainings, searches, tests and their comparison."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from platewise.config.segmentation import WITHOUT_NETWORK, NucleiConfig
from platewise.config.segmentation_evaluation import ContenderConfig
from platewise.config.segmenters import NetworkSegmenter, TunedSegmenter
from platewise.plan.campaign import Campaign
from platewise.plan.engines import (
    all_contenders,
    contender_name,
    engines_of,
    file_name,
    is_network,
    seen_once,
    uses_network,
)
from platewise.plan.jobs import list_jobs
from platewise.plan.segmenter_jobs import annotations_of
from platewise.preflight.work import SEGMENTATION, Work

# The rules whose work this is, with their wildcards in the order of their paths.
RULES = {
    "inventory_annotations": ("annotations",),
    "train_segmenter": ("segmenter", "fold"),
    "tune_classical": ("segmenter", "fold"),
    "predict_held_out": ("contender", "fold"),
    "evaluate_segmentation": (),
    "rank_annotations": (),
}
# The width that a rate of training is given for.
_WIDTH = NetworkSegmenter.model_fields["width"].default
# How often a field is seen to rank it: as it is, turned, scaled and in other light.
_VIEWS = 7


def job_key(rule: str, wildcards: Mapping[str, str]) -> str:
    """Return the name of a job in ``Workload.segmenters``; for other rules one that is not there."""
    return "/".join([rule, *(wildcards.get(name, "") for name in RULES.get(rule, ()))])


def planned_segmenter_work(
    campaign: Campaign, megapixels: Mapping[str, float], field_area: float = 0.0
) -> dict[str, Work]:
    """Return the work of each job on annotated images.

    Parameters
    ----------
    campaign
        The campaign.
    megapixels
        Of an image in the mean, by the name of the annotated images.
    field_area
        Megapixels of a field, for the ranking.
    """
    return {
        "/".join((job.rule, *job.wildcards)): _planned(campaign, job.rule, job.wildcards, megapixels, field_area)
        for job in list_jobs(campaign)
        if job.rule in RULES
    }


def _planned(
    campaign: Campaign, rule: str, wildcards: tuple[str, ...], megapixels: Mapping[str, float], field_area: float
) -> Work:
    config = campaign.config
    if rule == "rank_annotations":
        looks = sum(_looks(seen_once(engine)) for engine in (config.segmentation.nuclei, *config.ranking.committee))
        return Work(looked=config.ranking.fields * field_area * looks * _VIEWS)
    if rule == "inventory_annotations":
        return Work(annotated=len(campaign.annotations[wildcards[0]].images) * megapixels[wildcards[0]])
    if rule in ("train_segmenter", "tune_classical"):
        segmenter = config.segmenters[wildcards[0]]
        known, size = campaign.annotations[segmenter.annotations], megapixels[segmenter.annotations]
        images = sum(one.image_class in (segmenter.classes or known.classes) for one in known.images)
        if isinstance(segmenter, TunedSegmenter):
            seen = segmenter.images_per_class * len(segmenter.classes or known.classes)
            return Work(annotated=seen * size, training=seen * size * segmenter.trials)
        return Work(annotated=images * size, training=_shown(segmenter.model_dump(), segmenter.steps))
    annotations = config.segmentation_evaluation.annotations
    images = len(campaign.annotations[annotations].images)
    contenders = all_contenders(config.segmentation_evaluation)
    if rule == "evaluate_segmentation":
        return Work(scored=images * len(contenders))
    engines = engines_of(contenders[contender_name(wildcards[0])], config.segmenters).values()
    area = images * megapixels[annotations] / config.annotations[annotations].folds
    return Work(annotated=area, looked=area * _mean(map(_looks, engines)), scored=images)


def planned_networks(campaign: Campaign) -> frozenset[str]:
    """Return what is done by networks: contenders, by the names of their files, and the campaign's own fields."""
    evaluation, segmentation = campaign.config.segmentation_evaluation, campaign.config.segmentation
    contenders = {} if evaluation is None else all_contenders(evaluation)
    learned = {file_name(name) for name, engine in contenders.items() if _is_learned(campaign, engine)}
    own = {SEGMENTATION} if uses_network(segmentation) else set()
    return frozenset(learned | own)


def _is_learned(campaign: Campaign, contender: ContenderConfig) -> bool:
    return any(map(is_network, engines_of(contender, campaign.config.segmenters).values()))


def finished_networks(results: Path) -> frozenset[str]:
    """Return the same for a finished campaign, by what its tables say of themselves."""
    from platewise.tables import read_provenance

    found = set()
    for path in results.glob("campaign/segmentation/*/*.parquet"):
        engines = read_provenance(path)["contender"].values()
        if any(engine["engine"] not in WITHOUT_NETWORK for engine in engines):
            found.add(path.parent.name)
    own = {engine["engine"] for engine in _own_engines(results).values()}
    return frozenset(found if own <= WITHOUT_NETWORK else found | {SEGMENTATION})


def _own_engines(results: Path) -> dict[str, dict[str, Any]]:
    """Return the engines of the campaign's own fields, as its manifests have them; none where there are no plates."""
    from platewise.tables import read_provenance

    manifest = next(results.glob("plates/*/fields/*.parquet"), None)
    parameters = {} if manifest is None else read_provenance(manifest).get("parameters", {})
    return {key: parameters[key] for key in ("nuclei", "cells") if key in parameters}


def finished_segmenter_work(results: Path, field_area: float = 0.0) -> dict[str, Work]:
    """Return the work that the jobs on annotated images of a finished campaign were, from what they left.

    ``field_area`` are the megapixels of a field, for the ranking; that of a committee is counted as one engine's.
    """
    from platewise.tables import read_provenance, read_table

    folder, found, areas = results / "campaign", {}, {}
    for path in sorted(folder.glob("annotations/*.folds.parquet")):
        table, name = read_table(path, ["Height", "Width"]), annotations_of(path)
        area = float((table["Height"] * table["Width"]).sum() / 1e6)
        found[f"inventory_annotations/{name}"] = Work(annotated=area)
        areas[name] = area / len(table)
    for path in sorted(folder.glob("segmenters/*/*/curves.parquet")):
        facts, curves = read_provenance(path), read_table(path, ["step"])
        seen = facts["images"] * _area_of(areas, facts)
        work = Work(annotated=seen, training=_shown(facts["config"], int(curves["step"].max())))
        found["/".join(("train_segmenter", *path.parts[-3:-1]))] = work
    for path in sorted(folder.glob("segmenters/*/*/parameters.json")):
        facts = json.loads(path.read_text())
        seen = sum(len(kind["examples"]) for kind in facts["types"]) * _area_of(areas, facts)
        found["/".join(("tune_classical", *path.parts[-3:-1]))] = Work(annotated=seen, training=seen * facts["trials"])
    for path in sorted(folder.glob("segmentation/*/*.parquet")):
        read, engines = float(read_table(path, ["Megapixels"])["Megapixels"].sum()), read_provenance(path)["contender"]
        looked = read * _mean(_looks_of(engine) for engine in engines.values())
        found[f"predict_held_out/{path.parent.name}/{path.stem}"] = Work(annotated=read, looked=looked)
    scores = folder / "segmentation" / "scores.parquet"
    if scores.is_file():
        found["evaluate_segmentation"] = Work(scored=len(read_table(scores, ["Image"])))
    ranking = folder / "annotations" / "ranking.parquet"
    if ranking.is_file():
        looks = _looks_of(_own_engines(results).get("nuclei", {}) | {"flips": 1})
        found["rank_annotations"] = Work(looked=len(read_table(ranking, [])) * field_area * looks * _VIEWS)
    return found


def _area_of(areas: Mapping[str, float], facts: Mapping[str, Any]) -> float:
    """Return the megapixels of an image of the set that a segmenter learned from."""
    # The first networks did not say which: their campaigns had one set.
    return areas[facts.get("annotations", next(iter(areas)))]


def _shown(segmenter: Mapping[str, Any], steps: int) -> float:
    """Megapixels that a network is shown in training, times its cost a pixel."""
    width = segmenter["width"] / _WIDTH
    return steps * segmenter["batch"] * segmenter["crop"] ** 2 / 1e6 * width**2


def _looks(engine: NucleiConfig) -> float:
    return _looks_of(engine.model_dump()) if is_network(engine) else 1


def _looks_of(engine: Mapping[str, Any]) -> float:
    """Return how many pixels an engine's networks see for each of an image; 1 for an engine without."""
    networks = len(engine.get("members", ())) + len(engine.get("segmenters", ())) or 1
    return networks * engine.get("flips", 1) * sum(scale**2 for scale in engine.get("scales", (1,)))


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else 0.0
