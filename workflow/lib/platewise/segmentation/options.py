"""The section of the config that the options of `platewise segment` describe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from platewise.config.base import expected_value, parse_section
from platewise.config.segmentation import CellsConfig, NucleiConfig, SegmentationConfig
from platewise.errors import ConfigError, Problem
from platewise.segmentation.description import Target, read_kind


def config_of_options(
    engine: str | None, models: Sequence[Path], finds: Target, diameter: float | None
) -> SegmentationConfig:
    """Make the config; what the options leave open has its default.

    Parameters
    ----------
    engine
        Name of the engine for what is found; None: that of the weights, or without weights the default.
    models
        Files of weights, several for an ensemble; parameters for `tuned`.
    finds
        Which of the two engines ``engine`` and ``models`` are for.
    diameter
        Typical diameter of a nucleus in pixels; None leaves it to the engine.

    Raises
    ------
    ConfigError
        If there is no such engine, or it has no use for an option.
    DataError
        If the engine is to be taken from weights that cannot be read.
    """
    default = SegmentationConfig()
    size = {} if diameter is None else {"nucleus_diameter": diameter}
    if finds == "nuclei":
        return default.model_copy(update={"nuclei": _engine(NucleiConfig, engine, models, default.nuclei, size)})
    found = {
        "nuclei": _engine(NucleiConfig, None, (), default.nuclei, size),
        "cells": _engine(CellsConfig, engine, models, default.cells, {}),
    }
    return default.model_copy(update=found)


def _engine(kind: Any, engine: str | None, models: Sequence[Path], default: Any, keys: dict[str, Any]) -> Any:
    if engine is None:
        engine = default.engine if not models else "ensemble" if len(models) > 1 else read_kind(models[0])
    paths = [str(path) for path in models]
    if engine == "ensemble":
        keys = keys | {"members": paths}
    elif len(paths) > 1:
        problem = Problem("--model", f"{len(paths)} files", f"one for --engine {engine}", "name one, or ensemble")
        raise ConfigError([problem])
    elif paths:
        keys = keys | {"parameters" if engine == "tuned" else "weights": paths[0]}
    try:
        return parse_section(kind, {"engine": engine, **keys})
    except ValidationError as error:
        raise ConfigError([_problem(engine, details) for details in error.errors()]) from None


def _problem(engine: str, details: Any) -> Problem:
    key = ".".join(str(part) for part in details["loc"] if part != engine)
    remedy = "--model gives weights, members or parameters, --diameter nucleus_diameter; config/README.md lists engines"
    return Problem(
        f"--engine {engine}{key and f', key {key}'}", repr(details["input"])[:80], expected_value(details), remedy
    )
