"""Networks that others published and timm knows: a DINO vision transformer, a network trained on Cell Painting.

timm is an extra (``pip install timm``, which brings torchvision); weights are a file of the user's, nothing is
downloaded and nothing is unpickled but tensors.
"""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from platewise.config.embedding import PublishedEmbedding
from platewise.errors import ConfigError, DataError, Problem

_COLOURS = 3
# Of what timm or torch say of weights that they do not take.
_LETTERS = 300
# Where weights lie in what other people's trainings saved.
_WRAPPED_IN = ("state_dict", "model", "teacher")


class PublishedNetwork(nn.Module):
    """A network of timm's without its classifier, that looks at crops of cells.

    Parameters
    ----------
    body
        Gives (n, features) for images (n, colours, side, side).
    each
        Show it one channel at a time, as three equal colours, and join what it says; else all channels at once.
    side
        What crops are resized to, in pixels.
    """

    def __init__(self, body: nn.Module, each: bool, side: int) -> None:
        super().__init__()
        self.body = body
        self._each, self._side = each, side

    def features(self, crops: torch.Tensor) -> torch.Tensor:
        """Return features (n, features), of prepared crops (n, channel, y, x); those of the first channel first."""
        smaller = max(crops.shape[2:]) > self._side
        seen = functional.interpolate(crops, (self._side, self._side), mode="bilinear", antialias=smaller)
        if self._each:
            seen = seen.flatten(0, 1)[:, None].expand(-1, _COLOURS, -1, -1)
        return self.body(seen).reshape(len(crops), -1)


def build_published(
    name: str, side: int | None, each: bool, channels: int, weights: dict[str, torch.Tensor] | None = None
) -> tuple[PublishedNetwork, int]:
    """Return a network of timm's and the side of the images it sees.

    Parameters
    ----------
    name
        As timm knows it, ``vit_small_patch16_224.dino``.
    side
        Of the images, in pixels; None takes the one that timm gives for the network.
    each
        See `PublishedNetwork`.
    channels
        Of the crops.
    weights
        As published; timm knows how to fit them to the size. None leaves random ones, to be replaced.

    Raises
    ------
    ConfigError
        If timm is not installed or does not know the network.
    DataError
        If the weights are not its.
    """
    timm = _import_timm()
    try:
        known = timm.get_pretrained_cfg(name) if timm.is_model(name.split(".")[0]) else None
    except RuntimeError:  # the part after the point
        known = None
    if known is None:
        raise ConfigError([_problem(name, "a name that timm knows", "see timm.list_models()")], "no such network")
    native = known.input_size[-1]
    # Transformers are made for one size; others take any.
    sized = {"img_size": side or native} if known.fixed_input_size else {}
    colours = _COLOURS if each else channels
    first = f"{known.first_conv}.weight"
    if weights is not None and first in weights and weights[first].shape[1] != colours:
        # timm would make one of the other, in silence.
        raise _misfit(name, colours, f"they are for {weights[first].shape[1]}")
    overlay = {} if weights is None else {"pretrained_cfg_overlay": {"state_dict": weights, "custom_load": False}}
    try:
        body = timm.create_model(
            name,
            pretrained=weights is not None,
            num_classes=0,
            in_chans=colours,
            **overlay,
            **sized,
        )
    except (RuntimeError, KeyError, ValueError, AssertionError) as error:
        raise _misfit(name, colours, _in_short(error)) from error
    return PublishedNetwork(body, each, side or native), side or native


def read_published(path: str | Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a weights file: safetensors, or what torch saved, of which only tensors are read.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its pickle module does
        raise _unreadable(path, f"{type(error).__name__}: {_in_short(error)}") from error
    for name in _WRAPPED_IN:
        if isinstance(tensors, dict) and isinstance(tensors.get(name), dict):
            tensors = tensors[name]
    if not isinstance(tensors, dict) or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise _unreadable(path, "it holds something else than named tensors")
    return tensors


def network_of(config: PublishedEmbedding, channels: int) -> tuple[PublishedNetwork, int]:
    """Return the network that a config names with its weights, and the side of the images it sees.

    Raises
    ------
    ConfigError
        If timm is not installed or does not know the network, or it gives another number of features than promised.
    DataError
        If the weights cannot be read or are not its.
    """
    each = config.channels == "each"
    network, side = build_published(config.name, config.resize, each, channels, read_published(config.path))
    with torch.no_grad():
        found = network.eval().features(torch.zeros(1, channels, side, side)).shape[1]
    own = found // channels if each else found
    if own != config.features:
        raise ConfigError([_problem(f"features: {config.features}", f"features: {own}", "correct it")], config.name)
    return network, side


def _import_timm() -> ModuleType:
    try:
        return importlib.import_module("timm")
    except Exception as error:  # a torchvision that does not fit torch raises whatever it likes
        found = f"timm cannot be imported ({type(error).__name__}: {error})"
        remedy = "pip install timm, with a torchvision that fits the torch that is installed"
        raise ConfigError([_problem(found, "the Python package timm", remedy)], "no timm") from error


def _problem(found: str, expected: str, remedy: str) -> Problem:
    return Problem("config, embeddings, kind timm", found, expected, remedy)


def _in_short(error: Exception) -> str:
    return " ".join(str(error).split())[:_LETTERS]


def _misfit(name: str, colours: int, why: str) -> DataError:
    return DataError(
        f"embedding: the weights do not fit {name} with {colours} channels ({why}). Hint: `name` must be the network "
        "they were published for; `channels: together` is for networks that were trained on as many channels as the "
        "crops have, `each` for those of photographs."
    )


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: the weights cannot be read ({why}). Hint: take the safetensors file of the network, or a file of "
        "torch with nothing but its tensors; others could run code and are refused."
    )
