"""What an engine is, and how the config chooses one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from platewise.config.segmentation import CellsConfig, NucleiConfig, SegmentationConfig
from platewise.plan.engines import is_torch

if TYPE_CHECKING:
    import torch

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]


@dataclass(frozen=True)
class FieldLabels:
    """Two paired (y, x) int32 label images: nucleus *i* lies inside cell *i*; 0 is background."""

    nuclei: Label
    cells: Label


class NucleiEngine(Protocol):
    """Finds nuclei in images of any kind."""

    halvings: int  # how often the batch had to be halved since the engine was made, for want of memory

    def segment(self, images: list[Image]) -> list[Label]:
        """Return the nuclei of each (c, y, x) image, in order; c is 1 (grey) or 3 (red, green, blue).

        The result of an image depends on that image alone. Numbers are 1..n, in the order of first pixels.
        """
        ...


class CellsEngine(Protocol):
    """Finds the cells of given nuclei."""

    halvings: int

    def segment(self, images: list[Image], nuclei: list[Label], nuclear: list[Image]) -> list[Label]:
        """Return the cells of each image, in order, with the numbers of the nuclei; every nucleus lies in its cell.

        ``images`` are the cell channels (c, y, x), ``nuclei`` the label images, ``nuclear`` the nuclear channel (y, x).
        """
        ...


class FieldEngine:
    """Finds nuclei and cells of multi-channel fields: a nuclei engine and a cells engine in turn."""

    def __init__(
        self, config: SegmentationConfig, channels: list[str], nuclei: NucleiEngine, cells: CellsEngine
    ) -> None:
        self.nuclei = nuclei
        self.cells = cells
        self._nuclear = channels.index(config.nuclei_channel)
        self._body = [channels.index(name) for name in config.cell_channels]

    def find_nuclei(self, images: list[Image]) -> list[Label]:
        """Return the nuclei of each (c, y, x) image, in order. The result of a field depends on that field alone."""
        return self.nuclei.segment([image[self._nuclear][None] for image in images])

    def find_cells(self, images: list[Image], nuclei: list[Label]) -> list[FieldLabels]:
        """Return the cells of the nuclei of each (c, y, x) image, in order, paired with the nuclei."""
        nuclear = [image[self._nuclear] for image in images]
        cells = self.cells.segment([image[self._body] for image in images], nuclei, nuclear)
        return [number_in_order(*pair) for pair in zip(nuclei, cells, strict=True)]

    def segment(self, images: list[Image]) -> list[FieldLabels]:
        """Return the labels of each (c, y, x) image, in order."""
        return self.find_cells(images, self.find_nuclei(images))


def make_engine(
    config: SegmentationConfig, channels: list[str], device: torch.device | None = None, threads: int = 1
) -> FieldEngine:
    """Make the engine that ``config`` describes for images with ``channels``.

    Parameters
    ----------
    config
        Which engines, with their keys.
    channels
        Names of the images' channels, in order.
    device
        Where networks run; None is the CPU.
    threads
        Fields whose cells are grown at a time; networks use as many as torch was told.

    Raises
    ------
    ConfigError
        If weights cannot be used, or a tool is not installed: before any image is read.
    """
    return FieldEngine(
        config, channels, make_nuclei_engine(config.nuclei, device), make_cells_engine(config.cells, device, threads)
    )


def needs_torch(config: SegmentationConfig) -> bool:
    """Return whether an engine of ``config`` is a network in torch: then it takes a device, and seconds to start."""
    return is_torch(config.nuclei) or is_torch(config.cells)


def make_nuclei_engine(config: NucleiConfig, device: torch.device | None = None) -> NucleiEngine:
    """Make the engine that finds nuclei (see ``make_engine``)."""
    # The models of most engines take seconds to import: each engine is imported where it is chosen.
    match config.engine:
        case "classical" | "tuned":
            from platewise.segmentation.classical import make_classical

            return make_classical(config)
        case "unet" | "fpn" | "flow" | "ensemble":
            from platewise.segmentation.dense import make_dense

            return make_dense(config, device)
        case "maskrcnn":
            from platewise.segmentation.maskrcnn.engine import make_maskrcnn

            return make_maskrcnn(config, device)
        case _:
            from platewise.segmentation.tools.choose import make_tool

            return make_tool(config, device)


def make_cells_engine(config: CellsConfig, device: torch.device | None = None, threads: int = 1) -> CellsEngine:
    """Make the engine that finds cells (see ``make_engine``)."""
    if config.engine == "seeded":
        from platewise.segmentation.seeded import SeededCellsEngine

        return SeededCellsEngine(config, threads)
    from platewise.segmentation.flow_cells import FlowCellsEngine

    return FlowCellsEngine(config, device)


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
