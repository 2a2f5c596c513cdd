"""Any field of a plate by its name, for those who look at a few."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from platewise.columns import SITE, WELL
from platewise.fields import read_field
from platewise.store.fields import read_labels
from platewise.tables import read_tables


class PlateReader:
    """Reads images and labels of single fields.

    Parameters
    ----------
    inventories
        The plate's inventory tables.
    flat
        Flat fields (c, y, x), or None.
    store
        The plate store.
    channels
        Names of the channels, in the order wanted.
    """

    def __init__(
        self, inventories: Sequence[str | Path], flat: npt.NDArray[np.float32] | None, store: Path, channels: list[str]
    ) -> None:
        self._files = dict(list(read_tables(inventories).groupby([WELL, SITE])))
        self._flat, self._store, self._channels = flat, store, channels

    def image(self, well: str, site: int) -> npt.NDArray[np.float32]:
        """Return a field as (c, y, x) with illumination divided out."""
        return read_field(self._files[well, site], self._channels, self._flat)

    def labels(self, well: str, site: int) -> dict[str, npt.NDArray[np.int32]]:
        """Return the (y, x) label images of a field by name."""
        return read_labels(self._store, well, site)
