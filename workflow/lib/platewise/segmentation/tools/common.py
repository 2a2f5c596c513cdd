"""What the adapters share: the import, the check of weights, and the engine around one function."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from platewise.errors import ConfigError, Problem
from platewise.segmentation.engine import Image, Label, number_in_order
from platewise.segmentation.images import check_image

# Two of the tools measure in micrometres: a nucleus of the config's diameter counts as this wide.
NUCLEUS_UM = 10.0


class ToolEngine:
    """Finds nuclei with a tool, image by image (see ``NucleiEngine``).

    Parameters
    ----------
    predict
        Returns the (y, x) labels of a (c, y, x) float32 image, in any numbers; an image without contrast it never sees.

    Attributes
    ----------
    halvings
        Always 0: the tools see to their memory themselves.
    """

    halvings = 0

    def __init__(self, predict: Callable[[Image], npt.ArrayLike]) -> None:
        self._predict = predict

    def segment(self, images: list[Image]) -> list[Label]:
        """Return the nuclei of each (c, y, x) image, in order."""
        checked = [check_image(image, f"image {number}") for number, image in enumerate(images, 1)]
        return [self._segment(image) for image in checked]

    def _segment(self, image: Image) -> Label:
        if image.min() == image.max():
            return np.zeros(image.shape[1:], np.int32)
        label = np.asarray(self._predict(image)).astype(np.int32).reshape(image.shape[1:])
        return number_in_order(label, label).nuclei


def import_tool(tool: str, module: str, install: str) -> ModuleType:
    """Import a tool.

    Parameters
    ----------
    tool
        Its name, as the config has it.
    module
        What to import.
    install
        How to install it.

    Raises
    ------
    ConfigError
        If it is not there, or cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        own = (error.name or "").split(".")[0] == module.split(".")[0]
        found = "the tool is not installed" if own else f"it is installed but lacks {error.name}"
    except Exception as error:  # broken installations fail with whatever a library of theirs raises
        found = f"it is installed but cannot be imported ({type(error).__name__}: {error})"
    raise ConfigError([Problem(f"engine {tool}", found, f"the Python package {module.split('.')[0]}", install)])


def check_weights(tool: str, path: str, folder: bool, source: str) -> Path:
    """Return the path of a tool's weights.

    Parameters
    ----------
    tool
        Its name.
    path
        As the config has it.
    folder
        Whether the tool keeps its weights in a folder.
    source
        Where people get them.

    Raises
    ------
    ConfigError
        If there is no such file or folder.
    """
    weights = Path(path)
    if not (weights.is_dir() if folder else weights.is_file()):
        kind = "folder" if folder else "file"
        raise ConfigError(
            [Problem(f"engine {tool}, weights", f"no {kind} {path}", f"the {kind} of {tool}'s weights", source)]
        )
    return weights


def grey(image: Image) -> Image:
    """Return (y, x) of a (c, y, x) image: its only channel, or the mean of its colours."""
    return image.mean(axis=0)


def channels_last(image: Image) -> Image:
    """Return a colour image as (y, x, c) and a grey one as (y, x)."""
    return np.ascontiguousarray(image[0] if len(image) == 1 else np.moveaxis(image, 0, 2))
