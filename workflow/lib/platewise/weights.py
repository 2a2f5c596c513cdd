"""Weights and training states on disk: tensors as safetensors, everything else as JSON. No pickle anywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from platewise.errors import DataError
from platewise.files import whole_file

# One key only: safetensors keeps its metadata without an order, so two keys could give two different files.
_KEY = "platewise"
# Among the facts: what the tensors were when they were written. safetensors itself checks nothing but lengths.
_DIGEST = "tensors_sha256"


def save_tensors(path: str | Path, tensors: Mapping[str, torch.Tensor], facts: dict[str, Any] | None = None) -> str:
    """Write tensors and JSON-able facts; return the SHA-256 of the file."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    told = (facts or {}) | {_DIGEST: _digest(plain)}
    content = save(plain, metadata={_KEY: json.dumps(told, sort_keys=True)})
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def load_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors and facts of a file that ``save_tensors`` wrote.

    Raises
    ------
    DataError
        If the file is missing, cut short, not safetensors, or its tensors are not those that were written.
    """
    try:
        with safe_open(Path(path), framework="pt", device="cpu") as handle:
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - not a dict
            facts = json.loads((handle.metadata() or {}).get(_KEY, "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as safetensors ({error}). "
            "Hint: remove the file and run again; it will be made anew."
        ) from error
    if facts.pop(_DIGEST, None) != _digest(tensors):
        raise DataError(
            f"{path}: the weights are not those that were written. Hint: the file is damaged; remove it and run again, "
            "or copy it anew from where it came."
        )
    return tensors, facts


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def training_state(network: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return every tensor a training goes on from: weights and the optimizer's moments and step counts."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for number, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in slots.items()}
    return tensors


def restore_training_state(
    network: torch.nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Put back what ``training_state`` returned. The optimizer's settings stay those of ``optimizer``."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    weights = {}
    for key, tensor in tensors.items():
        kind, name = key.split(".", 1)
        if kind == "network":
            weights[name] = tensor
        else:
            number, slot = name.split(".", 1)
            state.setdefault(int(number), {})[slot] = tensor
    network.load_state_dict(weights)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
