"""How large the jobs of a campaign are, as far as its sheets and its config say."""

from __future__ import annotations

import math
from collections.abc import Iterable

from platewise.columns import split_annotation
from platewise.config.campaign import CLASSICAL
from platewise.config.embedding import SelfEmbedding, TrainedEmbedding
from platewise.config.segmentation import CellsConfig, EnsembleNuclei, SegmentationConfig
from platewise.config.segmentation_evaluation import ContenderConfig
from platewise.config.segmenters import NetworkSegmenter, TunedSegmenter
from platewise.config.table import TableConfig
from platewise.plan.campaign import Campaign
from platewise.plan.demand import FIELDS_PER_WELL, Size, classical_features
from platewise.plan.embeddings import count_features
from platewise.plan.engines import all_contenders, is_network
from platewise.plan.plates import Plate
from platewise.plan.training import training_plates
from platewise.profiles.plates import read_arrow, table_paths, table_schema

# A step of the network that a config leaves at its defaults: 64 crops of 48 x 48 pixels, 16 filters.
_STEP_CROPS, _STEP_PIXELS, _STEP_WIDTH = 64, 48 * 48, 16
# What a step of a network costs beside one of the small one, measured at width 16 on a CPU; at other widths it grows
# more slowly than the square.
_STEP_COST = {"small": 1, "resnet": 1.7, "efficientnet": 3.5}
# Annotated images are pieces of fields more often than whole ones.
_MEGAPIXELS = 0.5
# A step of a segmenter that a config leaves at its defaults.
_TRAINED = {key: NetworkSegmenter.model_fields[key].default for key in ("batch", "crop", "width")}


def size_of_block(campaign: Campaign, plate: str, block: str) -> Size:
    """Return the size of a job on one block."""
    channels = _channels(campaign)
    fields = _fields_of_block(campaign.plates[plate], block)
    return Size(
        channels=channels,
        fields=fields,
        block_fields=fields,
        features=classical_features(channels),
        batch=campaign.config.segmentation.batch_size,
        networks=_networks_of(campaign.config.segmentation),
        gpus=int(campaign.config.measure.gpu),
    )


def size_of_plate(campaign: Campaign, plate: str, features: str | None = None) -> Size:
    """Return the size of a job on one plate, which reads its cells block by block."""
    fields = [_fields_of_block(campaign.plates[plate], block) for block in campaign.plates[plate].blocks]
    return Size(
        channels=_channels(campaign),
        fields=sum(fields),
        block_fields=max(fields),
        features=_features(campaign, features),
    )


def size_of_profiles(campaign: Campaign, features: str | None = None) -> Size:
    """Return the size of a job on all profiles of one kind of features; of the kind with most for None."""
    given = _given_on_plates(campaign) if campaign.config.table is None else _given_in(campaign.config.table)
    annotated = [(perturbation, dose) for perturbation, dose, moa in given if split_annotation(moa)]
    # Every feature of a cell is one of a well, or several.
    statistics = 1 if campaign.config.table else len(campaign.config.profiles.aggregate.statistics)
    return Size(
        wells=len(given),
        treatments=_different((perturbation, dose) for perturbation, dose, _ in given),
        annotated=_different(perturbation for perturbation, _ in annotated),
        annotated_treatments=_different(annotated),
        features=_features(campaign, features) * statistics,
    )


