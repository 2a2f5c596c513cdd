"""What a dense network says of every pixel: the common language of networks, averaging and decoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Maps:
    """Maps of one image, float32; a network fills those that it predicts.

    Attributes
    ----------
    foreground
        (y, x) probability that the pixel lies in an object.
    boundary
        (y, x) probability that it lies on the rim of an object (``unet``).
    distance
        (y, x) depth in the object, as a share of its largest: 1 at its deepest pixels, 0 outside (``fpn``).
    flow
        (2, y, x) rows and columns of the unit vector that leads to the object's centre along the diffusion from it,
        about 0 outside (``flow``).
    """

    foreground: Map
    boundary: Map | None = None
    distance: Map | None = None
    flow: Map | None = None

    def each(self, function: Callable[[Map], Map]) -> Maps:
        """Apply a function to every map that is there."""
        return Maps(**{name: function(value) for name, value in self._items()})

    def _items(self) -> list[tuple[str, Map]]:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return [(name, value) for name, value in values if value is not None]


def mean_maps(several: Sequence[Maps]) -> Maps:
    """Average maps of one image. Each map is the mean over those that have it."""
    means = {}
    for field in fields(Maps):
        present = [value for maps in several if (value := getattr(maps, field.name)) is not None]
        if present:
            means[field.name] = np.mean(present, axis=0, dtype=np.float32)
    return Maps(**means)
