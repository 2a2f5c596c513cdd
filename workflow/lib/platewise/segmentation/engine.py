"""What an engine is, and how the config chooses one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from platewise.config.segmentation import SegmentationConfig


@dataclass(frozen=True)
class FieldLabels:
    """Two paired (y, x) int32 label images: nucleus *i* lies inside cell *i*; 0 is background."""

    nuclei: npt.NDArray[np.int32]
    cells: npt.NDArray[np.int32]


class Engine(Protocol):
    """Finds the nuclei and cells of a batch of fields."""

    def segment(self, images: list[npt.NDArray[np.float32]]) -> list[FieldLabels]:
        """Return the labels of each (c, y, x) image, in order. The result of a field depends on that field alone."""
        ...


def make_engine(config: SegmentationConfig, channels: list[str]) -> Engine:
    """Make the engine that ``config`` describes for images with ``channels``."""
    # The models of other engines take seconds to import: each engine is imported where it is chosen.
    from platewise.segmentation.classical import ClassicalEngine

    return ClassicalEngine(config, channels)


def number_in_order(nuclei: npt.NDArray[np.integer], cells: npt.NDArray[np.integer]) -> FieldLabels:
    """Number paired labels 1..n in the order of their nuclei's first pixels, and check the pairing.

    Raises
    ------
    ValueError
        If a nucleus leaves its cell or a cell has no nucleus.
    """
    if np.any(cells[nuclei > 0] != nuclei[nuclei > 0]):
        raise ValueError("a nucleus leaves its cell")
    values, first = np.unique(nuclei, return_index=True)
    order = values[np.argsort(first)]
    order = order[order > 0]
    numbers = np.zeros(int(max(nuclei.max(initial=0), cells.max(initial=0))) + 1, dtype=np.int32)
    numbers[order] = np.arange(1, order.size + 1)
    if np.any((numbers[cells] == 0) & (cells > 0)):
        raise ValueError("a cell has no nucleus")
    return FieldLabels(numbers[nuclei], numbers[cells])
