"""How much work a campaign is, block by block, in the units that rates are given in: from the plan, or from results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from platewise.plan.campaign import Campaign

# As many fields as the flat field of a finished campaign was estimated from, by the config's default.
_FLAT_FIELDS = 256
# Stands for the campaign's own fields among what is done by networks.
SEGMENTATION = "segmentation"


@dataclass(frozen=True)
class Work:
    """Amounts of work; those of several blocks are added.

    ``fields`` and ``wells`` are counted; ``area`` is that of all fields in megapixels, ``megapixels`` the same times
    the channels; ``cells`` are all cells, ``inner`` those that an embedding sees (by default not those at the border);
    ``crops`` are the megapixels of the stored single-cell images (``size`` x ``size`` x channels a cell). A plate's
    own: ``flat``, megapixels read for its flat field, and ``frame``, megapixels of one field, all channels. An
    embedding's own: ``training``, megapixels that its network is shown. ``plates`` and ``blocks`` count themselves.
    Of annotated images (``segmenter_work``): ``annotated`` megapixels are read, ``looked`` ones are seen by each
    network and in each view anew, ``scored`` counts images, once for each contender; a segmenter's ``training`` is
    what it is shown, as if it had the default width.
    """

    wells: float = 0
    fields: float = 0
    area: float = 0
    megapixels: float = 0
    cells: float = 0
    inner: float = 0
    crops: float = 0
    flat: float = 0
    frame: float = 0
    training: float = 0
    plates: float = 0
    blocks: float = 0
    annotated: float = 0
    looked: float = 0
    scored: float = 0

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, unit) + getattr(other, unit) for unit in UNITS))


UNITS = tuple(unit.name for unit in fields(Work))


@dataclass(frozen=True)
class Workload:
    """The work of each block (plate name to block name), of each plate beside its blocks, and of each embedding.

    ``segmenters`` holds the jobs on annotated images, by rule and wildcards: ``train_segmenter/flow/0``; ``networks``
    what is done by networks: contenders, and ``SEGMENTATION`` for the campaign's own fields.
    """

    blocks: dict[str, dict[str, Work]]
    plates: dict[str, Work] = field(default_factory=dict)
    embeddings: dict[str, Work] = field(default_factory=dict)
    segmenters: dict[str, Work] = field(default_factory=dict)
    networks: frozenset[str] = frozenset()

    @property
    def learned(self) -> frozenset[str]:
        """Names under which something is learned: their jobs have rates of their own."""
        return self.networks | frozenset(self.embeddings)

    def of(self, plate: str = "", block: str = "", embedding: str = "") -> Work:
        """Return the work of a job: of a block, else of a plate, else of the campaign; with an embedding, its own."""
        if block:
            return self.blocks[plate].get(block, Work())
        chosen = [plate] if plate else list(self.blocks)
        parts = [work for name in chosen for work in self.blocks[name].values()]
        parts += [self.plates.get(name, Work()) for name in chosen]
        parts += [self.embeddings[embedding]] if embedding in self.embeddings else []
        return sum(parts, Work())

    @property
    def total(self) -> Work:
        """The work of the whole campaign."""
        return self.of()


@dataclass(frozen=True)
class Imaged:
    """What the images of a plate tell the plan: fields of each block, and the images' size in pixels."""

    fields: Mapping[str, int]
    height: int
    width: int


def planned_work(campaign: Campaign, images: Mapping[str, Imaged], cells_per_area: float) -> Workload:
    """Return the work of a planned campaign.

    Parameters
    ----------
    campaign
        With plates; for one that starts from a table see ``table_work``.
    images
        What is known of each plate's images. Plates that are not in it count as the mean of the others would.
    cells_per_area
        Cells to expect in a megapixel of a field.
    """
    config = campaign.config
    channels = len(config.images.channels)
    known = list(images.values())
    usual_area = _mean(image.height * image.width / 1e6 for image in known)
    usual_fields = _mean(sum(image.fields.values()) for image in known)
    blocks, plates = {}, {}
    for name, plate in campaign.plates.items():
        image = images.get(name)
        area = image.height * image.width / 1e6 if image else usual_area
        inner = 1.0 if config.crops.keep_border else _inner_share(image, config.crops.size)
        per_well = (sum(image.fields.values()) if image else usual_fields) / max(1, len(plate.treatments))
        blocks[name] = {}
        for block, members in plate.blocks.items():
            wells = len({well for well, _ in members})
            count = image.fields[block] if image else per_well * wells
            cells = count * area * cells_per_area
            seen = cells * inner
            kept = seen if config.crops.keep == "all" else min(seen, config.crops.cells_per_well * wells)
            crop = config.crops.size**2 * channels / 1e6
            blocks[name][block] = Work(
                wells, count, count * area, count * area * channels, cells, seen, kept * crop, blocks=1
            )
        whole = sum(blocks[name].values(), Work())
        read = min(whole.fields, getattr(config.illumination, "max_fields", 0))
        plates[name] = Work(flat=read * area * channels, frame=area * channels, plates=1)
    embeddings = {
        name: Work(training=_training(embedding.model_dump(), config.crops.size, channels))
        for name, embedding in config.embeddings.items()
    }
    return Workload(blocks, plates, embeddings)


