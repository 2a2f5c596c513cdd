"""Toy plates: cells of three perturbations whose crops can be told apart by shape and texture, never by brightness."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
import pytest

from platewise.config.embedding import TrainedEmbedding
from platewise.crops.store import write_crops
from platewise.device import torch_threads
from platewise.embedding.cells import Cells, load_cells
from platewise.plan.wells import parse_well

CHANNELS = ("DNA", "ER")
SIZE = 32
PERTURBATIONS = {"A01": "DMSO", "A02": "DMSO", "B01": "speckles", "B02": "stripes"}
# Gain and offset of each plate's camera: brightness names the plate, not the perturbation.
BATCHES = {"P1": "B1", "P2": "B2", "P3": "B1"}
STAINS = {"P1": (1.0, 200.0), "P2": (1.7, 120.0), "P3": (0.6, 400.0)}
CELLS_PER_WELL = 12


@dataclass(frozen=True)
class Toy:
    stores: dict[str, list[Path]]
    wells: pd.DataFrame
    folder: Path

    def load(self, plates: tuple[str, ...], config: TrainedEmbedding, **other: object) -> Cells:
        """Load cells, with their crops in a file of their own."""
        given = {"stores": self.stores, "wells": self.wells, "seed": 0, "folder": mkdtemp(dir=self.folder)} | other
        return load_cells(plates=plates, config=config, **given)


def draw_cell(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One cell (2, y, x): a round nucleus, and a body that is plain, speckled or striped."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    radius = np.hypot(y, x)
    body = np.exp(-((radius / 11) ** 4)) * rng.uniform(0.8, 1.2)
    if kind == "speckles":
        body = body * (1 + 1.5 * (rng.random((SIZE, SIZE)) < 0.08))
    if kind == "stripes":
        body = body * (1 + 0.8 * np.sin(y * 1.3 + rng.uniform(0, 6)))
    nucleus = np.exp(-((radius / rng.uniform(4, 6)) ** 4))
    return np.stack([nucleus, body]) * 1000 + rng.normal(0, 20, (2, SIZE, SIZE))


def make_toy(folder: Path, plates: tuple[str, ...] = ("P1", "P2", "P3")) -> Toy:
    rng = np.random.default_rng(5)
    stores: dict[str, list[Path]] = {}
    for plate in plates:
        gain, offset = STAINS[plate]
        stores[plate] = []
        for block, wells in (("A01-A02", ("A01", "A02")), ("B01-B02", ("B01", "B02"))):
            kinds = [(well, PERTURBATIONS[well], number + 1) for well in wells for number in range(CELLS_PER_WELL)]
            crops = np.stack([draw_cell(kind, rng) * gain + offset for _, kind, _ in kinds])
            objects = np.array([[*parse_well(well), 1, number] for well, _, number in kinds])
            path = folder / plate / "crops" / f"{block}.zarr"
            write_crops(
                path,
                np.rint(crops).astype(np.uint16),
                objects,
                CHANNELS,
                {"block": block, "parameters": {"mask": "none"}},
            )
            stores[plate].append(path)
    table = pd.DataFrame(
        [(plate, well, BATCHES[plate], name, np.nan) for plate in plates for well, name in PERTURBATIONS.items()],
        columns=["Metadata_Plate", "Metadata_Well", "Metadata_Batch", "Metadata_Perturbation", "Metadata_Dose"],
    )
    return Toy(stores, table, folder)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """The networks of these tests are so small that a second thread only waits."""
    with torch_threads(1):
        yield


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return make_toy(tmp_path_factory.mktemp("toy"))
