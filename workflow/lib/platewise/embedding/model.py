"""A stored model: written by the training, loaded to embed crops."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from platewise import __version__
from platewise.algorithms import ALGORITHMS
from platewise.config.embedding import NetworkKind
from platewise.device import Halved, halve_on_oom, reproducible
from platewise.embedding.network import CellNetwork, build_network
from platewise.embedding.preprocess import compress, shrink_crops, standardise
from platewise.embedding.published import PublishedNetwork, build_published
from platewise.errors import DataError
from platewise.files import whole_file
from platewise.weights import load_tensors, save_tensors

WEIGHTS = "weights.safetensors"
MODEL = "model.json"
CURVES = "curves.parquet"
_NOT_KEPT = ("head.", "adversaries.")


@dataclass(frozen=True)
class Architecture:
    """What the weights fit to, and how crops are prepared for them.

    Parameters
    ----------
    channels
        Names of the channels, in the order of the crops.
    size
        Side of the stored crops in pixels, before shrinking.
    downscale, normalise, network, width, features
        As in ``config.embedding.EmbeddingBase``.
    """

    channels: tuple[str, ...]
    size: int
    downscale: int
    normalise: Literal["crop", "plate"]
    network: NetworkKind
    width: int
    features: int

    def build(self, seed: int) -> CellNetwork:
        """Return such a network with random weights."""
        return build_network(self.network, len(self.channels), self.width, self.features, seed)


@dataclass(frozen=True)
class PublishedArchitecture:
    """As ``Architecture``, of a network that others published.

    Parameters
    ----------
    channels, size, downscale, normalise
        As there.
    name, each, side
        As in ``published.build_published``.
    features
        Length of a cell's feature vector.
    """

    channels: tuple[str, ...]
    size: int
    downscale: int
    normalise: Literal["crop", "plate"]
    name: str
    each: bool
    side: int
    features: int
    kind: Literal["timm"] = "timm"

    def build(self, seed: int) -> PublishedNetwork:
        """Return such a network."""
        return build_published(self.name, self.side, self.each, len(self.channels))[0]


@dataclass(frozen=True)
class EmbeddingModel:
    """A network without its head, on a device, ready to embed.

    Parameters
    ----------
    folder
        Where it was loaded from.
    architecture
        How crops must look.
    network
        The network, in evaluation mode.
    device
        Where it is.
    facts
        Everything in ``model.json``.
    """

    folder: Path
    architecture: Architecture | PublishedArchitecture
    network: CellNetwork | PublishedNetwork = field(repr=False)
    device: torch.device
    facts: dict[str, Any] = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the weights file."""
        return self.facts["weights_sha256"]


def save_model(
    folder: str | Path,
    architecture: Architecture | PublishedArchitecture,
    network: CellNetwork | PublishedNetwork,
    facts: dict[str, Any],
) -> None:
    """Write ``weights.safetensors`` (without head and adversaries) and, last, ``model.json``.

    ``facts`` are added to the architecture, the versions and the digest of the weights.
    """
    folder = Path(folder)
    weights = {name: value for name, value in network.state_dict().items() if not name.startswith(_NOT_KEPT)}
    digest = save_tensors(folder / WEIGHTS, weights)
    described = {
        "architecture": vars(architecture) | {"channels": list(architecture.channels)},
        "parameters": sum(value.numel() for name, value in network.named_parameters() if name in weights),
        "weights_sha256": digest,
        "algorithm": ALGORITHMS["embedding"],
        "versions": {"platewise": __version__, "torch": torch.__version__, "numpy": np.__version__},
        **facts,
    }
    with whole_file(folder / MODEL) as temporary:
        temporary.write_bytes((json.dumps(described, indent=1, sort_keys=True) + "\n").encode())


def load_model(folder: str | Path, device: torch.device | str = "cpu") -> EmbeddingModel:
    """Load a model folder.

    Raises
    ------
    DataError
        If a file is missing or broken, or the weights are not those that ``model.json`` describes.
    """
    folder, device = Path(folder), torch.device(device)
    try:
        facts = json.loads((folder / MODEL).read_text())
        described = facts["architecture"]
        kind = PublishedArchitecture if described.get("kind") == "timm" else Architecture
        architecture = kind(**described | {"channels": tuple(described["channels"])})
        network = architecture.build(seed=0)
        promised = facts["weights_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(folder / MODEL, f"{type(error).__name__}: {error}") from error
    if _sha256(folder / WEIGHTS) != promised:
        raise _broken(folder / WEIGHTS, f"its SHA-256 is not {promised}, as {MODEL} says")
    network.load_state_dict(load_tensors(folder / WEIGHTS)[0])
    return EmbeddingModel(folder, architecture, network.to(device).eval(), device, facts)


def embed_crops(
    model: EmbeddingModel, crops: np.ndarray, batch: int = 256, reference: np.ndarray | None = None
) -> Halved[np.ndarray]:
    """Return the features of crops.

    Parameters
    ----------
    model
        From ``load_model``; load it once a job.
    crops
        (n, channel, size, size) uint16, as ``cut_crops`` returns them. n may be 0.
    batch
        Crops in one go; halved by itself when a GPU runs out of memory.
    reference
        Centre and scale of the plate (2, channel), from ``reference.reference_of_stores``; needed by models with
        ``normalise: plate``, and by no others.

    Returns
    -------
    Halved
        ``result``: features (n, features) float32; ``batch`` and ``halvings``: what the device had room for. The
        features of a cell depend on that cell alone (to rounding: the order of a sum may change with the batch).

    Raises
    ------
    DataError
        If the crops do not fit the model, or the plate's reference is missing.
    """
    wanted = model.architecture
    shape = (len(wanted.channels), wanted.size, wanted.size)
    if crops.dtype != np.uint16 or crops.shape[1:] != shape:
        raise DataError(
            f"embedding: crops are {crops.shape} {crops.dtype}; model {model.folder} takes (n, *{shape}) uint16 with "
            f"channels {', '.join(wanted.channels)}. Hint: use a model that was trained on such crops."
        )
    if (wanted.normalise == "plate") != (reference is not None):
        need = "needs the reference of the plate" if reference is None else "takes no reference of a plate"
        raise DataError(
            f"embedding: model {model.folder} has `normalise: {wanted.normalise}` and {need}. "
            "Hint: make it with reference_of_stores from all crop stores of the plate, for `normalise: plate` only."
        )
    with reproducible():
        return halve_on_oom(lambda size: _embed(model, crops, size, reference), batch)


@torch.no_grad()
def _embed(model: EmbeddingModel, crops: np.ndarray, batch: int, reference: np.ndarray | None) -> np.ndarray:
    features = np.empty((len(crops), model.architecture.features), dtype=np.float32)
    plate = None if reference is None else torch.from_numpy(reference[None].astype(np.float32)).to(model.device)
    for first in range(0, len(crops), batch):
        part = slice(first, first + batch)
        shrunk = torch.from_numpy(shrink_crops(crops[part], model.architecture.downscale)).to(model.device).float()
        features[part] = model.network.features(compress(standardise(shrunk, plate))).cpu().numpy()
    return features


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise _broken(path, str(error)) from error


def _broken(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: the model cannot be loaded ({why}). Hint: remove its folder and run again; it will be trained anew. "
        "A model that came from elsewhere must be copied with all its files."
    )
