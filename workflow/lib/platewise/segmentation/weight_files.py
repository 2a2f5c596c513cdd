"""Which files of weights an engine opens: checked when a campaign is planned, and part of what its labels depend on.

Nothing here imports torch: every job plans its campaign again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from platewise.config.ranking import RankingConfig
from platewise.config.segmentation import TOOLS, CellsConfig, NucleiConfig, SegmentationConfig
from platewise.errors import DataError, Problem
from platewise.segmentation.description import DENSE, SHIPPED, Target, read_info, shipped_model, unreadable

Files = dict[str, Path]
# A file with its size, its time and its number.
_Stamp = tuple[Path, int, int, int]

# Keys of an engine that say where weights lie, or what makes them; what counts is what is in them.
_PLACES = frozenset({"weights", "members", "parameters", "scale_weights", "segmenter", "segmenters", "scale_segmenter"})
# Keys that change no label: how much is done at a time.
SPEED_KEYS = frozenset({"batch_size", "tile", "batch"})
_PIECE = 1 << 20


def weight_files(config: NucleiConfig | CellsConfig, target: Target) -> Files:
    """Return the files that an engine opens before its first image, by the key that names them.

    A tool's weights may be a folder. Files that the campaign makes itself (``segmenter`` and the like) are not among
    them, until their paths stand in the config.
    """
    match config.engine:
        case "classical" | "seeded":
            return {}
        case "tuned":
            return {} if config.parameters is None else {"parameters": Path(config.parameters)}
        case engine if engine in TOOLS:
            return {"weights": Path(config.weights)}
        case "ensemble":
            files = {f"members.{number}": Path(path) for number, path in enumerate(config.members)}
        case _ if config.weights is not None:
            files = {"weights": Path(config.weights)}
        case _:
            files = {} if config.segmenter else {"weights": shipped_model(config.engine, target)}
    if target == "nuclei" and config.nucleus_diameter is None and config.scale_segmenter is None:
        given = config.scale_weights
        files["scale_weights"] = shipped_model("scale", "nuclei") if given is None else Path(given)
    return files


def weight_problems(config: SegmentationConfig, source: str) -> list[Problem]:
    """Return what is wrong with the files of weights that a config names; ``source`` is the config's file."""
    engines: dict[Target, NucleiConfig | CellsConfig] = {"nuclei": config.nuclei, "cells": config.cells}
    return [
        problem
        for target, engine in engines.items()
        for problem in engine_problems(engine, target, f"{source}, key segmentation.{target}")
    ]


def label_parameters(config: SegmentationConfig) -> dict[str, Any]:
    """Return everything in a config that its labels depend on: the content of weights in place of their paths.

    Weights that are moved change nothing; other weights at the same path do.
    """
    described = config.model_dump(mode="json", exclude={"batch_size", "nuclei", "cells"})
    for target in ("nuclei", "cells"):
        described[target] = engine_parameters(getattr(config, target), target)
    return described


def engine_parameters(config: NucleiConfig | CellsConfig, target: Target) -> dict[str, Any]:
    """Return everything that the labels of one engine depend on (see ``label_parameters``)."""
    files = weight_files(config, target)
    content = {key: hash_content(path) for key, path in files.items()}
    return config.model_dump(mode="json", exclude=_PLACES | SPEED_KEYS) | {"content": content}


def ranking_parameters(config: RankingConfig) -> dict[str, Any]:
    """Return everything in the section ``ranking`` that its tables depend on (see ``label_parameters``)."""
    committee = [engine_parameters(engine, "nuclei") for engine in config.committee]
    return config.model_dump(mode="json", exclude={"committee"}) | {"committee": committee}


def hash_content(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files in a folder.

    A process reads what did not change only once.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        files = [file for file in sorted(path.rglob("*")) if not file.is_dir()] if path.is_dir() else [path]
        return _hash_files(path, tuple(map(_stamp, files)))
    except OSError as error:
        raise unreadable(path, error) from error


def _stamp(file: Path) -> _Stamp:
    # The number too: a file that is replaced within a tick of the clock keeps size and time, never the number.
    stat = file.stat()
    return file, stat.st_size, stat.st_mtime_ns, stat.st_ino


@lru_cache
def _hash_files(path: Path, stamps: tuple[_Stamp, ...]) -> str:
    """Hash files as their stamps say they are: a plan asks for the same weights once a contender and fold."""
    digest = hashlib.sha256()
    for file, size, *_ in stamps:
        if file != path:
            digest.update(f"{file.relative_to(path)}\n{size}\n".encode())
        with file.open("rb") as handle:
            while piece := handle.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()


def engine_problems(config: NucleiConfig | CellsConfig, target: Target, section: str) -> Iterator[Problem]:
    """Yield what is wrong with the files of one engine; ``section`` says where its keys are, for messages."""
    for key, path in weight_files(config, target).items():
        place = f"{section}.{key}"
        # Of weights that do not come with platewise, `read_info` says more.
        if not path.exists() and path.parent != SHIPPED:
            yield Problem(place, f"no file {path}", "a file of weights", "correct the path, or make the file first")
            continue
        if key == "parameters" or config.engine in TOOLS:
            continue
        kinds = {"scale_weights": ("scale",), "weights": (config.engine,)}.get(key, DENSE)
        try:
            read_info(path, kinds, target)
        except DataError as error:
            found, _, remedy = str(error).partition(" Hint: ")
            yield Problem(place, found.rstrip("."), f"weights of {' or '.join(kinds)} for {target}", remedy.rstrip("."))
