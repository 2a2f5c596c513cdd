"""What a campaign trains to find nuclei and cells: who uses it, on which folds it is made, where it lies."""

from __future__ import annotations

from platewise.config.segmenters import SegmenterConfig
from platewise.plan.campaign import Campaign
from platewise.plan.engines import all_contenders, segmenters_in, segmenters_in_use

# The name among folds of what learned from all images.
ALL = "all"
# Every fold, for wildcard constraints.
FOLD_PATTERN = rf"{ALL}|\d+"
# What the rules `train_segmenter` and `tune_classical` make, by engine.
_FILES = {"tuned": "parameters.json"}
_WEIGHTS = "weights.safetensors"


def segmenter_file(campaign: Campaign, name: str, fold: str) -> str:
    """Return the path of the weights, or parameters, of a segmenter that learned without a fold."""
    return f"{segmenter_folder(campaign, name, fold)}/{_file_of(campaign.config.segmenters[name])}"


def segmenter_folder(campaign: Campaign, name: str, fold: str) -> str:
    """Return the folder of a segmenter that learned without a fold, or from all images."""
    return f"{campaign.folder}/campaign/segmenters/{name}/{fold}"


def fold_of(campaign: Campaign, name: str, fold: str) -> str:
    """Return the fold that a segmenter must not have seen to be tested on a fold of the evaluation's images.

    One that learned from other annotated images has seen none of them.
    """
    evaluation = campaign.config.segmentation_evaluation
    same = evaluation is not None and campaign.config.segmenters[name].annotations == evaluation.annotations
    return fold if same else ALL


def contender_files(campaign: Campaign, contender: str, fold: str) -> dict[str, str]:
    """Return the files of the segmenters that a contender needs to be tested on a fold: name to path."""
    engine = all_contenders(campaign.config.segmentation_evaluation)[contender]
    return {name: segmenter_file(campaign, name, fold_of(campaign, name, fold)) for name in segmenters_in(engine)}


def own_files(campaign: Campaign) -> dict[str, str]:
    """Return the files of the segmenters that the campaign's own fields are segmented with: name to path."""
    return {name: segmenter_file(campaign, name, ALL) for name in segmenters_in_use(campaign.config.segmentation)}


def ranking_files(campaign: Campaign) -> dict[str, str]:
    """Return the files of the segmenters that rank the campaign's fields: name to path."""
    names = segmenters_in_use(campaign.config.segmentation, campaign.config.ranking)
    return {name: segmenter_file(campaign, name, ALL) for name in names}


def evaluation_folds(campaign: Campaign) -> list[str]:
    """Return the names of the folds of the evaluation's images; none without an evaluation."""
    evaluation = campaign.config.segmentation_evaluation
    if evaluation is None:
        return []
    return [str(fold) for fold in range(campaign.config.annotations[evaluation.annotations].folds)]


def folds_to_make(campaign: Campaign, name: str) -> list[str]:
    """Return the folds without which a segmenter is made, ``all`` first where it is made from all images."""
    evaluation = campaign.config.segmentation_evaluation
    compared = evaluation is not None and any(
        name in segmenters_in(engine) for engine in evaluation.contenders.values()
    )
    folds = [fold_of(campaign, name, fold) for fold in evaluation_folds(campaign)] if compared else []
    first = [ALL] if campaign.config.segmenters[name].train_on_all else []
    return list(dict.fromkeys([*first, *folds]))


def compared_segmenters(campaign: Campaign) -> list[tuple[str, str]]:
    """Return what the contenders of the evaluation are made of: segmenter and fold."""
    contenders = campaign.config.segmentation_evaluation.contenders
    names = dict.fromkeys(name for engine in contenders.values() for name in segmenters_in(engine))
    folds = evaluation_folds(campaign)
    return [pair for name in names for pair in dict.fromkeys((name, fold_of(campaign, name, fold)) for fold in folds)]


def start_weights(segmenter: SegmenterConfig) -> str | None:
    """Return the file of weights that a training goes on from and that lies outside of platewise."""
    start = getattr(segmenter, "start_from", None)
    return None if start in (None, "shipped") else start


def _file_of(segmenter: SegmenterConfig) -> str:
    return _FILES.get(segmenter.engine, _WEIGHTS)
