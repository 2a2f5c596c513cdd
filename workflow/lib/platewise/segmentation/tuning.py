"""Parameters of the classical engine for each type of image, and the choice of the type for an image.

An expert who tunes a classical tool by hand does so type by type, and says for every new image which type it is. Here
the search (``tuning_search``) does the first, and the choice falls on the type of the annotated image that looks most
alike, so that a plate needs no label.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from platewise.config.base import expected_value
from platewise.config.segmentation import ClassicalNuclei
from platewise.errors import DataError
from platewise.files import whole_file

Image = npt.NDArray[np.float32]

FORMAT = "platewise tuned parameters 1"
_HINT = "Hint: remove the file and make it anew with tune_classical."
# Statistics are taken from every n-th pixel of large images, so that about this many are looked at.
_SAMPLE = 200_000


@dataclass(frozen=True)
class Look:
    """What an image looks like, without regard to its objects.

    Attributes
    ----------
    colour
        How far the colours of a pixel lie apart, on average, as a share of the image's range; 0 for grey.
    tone
        Where the median lies between the 1st and the 99th percentile: near 0, bright objects on dark ground.
    grain
        Logarithm of the contrast by that between neighbouring pixels: larger structures, larger grain.
    """

    colour: float
    tone: float
    grain: float


@dataclass(frozen=True)
class ImageType:
    """A type of image, its parameters, and the annotated images that they were searched on.

    Attributes
    ----------
    name
        Class of the annotated images.
    parameters
        What the search found.
    score, default_score
        Mean F1 over IoU 0.50..0.95 on what the search looked at, with these and with default parameters.
    examples
        Name of each annotated image, and its look.
    """

    name: str
    parameters: ClassicalNuclei
    score: float
    default_score: float
    examples: dict[str, Look]


@dataclass(frozen=True)
class Parameters:
    """Parameters by type of image, at least one."""

    types: tuple[ImageType, ...]

    @property
    def annotated(self) -> int:
        """How many images a person had to annotate."""
        return sum(len(kind.examples) for kind in self.types)

    def type_of(self, image: Image) -> ImageType:
        """Return the type of the annotated image that looks most alike; of equals, the first.

        Parameters
        ----------
        image
            (c, y, x) with c of 1 (grey) or 3 (red, green, blue).
        """
        known = [(kind, look) for kind in self.types for look in kind.examples.values()]
        looks = _array([look for _, look in known])
        spread = looks.std(axis=0)
        # Where all annotated images agree, any image that differs is far from all of them alike.
        distances = (looks - _array([describe(image)])) / np.where(spread > 0, spread, 1)
        return known[int((distances**2).sum(axis=1).argmin())][0]

    def choose(self, image: Image) -> ClassicalNuclei:
        """Return the parameters for an image (c, y, x)."""
        return self.type_of(image).parameters


def describe(image: Image) -> Look:
    """Return the look of an image (c, y, x); that of a constant one is (0, 0, 0)."""
    step = max(1, int(math.sqrt(image[0].size / _SAMPLE)))
    some = image[:, ::step, ::step].astype(np.float64)
    grey = image.mean(axis=0, dtype=np.float64)
    low, middle, high = np.percentile(grey[::step, ::step], (1, 50, 99))
    if high <= low:
        return Look(0.0, 0.0, 0.0)
    steps = np.concatenate([np.diff(grey, axis=axis).ravel() for axis in (0, 1)])
    return Look(
        colour=float((some.max(axis=0) - some.min(axis=0)).mean() / (high - low)),
        tone=float((middle - low) / (high - low)),
        grain=float(np.log(grey.std() / steps.std())) if steps.std() > 0 else 0.0,
    )


def write_parameters(parameters: Parameters, path: Path, facts: dict[str, Any] | None = None) -> None:
    """Write parameters as JSON, whole or not at all; ``facts`` tell people how they were made."""
    content = {
        "format": FORMAT,
        **(facts or {}),
        "types": [
            {
                "name": kind.name,
                "parameters": kind.parameters.model_dump(mode="json"),
                "score": kind.score,
                "default_score": kind.default_score,
                "examples": {name: asdict(look) for name, look in kind.examples.items()},
            }
            for kind in parameters.types
        ],
    }
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_parameters(path: Path) -> Parameters:
    """Read parameters that ``write_parameters`` wrote.

    Raises
    ------
    DataError
        If the file is missing, is no such file, or holds a value that the classical engine does not take.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}). Hint: correct the path `parameters`; tune_classical "
            "makes the file."
        ) from error
    except ValueError as error:
        raise DataError(f"{path}: is no JSON ({error}). {_HINT}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"{path}: are no parameters of the classical engine (format {FORMAT!r}). {_HINT}")
    try:
        types = tuple(
            ImageType(
                str(kind["name"]),
                ClassicalNuclei.model_validate(kind["parameters"]),
                float(kind["score"]),
                float(kind["default_score"]),
                {str(name): Look(**look) for name, look in kind["examples"].items()},
            )
            for kind in content["types"]
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: {key} is {first['input']!r}; expected {expected_value(first)}. {_HINT}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: the description of a type is damaged ({error!r}). {_HINT}") from error
    if not any(kind.examples for kind in types):
        raise DataError(f"{path}: names no type of image with an annotated image. {_HINT}")
    return Parameters(types)


def _array(looks: Sequence[Look]) -> npt.NDArray[np.float64]:
    return np.array([(look.colour, look.tone, look.grain) for look in looks])
