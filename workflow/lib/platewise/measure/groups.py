"""The registry of feature groups: to add one, write its module and its config model and enter it here.

A group's module has two functions: ``names(channels, settings)`` gives the features' names without the compartment, and
``measure(compartment, channels, settings)`` their values, ``(objects, features)`` float64, NaN for an empty object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platewise.columns import COMPARTMENTS
from platewise.measure import area_shape, correlation, intensity, location, neighbors, radial, texture
from platewise.measure.objects import Compartment


@dataclass(frozen=True)
class Group:
    """A feature group: how its columns are called, how they are measured, and in which compartments."""

    names: Callable[[Sequence[str], Any], list[str]]
    measure: Callable[[Compartment, Sequence[str], Any], NDArray[np.float64]]
    compartments: tuple[str, ...] = COMPARTMENTS


def _group(module: ModuleType, compartments: tuple[str, ...] = COMPARTMENTS) -> Group:
    return Group(module.names, module.measure, compartments)


GROUPS: dict[str, Group] = {
    "AreaShape": _group(area_shape),
    "Intensity": _group(intensity),
    "Texture": _group(texture),
    "RadialDistribution": _group(radial),
    "Correlation": _group(correlation),
    # A cytoplasm has the neighbours of its cell.
    "Neighbors": _group(neighbors, ("Nuclei", "Cells")),
    "Location": _group(location),
}
