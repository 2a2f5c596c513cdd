"""Mirrored and turned copies of an image, and the way back for what a network says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from platewise.segmentation.maps import Map, Maps


@dataclass(frozen=True)
class Turn:
    """One of the eight ways to lay a square: rows and columns exchanged first, then mirrored.

    Attributes
    ----------
    exchange
        Rows become columns.
    rows, columns
        The order of the rows, of the columns is reversed.
    """

    exchange: bool = False
    rows: bool = False
    columns: bool = False

    def lay(self, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return an image (..., y, x), turned; a view."""
        return self._mirror(image.swapaxes(-1, -2) if self.exchange else image)

    def undo(self, maps: Maps) -> Maps:
        """Return what maps of the turned image say of the image as it was."""
        straight = maps.each(self._back)
        if straight.flow is None:
            return straight
        flow = straight.flow.copy()
        flow[0] *= -1 if self.rows else 1
        flow[1] *= -1 if self.columns else 1
        return Maps(straight.foreground, straight.boundary, straight.distance, flow[::-1] if self.exchange else flow)

    def _mirror(self, array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return array[..., :: -1 if self.rows else 1, :: -1 if self.columns else 1]

    def _back(self, array: Map) -> Map:
        mirrored = self._mirror(array)
        return mirrored.swapaxes(-1, -2) if self.exchange else mirrored


# In this order, so that the first 1, 2, 4 of them are the usual sets: none; mirrored; half turn; all.
TURNS = tuple(
    Turn(exchange, rows, columns) for exchange in (False, True) for rows in (False, True) for columns in (False, True)
)
