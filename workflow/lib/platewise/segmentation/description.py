"""What a file of weights says of itself, read and checked without torch: planning a campaign cannot wait for it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from platewise.errors import DataError

Kind = Literal["unet", "fpn", "flow", "maskrcnn", "scale"]
Target = Literal["nuclei", "cells"]
# Engines whose networks say something of every pixel: those that an ensemble may average.
DENSE = ("unet", "fpn", "flow")

# Number of the format of the description.
FORMAT = 1
# What comes with platewise: models/ at the top of the repository.
SHIPPED = Path(__file__).parents[4] / "models"

# A safetensors file begins with the length of its JSON header, 8 bytes, little end first; its authors allow 100 MB.
_LENGTH = 8
_LONGEST = 100_000_000
_HINT = "Hint: `weights` takes files that train_segmenter made; leave it out for those that come with platewise."


@dataclass(frozen=True)
class ModelInfo:
    """What a file of weights is for.

    Attributes
    ----------
    kind
        Engine that can use it.
    target
        What it finds. ``cells`` networks see two channels (nucleus, cell), others three (grey or red, green, blue).
    diameter
        Typical size of an object, in pixels, in the images that the network wants to see.
    architecture
        Keyword arguments of the network's constructor.
    facts
        How it was made: data, licence, split, command, seed, time, scores. For people; nothing depends on it.
    """

    kind: Kind
    target: Target
    diameter: float
    architecture: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)


def shipped_model(kind: Kind, target: Target) -> Path:
    """Return where the weights that come with platewise lie."""
    return SHIPPED / f"{kind}-{target}.safetensors"


def read_info(path: Path, kinds: tuple[Kind, ...], target: Target) -> ModelInfo:
    """Read and check the description of a file of weights, not the weights.

    Parameters
    ----------
    path
        The file.
    kinds
        Engines that would use it.
    target
        What they would find with it.

    Raises
    ------
    DataError
        If the file is missing, damaged, not of platewise, or for another engine or target.
    """
    facts = _read_facts(Path(path))
    if facts["kind"] not in kinds or facts.get("target") != target:
        raise DataError(
            f"{path}: these weights are of the engine {facts['kind']} for {facts.get('target')}; expected "
            f"{' or '.join(kinds)} for {target}. {_HINT}"
        )
    try:
        info = ModelInfo(**{name: facts[name] for name in ("kind", "target", "diameter", "architecture", "facts")})
    except KeyError as error:
        raise DataError(f"{path}: the description lacks {error}. {_HINT}") from error
    if not isinstance(info.architecture, dict) or not _is_diameter(info.diameter):
        raise DataError(f"{path}: the description holds no diameter above 0 and architecture. {_HINT}")
    return info


def _is_diameter(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error to raise where weights cannot be read."""
    if path.parent == SHIPPED and not path.exists():
        return DataError(
            f"{path.name}: no such weights come with platewise. Hint: train them (docs/segmentation.md), and name them "
            "with `weights` or `segmenter`, or in `platewise segment` with --model."
        )
    return DataError(f"{path}: cannot be read ({error.strerror or error}). {_HINT}")


def read_kind(path: Path) -> Kind:
    """Return which engine a file of weights is for.

    Raises
    ------
    DataError
        If the file is missing, damaged or not of platewise.
    """
    return _read_facts(Path(path))["kind"]


def _read_facts(path: Path) -> dict[str, Any]:
    """Return the description in a safetensors file's header; the file must be as long as its header promises."""
    try:
        size = path.stat().st_size
        with path.open("rb") as handle:
            length = int.from_bytes(handle.read(_LENGTH), "little")
            if not 2 <= length <= min(size - _LENGTH, _LONGEST):
                raise DataError(f"{path}: this is no safetensors file, or it is cut short. {_HINT}")
            header = json.loads(handle.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        facts = json.loads(header.get("__metadata__", {}).get("platewise", "{}"))
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise DataError(f"{path}: this is no safetensors file, or its header is damaged. {_HINT}") from error
    if max(ends, default=0) != size - _LENGTH - length:
        raise DataError(
            f"{path}: the file is cut short: {size} bytes of {_LENGTH + length + max(ends, default=0)}. {_HINT}"
        )
    if not isinstance(facts, dict) or facts.get("format") != FORMAT or facts.get("kind") not in get_args(Kind):
        raise DataError(f"{path}: these are no weights of a segmenter of platewise (format {FORMAT}). {_HINT}")
    return facts
