"""One rendered field: images, true labels, and what is known of each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise import columns
from platewise.simulate.compounds import Compound, activity, effect
from platewise.simulate.optics import Optics, expose, key, well_gain
from platewise.simulate.population import PHASES, Cells, sample_cells
from platewise.simulate.shapes import outline
from platewise.simulate.stains import CHANNELS, stain

MARGIN = 48  # px drawn beyond each side of the field, so that cells reach into it from outside
_SMALLEST = 25  # px of a nucleus in the field, below which the cell is not counted


@dataclass(frozen=True)
class FieldRequest:
    """Which field to render.

    Attributes
    ----------
    row, column
        Place of the well on the plate from 0 to 1.
    expected
        Nuclei expected in a field of untreated cells.
    """

    seed: int
    plate: str
    well: str
    site: int
    compound: Compound | None
    dose_um: float
    row: float
    column: float
    at_edge: bool
    expected: float


@dataclass(frozen=True)
class Field:
    """A rendered field.

    Attributes
    ----------
    images
        (channel, y, x) uint16 in the order of ``CHANNELS``.
    nuclei, cells
        (y, x) uint16 labels, paired, numbered from 1 without gaps.
    truth
        One row a labelled cell.
    """

    images: np.ndarray
    nuclei: np.ndarray
    cells: np.ndarray
    truth: pd.DataFrame


def render_field(request: FieldRequest, optics: Optics) -> Field:
    """Render a field; the same request and optics give the same field.

    Parameters
    ----------
    request
        What to render.
    optics
        Of its plate; they also give the size of the field.
    """
    well = np.random.default_rng(key(request.seed, "well", request.plate, request.well))
    rng = np.random.default_rng(key(request.seed, "field", request.plate, request.well, request.site))
    size = optics.flat.shape[1]
    shape = (size + 2 * MARGIN, size + 2 * MARGIN)
    gain = well_gain(optics, request.row, request.column, request.at_edge, well)
    seeded = request.expected * np.exp(well.normal(0, 0.17)) * np.exp(rng.normal(0, 0.17))
    seeded *= (1 - optics.edge_loss if request.at_edge else 1.0) * (shape[0] * shape[1]) / size**2
    cells = sample_cells(shape, seeded, effect(request.compound, request.dose_um), rng)
    shapes = outline(cells, shape, rng)
    images = expose(stain(cells, shapes, rng), optics, gain, rng)
    inner = (slice(MARGIN, MARGIN + size),) * 2
    nuclei, bodies, kept = _number_labels(shapes.nuclei[inner], shapes.cells[inner], len(cells))
    return Field(images, nuclei, bodies, _truth(request, optics, gain, cells, nuclei, bodies, kept))


def _number_labels(nuclei: np.ndarray, bodies: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels numbered from 1, and which cells they are: those whose nucleus is in the field."""
    area = np.bincount(nuclei.ravel(), minlength=count + 1)[1:]
    kept = np.flatnonzero(area >= _SMALLEST)
    number = np.zeros(count + 1, np.uint16)
    number[kept + 1] = np.arange(1, len(kept) + 1)
    return number[nuclei], number[bodies], kept


def _truth(
    request: FieldRequest,
    optics: Optics,
    gain: np.ndarray,
    cells: Cells,
    nuclei: np.ndarray,
    bodies: np.ndarray,
    kept: np.ndarray,
) -> pd.DataFrame:
    count = len(kept)
    y, x = _centroids(nuclei, count)
    at = np.rint(y).astype(int), np.rint(x).astype(int)
    table = pd.DataFrame(
        {
            columns.PLATE: [request.plate] * count,
            columns.WELL: [request.well] * count,
            columns.SITE: np.full(count, request.site, np.int64),
            columns.OBJECT: np.arange(1, count + 1),
            columns.TOUCHES_BORDER: _touches_border(bodies, count),
            columns.PERTURBATION: [request.compound.name if request.compound else "DMSO"] * count,
            columns.DOSE: np.full(count, request.dose_um if request.compound else np.nan),
            columns.MOA: [request.compound.moa if request.compound else ""] * count,
            "Activity": np.full(count, activity(request.compound, request.dose_um)),
            "Response": cells.response[kept],
            "Phase": [PHASES[phase] for phase in cells.phase[kept]],
            "DnaContent": cells.content[kept],
            "StainedDnaContent": cells.stain_content[kept],
            "NucleusY": y,
            "NucleusX": x,
            "NucleusArea": np.bincount(nuclei.ravel(), minlength=count + 1)[1:],
            "CellArea": np.bincount(bodies.ravel(), minlength=count + 1)[1:],
            "AtPlateEdge": np.full(count, request.at_edge),
        }
    )
    for index, channel in enumerate(CHANNELS):
        table[f"Gain_{channel}"] = np.full(count, optics.gain[index] * gain[index])
        table[f"Flat_{channel}"] = optics.flat[index][at].astype(float)
        table[f"Background_{channel}"] = np.full(count, optics.background[index] * optics.gain[index])
    return table


def _centroids(labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns_ = np.nonzero(labels)
    own = labels[rows, columns_]
    area = np.maximum(np.bincount(own, minlength=count + 1)[1:], 1)
    y = np.bincount(own, rows, minlength=count + 1)[1:] / area
    x = np.bincount(own, columns_, minlength=count + 1)[1:] / area
    return y, x


def _touches_border(labels: np.ndarray, count: int) -> np.ndarray:
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.isin(np.arange(1, count + 1), border)
