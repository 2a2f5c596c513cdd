"""The registry of feature groups: to add one, write its module and its config model and enter it here.

A group's module has two functions: ``names(channels, settings)`` gives the features' names without the compartment, and
``measure(compartment, channels, settings)`` their values, ``(objects, features)`` float64, NaN for an empty object. A
group whose compartments share work takes all of them at once, by name, and returns the values of each by name. The
heaviest groups have a second module, which computes the same on a GPU with torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from platewise.columns import COMPARTMENTS
from platewise.measure import area_shape, correlation, granularity, intensity, location, neighbors, radial, texture
from platewise.measure.objects import Compartment

if TYPE_CHECKING:
    import torch

Tables = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Group:
    """A feature group: how its columns are called, how they are measured (on a GPU, too), and in which compartments."""

    names: Callable[[Sequence[str], Any], list[str]]
    measure: Callable[[Mapping[str, Compartment], Sequence[str], Any], Tables]
    compartments: tuple[str, ...] = COMPARTMENTS
    on_gpu: Callable[[Mapping[str, Compartment], Sequence[str], Any, torch.device], Tables] | None = None


def _group(module: ModuleType, compartments: tuple[str, ...] = COMPARTMENTS) -> Group:
    def measure(parts: Mapping[str, Compartment], channels: Sequence[str], settings: Any) -> Tables:
        return {name: module.measure(part, channels, settings) for name, part in parts.items()}

    return Group(module.names, measure, compartments)


# torch takes seconds to import: what needs it is imported where it is used.
def _texture_on_gpu(
    parts: Mapping[str, Compartment], channels: Sequence[str], settings: Any, device: torch.device
) -> Tables:
    from platewise.measure import torch_texture

    return torch_texture.measure(parts, channels, settings, device)


def _granularity_on_gpu(
    parts: Mapping[str, Compartment], channels: Sequence[str], settings: Any, device: torch.device
) -> Tables:
    from platewise.measure import torch_granularity

    return torch_granularity.measure(parts, channels, settings, device)


GROUPS: dict[str, Group] = {
    "AreaShape": _group(area_shape),
    "Intensity": _group(intensity),
    "Texture": Group(texture.names, texture.measure, on_gpu=_texture_on_gpu),
    "Granularity": Group(granularity.names, granularity.measure, on_gpu=_granularity_on_gpu),
    "RadialDistribution": _group(radial),
    "Correlation": _group(correlation),
    # A cytoplasm has the neighbours of its cell.
    "Neighbors": _group(neighbors, ("Nuclei", "Cells")),
    "Location": _group(location),
}