def table_work(wells: Mapping[str, int]) -> Workload:
    """Return the work of a campaign that starts from a table of wells: plate name to its number of wells."""
    blocks = {plate: {"": Work(wells=count)} for plate, count in wells.items()}
    return Workload(blocks, {plate: Work(plates=1) for plate in wells})


def finished_work(results: Path) -> Workload:
    """Return the work that a finished campaign was, from its inventories, manifests, crops and profiles."""
    from platewise.columns import SITE, TOUCHES_BORDER, WELL
    from platewise.preflight.segmenter_work import finished_networks, finished_segmenter_work
    from platewise.tables import read_table

    blocks: dict[str, dict[str, Work]] = {}
    plates: dict[str, Work] = {}
    channels = 1
    for plate in sorted(path for path in results.glob("plates/*") if path.is_dir()):
        blocks[plate.name] = {}
        frame = read = 0.0
        for path in sorted((plate / "inventory").glob("*.parquet")):
            inventory = read_table(path, [WELL, SITE, "Channel", "Height", "Width"])
            channels = inventory["Channel"].nunique()
            megapixels = float((inventory["Height"] * inventory["Width"]).sum() / 1e6)
            count = len(inventory.drop_duplicates([WELL, SITE]))
            manifest = plate / "fields" / path.name
            cells = int(read_table(manifest, ["CellsCount"])["CellsCount"].sum()) if manifest.is_file() else 0
            crops = _stored_pixels(plate / "crops" / f"{path.stem}.zarr" / "images")
            measured = plate / "cells" / path.name
            inner = int((~read_table(measured, [TOUCHES_BORDER])[TOUCHES_BORDER]).sum()) if measured.is_file() else 0
            work = Work(
                inventory[WELL].nunique(), count, megapixels / channels, megapixels, cells, inner, crops, blocks=1
            )
            blocks[plate.name][path.stem] = work
            frame, read = megapixels / max(1, count), read + count
        if not blocks[plate.name]:
            profiles = plate / "profiles" / "classical.wells.parquet"
            blocks[plate.name] = {"": Work(wells=len(read_table(profiles, [WELL])))}
        plates[plate.name] = Work(flat=min(read, _FLAT_FIELDS) * frame, frame=frame, plates=1)
    embeddings = {}
    for path in sorted(results.glob("campaign/embedding/*/model.json")):
        model = json.loads(path.read_text())
        size = int(model["architecture"]["size"])
        embeddings[path.parent.name] = Work(training=_training(model["config"], size, channels))
    known = Workload(blocks, plates, embeddings, networks=finished_networks(results))
    area = known.total.area / known.total.fields if known.total.fields else 0.0
    return replace(known, segmenters=finished_segmenter_work(results, area))


def _inner_share(image: Imaged | None, size: int) -> float:
    """Share of cells that do not touch the border of their field, when a cell is about as wide as a crop."""
    if image is None or not image.height or not image.width:
        return 1.0
    return max(0.0, 1 - size / image.height) * max(0.0, 1 - size / image.width)


def _training(embedding: Mapping[str, object], size: int, channels: int) -> float:
    """Megapixels that a network is shown in training, all channels; none for a random one."""
    if "steps_per_epoch" not in embedding:
        return 0.0
    shown = int(embedding["epochs"]) * int(embedding["steps_per_epoch"]) * int(embedding["train_batch"])
    return shown * (size / int(embedding["downscale"])) ** 2 * channels / 1e6


def _stored_pixels(array: Path) -> float:
    """Megapixels of a stored array, from its metadata alone; 0 if there is none."""
    try:
        shape = json.loads((array / "zarr.json").read_text())["shape"]
    except FileNotFoundError:
        return 0.0
    pixels = 1
    for length in shape:
        pixels *= length
    return pixels / 1e6


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else 0.0
