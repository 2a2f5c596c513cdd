"""Weights with their description: one safetensors file a model, checked before any image is read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from platewise.errors import DataError
from platewise.segmentation.description import DENSE, FORMAT, Kind, ModelInfo, Target, read_info, shipped_model
from platewise.weights import load_tensors, save_tensors

__all__ = ["ModelInfo", "build", "load_dense", "load_model", "save_model", "shipped_model"]


def save_model(path: Path, info: ModelInfo, network: torch.nn.Module, half: bool = False) -> str:
    """Write weights and description; return the SHA-256 of the file.

    Parameters
    ----------
    half
        Write float16: half the size; scores were the same to three digits.
    """
    state = {
        name: tensor.half() if half and tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    return save_tensors(path, state, {"format": FORMAT, **asdict(info)})


def load_model(path: Path, kind: Kind, target: Target) -> tuple[ModelInfo, torch.nn.Module]:
    """Make the network that a file describes, with its weights, in float32 on the CPU, ready to predict.

    Raises
    ------
    DataError
        As `description.read_info`, or if the weights are not those of the network that the description names.
    """
    return _load(path, (kind,), target)


def load_dense(path: Path, target: Target) -> tuple[ModelInfo, torch.nn.Module]:
    """Make a network that says something of every pixel, of whichever kind the file holds (see ``load_model``)."""
    return _load(path, DENSE, target)


def build(info: ModelInfo) -> torch.nn.Module:
    """Make the network that a description names, with random weights."""
    if info.kind == "maskrcnn":
        from platewise.segmentation.maskrcnn.network import MaskRcnn

        return MaskRcnn(**info.architecture)
    if info.kind == "scale":
        from platewise.segmentation.scale import ScaleNetwork

        return ScaleNetwork(**info.architecture)
    from platewise.segmentation.networks.dense import DenseNetwork

    return DenseNetwork(kind=info.kind, **info.architecture)


def _load(path: Path, kinds: tuple[Kind, ...], target: Target) -> tuple[ModelInfo, torch.nn.Module]:
    info = read_info(path, kinds, target)
    tensors, _ = load_tensors(path)
    try:
        network = build(info)
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(
            f"{path}: no {info.kind} network can be made as the file describes it, {info.architecture} ({error}). "
            "Hint: was it made by a newer platewise? Make it again with train_segmenter."
        ) from error
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise DataError(
            f"{path}: the weights are not those of the {info.kind} network that the file describes; {names[0]} is "
            f"{found.get(names[0], 'missing')}, expected {expected.get(names[0], 'nothing of that name')} "
            f"({len(names)} such). Hint: make the file again with train_segmenter."
        )
    for name, kind in network.state_dict().items():
        if tensors[name].is_floating_point() != kind.is_floating_point():
            raise DataError(
                f"{path}: {name} holds {tensors[name].dtype}, expected {kind.dtype}. Hint: make the file again."
            )
        if not tensors[name].isfinite().all():
            raise DataError(f"{path}: {name} holds values that are not finite. Hint: make the file again.")
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    network.load_state_dict(state)
    return info, network.eval()
