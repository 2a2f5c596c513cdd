"""What a model's files say of how it was made, and the shape of its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from platewise.algorithms import ALGORITHMS
from platewise.config.embedding import EmbeddingConfig, RandomEmbedding, TrainedEmbedding
from platewise.crops.store import CropStore, read_crops
from platewise.embedding.model import Architecture
from platewise.errors import DataError

Stores = Mapping[str, Sequence[str | Path]]


def architecture_for(stores: Stores, plates: Sequence[str], config: TrainedEmbedding | RandomEmbedding) -> Architecture:
    """Return the network that the config describes, for the crops of these plates."""
    store = first_store(stores, plates)
    kind, sizes = config.network, (config.width, config.features)
    return Architecture(store.channels, store.size, config.downscale, config.normalise, kind, *sizes)


def first_store(stores: Stores, plates: Sequence[str]) -> CropStore:
    """Open the first crop store of some plates: all of them have its channels and size.

    Raises
    ------
    DataError
        If there is none.
    """
    paths = [path for plate in plates for path in stores[plate]]
    if not paths:
        raise DataError("embedding: there are no crop stores. Hint: run the crops of the campaign first.")
    return read_crops(paths[0])


def crop_facts(stores: Stores, plates: Sequence[str]) -> dict[str, str]:
    """Return how crops of these plates were cut, as far as a network that learned from them depends on it.

    ``mask`` of the section ``crops``; nothing where a store does not say it. ``keep_border`` only says which cells have
    a crop, and nothing of what a crop looks like.
    """
    parameters = first_store(stores, plates).provenance.get("parameters", {})
    return {"mask": parameters["mask"]} if "mask" in parameters else {}


def config_facts(config: EmbeddingConfig, seed: int) -> dict[str, Any]:
    """Return what ``model.json`` says of every kind of embedding."""
    return {"kind": config.kind, "config": config.model_dump(mode="json"), "seed": seed}


def curves_provenance(config: EmbeddingConfig, seed: int) -> dict[str, Any]:
    """Return what the table of training curves says of how it was made."""
    return {"stage": "embedding", "algorithm": ALGORITHMS["embedding"], **config_facts(config, seed)}
