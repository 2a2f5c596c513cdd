"""Networks that are taken as they are: what their folder says of them, read without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from platewise.config.campaign import CampaignConfig
from platewise.config.embedding import EmbeddingConfig, FileEmbedding, PublishedEmbedding
from platewise.errors import Problem

# As embedding.model writes them; that module needs torch.
_MODEL, _WEIGHTS = "model.json", "weights.safetensors"
_ARCHITECTURE = ("downscale", "normalise", "features")


def read_description(embedding: FileEmbedding) -> dict[str, Any]:
    """Return what ``model.json`` says.

    Raises
    ------
    OSError, ValueError
        If it cannot be read.
    """
    return json.loads((Path(embedding.path) / _MODEL).read_text())


def normalisation(embedding: EmbeddingConfig) -> Literal["crop", "plate"]:
    """Return how a network wants brightness to be made comparable."""
    if isinstance(embedding, FileEmbedding):
        return read_description(embedding)["architecture"]["normalise"]
    return embedding.normalise


def count_features(embedding: EmbeddingConfig, channels: int) -> int:
    """Return how many features a cell gets."""
    if isinstance(embedding, FileEmbedding):
        return read_description(embedding)["architecture"]["features"]
    if isinstance(embedding, PublishedEmbedding) and embedding.channels == "each":
        return embedding.features * channels
    return embedding.features


def file_problems(config: CampaignConfig, source: str) -> Iterator[Problem]:
    """Find networks to be taken that are not there, not whole, or not for this campaign's crops."""
    for name, embedding in config.embeddings.items():
        if isinstance(embedding, PublishedEmbedding) and not Path(embedding.path).is_file():
            place = f"{source}, key embeddings.{name}.path"
            yield Problem(place, embedding.path, "a file of weights", "give the path of its weights")
        if not isinstance(embedding, FileEmbedding):
            continue
        place = f"{source}, key embeddings.{name}.path"
        remedy = "copy the whole folder of a trained network, and give its path"
        try:
            facts = read_description(embedding)
            architecture = facts["architecture"]
            channels, size = list(architecture["channels"]), architecture["size"]
            described = {*(architecture[key] for key in _ARCHITECTURE), facts["weights_sha256"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            found = f"{embedding.path}: {_MODEL} cannot be read ({type(error).__name__}: {error})"
            yield Problem(place, found, f"a folder with {_MODEL} and {_WEIGHTS}", remedy)
            continue
        if None in described or not (Path(embedding.path) / _WEIGHTS).is_file():
            yield Problem(place, f"{embedding.path}: no {_WEIGHTS}", f"a folder with {_MODEL} and {_WEIGHTS}", remedy)
        own = [] if config.images is None else list(config.images.channels)
        if channels != own:
            expected = f"{', '.join(own)}, the channels of this campaign"
            yield Problem(place, f"a network for {', '.join(channels)}", expected, "name and order channels as it does")
        if size != config.crops.size:
            expected = f"crops of {config.crops.size} pixels, crops.size"
            yield Problem(place, f"a network for crops of {size} pixels", expected, f"set crops.size to {size}")
        # Others published it: it learned from no crops, masked or not.
        if architecture.get("kind") != "timm":
            yield from _mask_problems(config.crops.mask, facts.get("crops"), place, embedding.path)


def _mask_problems(own: str, described: Any, place: str, path: str) -> Iterator[Problem]:
    """Find a network that learned from crops that show what lies around a cell, or do not, unlike this campaign's."""
    mask = described.get("mask") if isinstance(described, dict) else None
    expected = f"{own}, crops.mask of this campaign"
    if mask is None:
        remedy = (
            f'train the network anew, or, if you know crops.mask of its campaign, write "crops": {{"mask": "{own}"}} '
            f"(or what it was) into {_MODEL}"
        )
        yield Problem(place, f"{path}: {_MODEL} does not say the crops.mask it learned from", expected, remedy)
    elif mask != own:
        yield Problem(place, f"a network for crops with mask: {mask}", expected, f"set crops.mask to {mask}")
