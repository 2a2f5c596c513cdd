"""Cells from a network that sees nuclei and cell channels and predicts a flow to each cell's centre."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from platewise.config.segmentation import FlowCells
from platewise.segmentation.decode.flows import decode_flows
from platewise.segmentation.decode.resize import resize_label
from platewise.segmentation.dense import MapPredictor
from platewise.segmentation.description import shipped_model
from platewise.segmentation.diameter import object_diameter
from platewise.segmentation.images import standardise_channels
from platewise.segmentation.maps import Maps
from platewise.segmentation.models import load_model
from platewise.segmentation.pairing import pair_cells
from platewise.segmentation.seeded import cell_body

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]

# Cells are about so many times as wide as their nuclei (rendered fields: 1.6 to 2.3), and nuclei are all that is known
# before cells are found. The network is trained on a wider range of sizes.
CELL_PER_NUCLEUS = 2.0


class FlowCellsEngine:
    """Finds the cells of given nuclei with a network (see ``CellsEngine``).

    Raises
    ------
    DataError
        If the weights are missing, damaged, or of another engine, target or shape.
    """

    def __init__(self, config: FlowCells, device: torch.device | None = None) -> None:
        path = shipped_model("flow", "cells") if config.weights is None else Path(config.weights)
        self._threshold = config.foreground_threshold
        self._predictor = MapPredictor(
            [load_model(path, "flow", "cells")],
            flips=config.flips,
            tile=config.tile,
            batch=config.batch,
            device=device,
            half=False if config.precision == "full" else None,
        )

    @property
    def halvings(self) -> int:
        """How often a batch had to be halved for want of memory."""
        return self._predictor.halvings

    def segment(self, images: list[Image], nuclei: list[Label], nuclear: list[Image]) -> list[Label]:
        """Return the cells of each (c, y, x) image of cell channels, with the numbers of its nuclei.

        Parameters
        ----------
        images
            Cell channels, in any unit.
        nuclei
            (y, x) label images; an image without nuclei has no cells.
        nuclear
            (y, x) images of the nuclei.
        """
        shown = [number for number, label in enumerate(nuclei) if label.any()]
        diameters = [object_diameter(nuclei[number]) for number in shown]
        seen = [
            nucleus_and_cell(nuclear[number], images[number], diameter)
            for number, diameter in zip(shown, diameters, strict=True)
        ]
        cells = [np.zeros(label.shape, np.int32) for label in nuclei]
        # Cells are read from the maps of one image while the network looks at the next ones.
        with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
            reading = [
                (shown[place], pool.submit(self._read, maps, nuclei[shown[place]]))
                for place, maps in self._predictor.predict(seen, [CELL_PER_NUCLEUS * size for size in diameters])
            ]
            for number, label in reading:
                cells[number] = label.result()
        return cells

    def _read(self, maps: Maps, nuclei: Label) -> Label:
        """Read cells from maps at the working size, and pair them with the nuclei at the image's."""
        # No cell is dropped for its size or its flow: its nucleus is there all the same.
        found = decode_flows(
            maps.foreground, maps.flow, self._threshold, 0.0, flow_error=math.inf, diameter=self._predictor.diameter
        )
        return pair_cells(resize_label(found, maps.foreground, nuclei.shape, self._threshold), nuclei)


def nucleus_and_cell(nuclear: Image, channels: Image, diameter: float) -> Image:
    """Make the two channels that the network sees, (2, y, x): nuclei, and all cell channels as one (`cell_body`).

    Parameters
    ----------
    nuclear
        (y, x) image of the nuclei.
    channels
        (c, y, x) images that show the cell body.
    diameter
        Typical diameter of a nucleus, in pixels.
    """
    return standardise_channels(np.stack([nuclear, cell_body(channels, diameter)]))
