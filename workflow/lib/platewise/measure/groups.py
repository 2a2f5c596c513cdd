"""The registry of feature groups: to add one, write its module and its config model, its names, and enter it here.

`names.py` says what the features of a group are called. Its module's ``measure(compartment, channels, settings)`` gives
their values, ``(objects, features)`` float64, NaN for an empty object. A group whose compartments share work takes all
of them at once, by name, and returns the values of each by name. The heaviest groups have a second module, which
computes the same on a GPU with torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from platewise.measure import area_shape, correlation, granularity, intensity, location, neighbors, radial, texture
from platewise.measure.objects import Compartment

if TYPE_CHECKING:
    import torch

Tables = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Group:
    """How a feature group is measured, on a GPU, too."""

    measure: Callable[[Mapping[str, Compartment], Sequence[str], Any], Tables]
    on_gpu: Callable[[Mapping[str, Compartment], Sequence[str], Any, torch.device], Tables] | None = None


def _group(module: ModuleType) -> Group:
    def measure(parts: Mapping[str, Compartment], channels: Sequence[str], settings: Any) -> Tables:
        return {name: module.measure(part, channels, settings) for name, part in parts.items()}

    return Group(measure)


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
    "Texture": Group(texture.measure, on_gpu=_texture_on_gpu),
    "Granularity": Group(granularity.measure, on_gpu=_granularity_on_gpu),
    "RadialDistribution": _group(radial),
    "Correlation": _group(correlation),
    "Neighbors": _group(neighbors),
    "Location": _group(location),
}
