"""Networks that learn nothing here: random weights, one trained elsewhere, one that others published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from platewise.config.embedding import FileEmbedding, PublishedEmbedding, RandomEmbedding
from platewise.embedding.description import (
    Stores,
    architecture_for,
    config_facts,
    crop_facts,
    curves_provenance,
    first_store,
)
from platewise.embedding.model import CURVES, Architecture, PublishedArchitecture, load_model, save_model
from platewise.embedding.network import CellNetwork
from platewise.embedding.published import PublishedNetwork, network_of
from platewise.embedding.training import CURVE_COLUMNS
from platewise.errors import DataError
from platewise.plan.embeddings import count_features
from platewise.tables import write_table


def make_random(stores: Stores, config: RandomEmbedding, out_dir: Path, seed: int) -> None:
    """Make a network with random weights."""
    architecture = architecture_for(stores, list(stores), config)
    network = architecture.build(seed=seed)
    _save_unlearned(out_dir, config, seed, architecture, network, crops=crop_facts(stores, list(stores)))


def take_trained(stores: Stores, config: FileEmbedding, out_dir: Path, seed: int) -> None:
    """Copy a network that was trained elsewhere, after a look whether it is whole and fits the crops."""
    model = load_model(config.path)
    store = first_store(stores, list(stores))
    if (store.channels, store.size) != (model.architecture.channels, model.architecture.size):
        raise DataError(
            f"embedding: {config.path} takes crops of {model.architecture.size} pixels with channels "
            f"{', '.join(model.architecture.channels)}; {store.path} holds {store.size} pixels and "
            f"{', '.join(store.channels)}. Hint: name channels and set crops.size as it does, or train a network."
        )
    # A published network has no crops that it learned from.
    crops = {key: value for key, value in model.facts.items() if key == "crops"}
    _save_unlearned(out_dir, config, seed, model.architecture, model.network, taken_from=model.facts, **crops)


def take_published(stores: Stores, config: PublishedEmbedding, out_dir: Path, seed: int) -> None:
    """Copy a network that others published, fitted to the crops."""
    store = first_store(stores, list(stores))
    network, side = network_of(config, len(store.channels))
    each = config.channels == "each"
    features = count_features(config, len(store.channels))
    seen = (store.channels, store.size, config.downscale, config.normalise)
    architecture = PublishedArchitecture(*seen, name=config.name, each=each, side=side, features=features)
    _save_unlearned(out_dir, config, seed, architecture, network)


def _save_unlearned(
    out_dir: Path,
    config: RandomEmbedding | FileEmbedding | PublishedEmbedding,
    seed: int,
    architecture: Architecture | PublishedArchitecture,
    network: CellNetwork | PublishedNetwork,
    **facts: Any,
) -> None:
    """Write a network that learned nothing here: its curves are empty."""
    curves = pd.DataFrame(columns=list(CURVE_COLUMNS), dtype=float)
    write_table(curves, out_dir / CURVES, curves_provenance(config, seed))
    save_model(out_dir, architecture, network, config_facts(config, seed) | facts)
