"""The registry of feature groups: to add one, write its module and its config model and enter it here.

A group's module has two functions: ``names(channels, settings)`` gives the features' names without the compartment, and
``measure(compartment, channels, settings)`` their values, ``(objects, features)`` float64, NaN for an empty object. A
group whose compartments share work takes all of them at once, by name, and returns the values of each by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platewise.columns import COMPARTMENTS
from platewise.measure import area_shape, correlation, granularity, intensity, location, neighbors, radial, texture
from platewise.measure.objects import Compartment


@dataclass(frozen=True)
class Group:
    """A feature group: how its columns are called, how they are measured, and in which compartments."""

    names: Callable[[Sequence[str], Any], list[str]]
    measure: Callable[[Mapping[str, Compartment], Sequence[str], Any], dict[str, NDArray[np.float64]]]
    compartments: tuple[str, ...] = COMPARTMENTS


def _group(module: ModuleType, compartments: tuple[str, ...] = COMPARTMENTS) -> Group:
    def measure(
        parts: Mapping[str, Compartment], channels: Sequence[str], settings: Any
    ) -> dict[str, NDArray[np.float64]]:
        return {name: module.measure(part, channels, settings) for name, part in parts.items()}

    return Group(module.names, measure, compartments)


GROUPS: dict[str, Group] = {
    "AreaShape": _group(area_shape),
    "Intensity": _group(intensity),
    "Texture": _group(texture),
    "Granularity": Group(granularity.names, granularity.measure),
    "RadialDistribution": _group(radial),
    "Correlation": _group(correlation),
    # A cytoplasm has the neighbours of its cell.
    "Neighbors": _group(neighbors, ("Nuclei", "Cells")),
    "Location": _group(location),
}
