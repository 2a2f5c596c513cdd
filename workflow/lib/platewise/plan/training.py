"""What an embedding is trained on: decided once, then kept while plates and wells come and go.

A trained network is frozen: every learned feature of the campaign depends on it. So what it was trained on is recorded
beside it, and planned again as recorded, until the config asks for another network or the record is removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from platewise.algorithms import ALGORITHMS
from platewise.config.embedding import FileEmbedding, PublishedEmbedding, RandomEmbedding
from platewise.errors import ConfigError, Problem
from platewise.files import whole_file
from platewise.plan.campaign import Campaign
from platewise.plan.embeddings import read_description


@dataclass(frozen=True)
class TrainingPlate:
    """A plate with cells to train or validate on: its row of the sheet (``PlateRow.as_param``) and its blocks."""

    row: dict[str, Any]
    blocks: list[str]


def training_keys(campaign: Campaign, model: str) -> dict[str, Any]:
    """Return what a network's weights depend on but its plates: another answer asks for another network.

    How many cells are embedded at a time is the device's business.
    """
    config = campaign.config.model_dump(mode="json")
    embedding = {key: value for key, value in config["embeddings"][model].items() if key != "batch"}
    sections = {name: config[name] for name in ("crops", "blocks", "metadata", "seed")}
    algorithm = ALGORITHMS["embedding"]
    keys = {"embedding": embedding, "channels": config["images"]["channels"], "algorithm": algorithm, **sections}
    taken = campaign.config.embeddings[model]
    if isinstance(taken, FileEmbedding):
        # Another network may lie at the same path one day.
        keys["taken"] = read_description(taken)["weights_sha256"]
    if isinstance(taken, PublishedEmbedding):
        found = Path(taken.path).stat()
        keys["taken"] = [found.st_size, found.st_mtime_ns]
    return keys


def training_plates(campaign: Campaign, model: str) -> list[TrainingPlate]:
    """Return the plates that an embedding is, or was, trained and validated on.

    Raises
    ------
    ConfigError
        If the record of an earlier training cannot be read.
    """
    recorded = _recorded(campaign, model)
    return _chosen(campaign, model) if recorded is None else recorded


def shown_blocks(campaign: Campaign, model: str) -> list[tuple[str, str]]:
    """Return plate and block of the cells that an embedding was trained or validated on and that are still there.

    A plate may have left the campaign since, or be cut into other blocks.
    """
    return [
        (plate.row["plate"], block)
        for plate in training_plates(campaign, model)
        if plate.row["plate"] in campaign.plates
        for block in plate.blocks
        if block in campaign.plates[plate.row["plate"]].blocks
    ]


def is_trained(campaign: Campaign, model: str) -> bool:
    """Whether the network that the config asks for was trained already: what becomes of its cells matters no more."""
    return _recorded(campaign, model) is not None


def untrained_plates(campaign: Campaign, model: str, trained: list[TrainingPlate]) -> list[str]:
    """Return the plates that an embedding would be trained on, had it not been trained before they came."""
    names = {plate.row["plate"] for plate in trained}
    return [plate.row["plate"] for plate in _chosen(campaign, model) if plate.row["plate"] not in names]


def record_path(campaign: Campaign, model: str) -> Path:
    """Return where it is recorded what a network was trained on. No output of a rule: Snakemake removes those."""
    return record_beside(campaign.folder / "campaign" / "embedding" / model)


def record_beside(folder: Path) -> Path:
    """Return the record that belongs to a network's folder."""
    return folder.with_name(f"{folder.name}.plates.json")


def write_record(folder: Path, keys: dict[str, Any], rows: list[dict[str, Any]], crops: Iterable[str]) -> None:
    """Record what a network was trained on, beside its folder.

    Parameters
    ----------
    folder
        Of the network, ``C/embedding/{model}``.
    keys
        From `training_keys`.
    rows
        Of the plates.
    crops
        Paths of their crop stores, ``P/crops/{block}.zarr``.
    """
    blocks: dict[str, list[str]] = {row["plate"]: [] for row in rows}
    for crop in map(Path, crops):
        blocks[crop.parents[1].name].append(crop.stem)
    plates = [asdict(TrainingPlate(row, blocks[row["plate"]])) for row in rows]
    with whole_file(record_beside(folder)) as temporary:
        temporary.write_text(json.dumps({"keys": keys, "plates": plates}, indent=1) + "\n")


def _chosen(campaign: Campaign, model: str) -> list[TrainingPlate]:
    """Return the plates that the config asks for, as they are now."""
    embedding = campaign.config.embeddings[model]
    if isinstance(embedding, RandomEmbedding | FileEmbedding | PublishedEmbedding):
        # Nothing is learned; one plate tells the channels.
        names = campaign.plate_names[:1]
    else:
        names = dict.fromkeys([*(embedding.train_plates or campaign.plate_names), *embedding.validation_plates])
    plates = [campaign.plates[name] for name in names]
    return [TrainingPlate(plate.row.as_param(), list(plate.blocks)) for plate in plates]


def _recorded(campaign: Campaign, model: str) -> list[TrainingPlate] | None:
    """Return what was trained on, None if nothing was, or if the config or the files are not those of then."""
    path = record_path(campaign, model)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        record = json.loads(text)
        plates = [TrainingPlate(**plate) for plate in record["plates"]]
        current = record["keys"] == training_keys(campaign, model)
    except (ValueError, KeyError, TypeError) as error:
        found = f"no record of a training ({type(error).__name__}: {error})"
        remedy = f"remove the file; the embedding {model} is then trained anew, on the plates of today"
        raise ConfigError([Problem(str(path), found, "what the last training wrote", remedy)]) from error
    return plates if current and all(_is_there(campaign, plate) for plate in plates) else None


def _is_there(campaign: Campaign, plate: TrainingPlate) -> bool:
    """Whether a plate's map and crops lie on the disk or are planned."""
    name = plate.row["plate"]
    planned = campaign.plates[name].blocks if name in campaign.plates else ()
    crops = campaign.folder / "plates" / name / "crops"
    kept = all(block in planned or (crops / f"{block}.zarr").is_dir() for block in plate.blocks)
    return kept and Path(plate.row["platemap"]).is_file()