def size_of_training(campaign: Campaign, model: str) -> Size:
    """Return the size of a training: its crops, shrunk, and its steps, counted in those of the default network."""
    embedding, crops = campaign.config.embeddings[model], campaign.config.crops
    if not isinstance(embedding, TrainedEmbedding):
        return Size()
    names = [plate.row["plate"] for plate in training_plates(campaign, model)]
    # A plate may have left the campaign since.
    wells = sum(len(campaign.plates[name].treatments) for name in names if name in campaign.plates)
    kept = embedding.cells_per_well if crops.keep == "all" else min(embedding.cells_per_well, crops.cells_per_well)
    pixels = (crops.size // embedding.downscale) ** 2
    crops_seen = embedding.train_batch * (2 if isinstance(embedding, SelfEmbedding) else 1)
    step = crops_seen / _STEP_CROPS * pixels / _STEP_PIXELS * (embedding.width / _STEP_WIDTH) ** 2
    return Size(
        # uint16.
        crops_mb=wells * kept * _channels(campaign) * pixels * 2 / 2**20,
        gpus=embedding.gpus,
        steps=embedding.epochs * embedding.steps_per_epoch * step * _STEP_COST[embedding.network],
    )


def size_of_annotations(campaign: Campaign, name: str) -> Size:
    """Return the size of a job that reads every image of a set of annotated ones."""
    return Size(megapixels=_MEGAPIXELS * len(campaign.annotations[name].images))


def size_of_segmenter(campaign: Campaign, name: str) -> Size:
    """Return the size of a training, its steps counted in those of the default network; or of a search, in trials."""
    segmenter = campaign.config.segmenters[name]
    known = campaign.annotations[segmenter.annotations]
    used = [image for image in known.images if image.image_class in (segmenter.classes or known.classes)]
    if isinstance(segmenter, TunedSegmenter):
        kinds = len({image.image_class for image in used})
        seen = kinds * segmenter.images_per_class
        return Size(megapixels=_MEGAPIXELS * seen, steps=segmenter.trials * seen)
    pixels = segmenter.batch * segmenter.crop**2 / (_TRAINED["batch"] * _TRAINED["crop"] ** 2)
    width = segmenter.width / _TRAINED["width"]
    return Size(
        megapixels=_MEGAPIXELS * len(used),
        networks=1,
        # In pieces of the default size and width: what is held grows with the width, the work with its square.
        batch=math.ceil(_TRAINED["batch"] * pixels * width),
        steps=segmenter.steps * pixels * width**2,
    )


def size_of_contender(campaign: Campaign, contender: str) -> Size:
    """Return the size of a contender's test on one fold."""
    config = campaign.config.segmentation_evaluation
    images = len(campaign.annotations[config.annotations].images)
    folds = campaign.config.annotations[config.annotations].folds
    return Size(
        megapixels=_MEGAPIXELS * images / folds,
        networks=_networks_in(all_contenders(config)[contender]),
    )


def size_of_evaluation(campaign: Campaign) -> Size:
    """Return the size of the comparison of all contenders; ``wells`` are the images, each once for each contender."""
    config = campaign.config.segmentation_evaluation
    images = len(campaign.annotations[config.annotations].images)
    return Size(wells=images * len(all_contenders(config)))


def size_of_ranking(campaign: Campaign) -> Size:
    """Return the size of the job that looks at some fields of all plates."""
    ranking, segmentation = campaign.config.ranking, campaign.config.segmentation
    plates = [size_of_plate(campaign, name).fields for name in campaign.plates]
    networks = _networks_of(segmentation) + sum(map(_networks_in, ranking.committee))
    fields = min(ranking.fields, sum(plates))
    return Size(channels=_channels(campaign), fields=fields, batch=1, networks=networks)


def _networks_of(segmentation: SegmentationConfig) -> int:
    return _networks_in(segmentation.nuclei) + _networks_in(segmentation.cells)


def _networks_in(engine: ContenderConfig | CellsConfig) -> int:
    """Return how many networks look at an image, or at most at one of some class."""
    if not is_network(engine):
        return 0
    return len(engine.members) + len(engine.segmenters) if isinstance(engine, EnsembleNuclei) else 1


def _channels(campaign: Campaign) -> int:
    return len(campaign.config.images.channels) if campaign.config.images else 0


def _features(campaign: Campaign, features: str | None) -> int:
    channels = _channels(campaign)
    counts = {name: count_features(embedding, channels) for name, embedding in campaign.config.embeddings.items()}
    counts[CLASSICAL] = (
        classical_features(_channels(campaign))
        if campaign.config.table is None
        else max(len(table_schema(path, []) or ()) for path in table_paths(campaign.config.table, []))
    )
    return max(counts.values()) if features is None else counts[features]


def _given_on_plates(campaign: Campaign) -> list[tuple[object, object, str]]:
    """Return perturbation, dose and mechanisms of every well."""
    return [(well.perturbation, well.dose, well.moa) for plate in campaign.plates.values() for well in plate.treatments]


def _given_in(tables: TableConfig) -> list[tuple[object, object, str]]:
    columns = [tables.columns.perturbation, tables.columns.dose, tables.columns.moa]
    given: list[tuple[object, object, str]] = []
    for path in table_paths(tables, []):
        # Checked when the campaign was loaded.
        table = read_arrow(path, [name for name in columns if name], [])
        if table is not None:
            parts = [table.column(name).to_pylist() if name else [None] * len(table) for name in columns]
            given += [(name, dose, str(moa or "")) for name, dose, moa in zip(*parts, strict=True)]
    return given


def _different(given: Iterable[object]) -> int:
    # As text: a missing dose is NaN, which equals nothing.
    return len(set(map(str, given)))


def _fields_of_block(plate: Plate, block: str) -> int:
    places = plate.blocks[block]
    # A block of the unit `field` names its site; else all fields of its wells are in it.
    each = plate.row.fields_per_well or FIELDS_PER_WELL
    return sum(each if site is None else 1 for _, site in places)
