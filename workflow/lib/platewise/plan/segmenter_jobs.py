"""The jobs that make and compare segmenters, as workflow/rules/segmenters.smk makes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from platewise.plan.campaign import Campaign
from platewise.plan.engines import all_contenders, file_name, shown_contenders
from platewise.plan.job import Job, make_job
from platewise.plan.segmenters import (
    compared_segmenters,
    contender_files,
    evaluation_folds,
    folds_to_make,
    ranking_files,
    segmenter_file,
    segmenter_folder,
    start_weights,
)


def segmenter_stages(campaign: Campaign) -> list[str]:
    """Return the stages of what is made from annotated images, in the order of the data."""
    config = campaign.config
    made = [f"segmenter:{name}" for name in config.segmenters if folds_to_make(campaign, name)]
    compared = ["held_out", "segmentation"] if config.segmentation_evaluation is not None else []
    return [*(["annotations"] if config.annotations else []), *made, *compared]


def segmenter_jobs(campaign: Campaign, root: str) -> Iterator[Job]:
    """Yield the jobs from annotated images to segmenters and the page that compares them."""
    for name, annotated in campaign.annotations.items():
        place = f"inventory_annotations/{name}"
        outputs = [folds_table(root, name)]
        yield make_job(root, "inventory_annotations", "annotations", place, [name], [annotated.index], outputs)
    for name in campaign.config.segmenters:
        for fold in folds_to_make(campaign, name):
            yield _made(campaign, root, name, fold)
    evaluation = campaign.config.segmentation_evaluation
    if evaluation is not None:
        for contender in all_contenders(evaluation):
            for fold in evaluation_folds(campaign):
                yield _held_out(campaign, root, contender, fold)
        yield _compared(campaign, root)


def rank_job(campaign: Campaign, root: str) -> Job:
    """Return the job that says which fields are most worth annotating."""
    blocks = [(name, block) for name, plate in campaign.plates.items() for block in plate.blocks]
    inputs = [
        f"{root}/plates/{name}/{kind}/{block}.parquet" for kind in ("fields", "inventory") for name, block in blocks
    ]
    inputs += [f"{root}/plates/{name}/illumination.zarr" for name in campaign.plates]
    inputs += ranking_files(campaign).values()
    outputs = [f"{root}/campaign/annotations/{file}.parquet" for file in ("ranking", "objects")]
    return make_job(root, "rank_annotations", "ranking", "rank_annotations", [], inputs, outputs)


def folds_table(root: str, annotations: str) -> str:
    """Return the table of a set of annotated images: what they are, and which fold each is in."""
    return f"{root}/campaign/annotations/{annotations}.folds.parquet"


def annotations_of(folds_table: str | Path) -> str:
    """Return the name of a set of annotated images from the path of its table."""
    return Path(folds_table).name.partition(".")[0]


def _made(campaign: Campaign, root: str, name: str, fold: str) -> Job:
    segmenter = campaign.config.segmenters[name]
    rule = "tune_classical" if segmenter.engine == "tuned" else "train_segmenter"
    start = start_weights(segmenter)
    inputs = [folds_table(root, segmenter.annotations), *([start] if start else [])]
    outputs = [segmenter_file(campaign, name, fold)]
    if segmenter.engine != "tuned":
        outputs += [f"{segmenter_folder(campaign, name, fold)}/{file}" for file in ("card.md", "curves.parquet")]
    return make_job(root, rule, f"segmenter:{name}", f"{rule}/{name}/{fold}", [name, fold], inputs, outputs)


def _held_out(campaign: Campaign, root: str, contender: str, fold: str) -> Job:
    evaluation = campaign.config.segmentation_evaluation
    inputs = [folds_table(root, evaluation.annotations), *contender_files(campaign, contender, fold).values()]
    name = file_name(contender)
    outputs = [f"{root}/campaign/segmentation/{name}/{fold}.{ending}" for ending in ("parquet", "zip")]
    place = f"predict_held_out/{name}/{fold}"
    return make_job(root, "predict_held_out", "held_out", place, [name, fold], inputs, outputs)


def _compared(campaign: Campaign, root: str) -> Job:
    evaluation = campaign.config.segmentation_evaluation
    folds = evaluation_folds(campaign)
    inputs = [folds_table(root, evaluation.annotations)]
    inputs += [
        f"{root}/campaign/segmentation/{file_name(contender)}/{fold}.parquet"
        for contender in all_contenders(evaluation)
        for fold in folds
    ]
    inputs += [
        f"{root}/campaign/segmentation/{contender}/{fold}.zip"
        for contender in shown_contenders(evaluation)
        for fold in folds
    ]
    for name, fold in compared_segmenters(campaign):
        if campaign.config.segmenters[name].engine == "tuned":
            inputs.append(segmenter_file(campaign, name, fold))
        else:
            inputs.append(f"{segmenter_folder(campaign, name, fold)}/curves.parquet")
    names = ("scores", "summary", "differences", "ablation")
    outputs = [f"{root}/campaign/segmentation/{name}.parquet" for name in names]
    return make_job(
        root,
        "evaluate_segmentation",
        "segmentation",
        "evaluate_segmentation",
        [],
        inputs,
        [*outputs, f"{root}/report/segmentation.html"],
    )
