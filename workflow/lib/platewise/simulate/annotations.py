"""Rendered fields as annotated images, from which a segmenter of cells learns and against which one is scored."""

from __future__ import annotations

import csv
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from scipy import ndimage as ndi

from platewise.files import whole_file
from platewise.segmentation.diameter import object_diameter
from platewise.segmentation.seeded import cell_body
from platewise.simulate.compounds import Compound, make_library
from platewise.simulate.field import Field, FieldRequest, render_field
from platewise.simulate.mechanisms import MOAS
from platewise.simulate.optics import key, plate_optics
from platewise.simulate.stains import CHANNELS

INDEX = "index.csv"
COLUMNS = ("image", "label", "nuclei", "group", "class")
# Stains of which any mixture may stand for the cell: what a campaign has besides DNA.
_BODIES = tuple(name for name in CHANNELS if name != "DNA")
_DNA = CHANNELS.index("DNA")
# Nuclei in a field of 540 x 540 pixels: from cells that lie alone to a closed layer.
_SPARSE, _DENSE = 8.0, 110.0
# Counts of the level that `cell_body` calls 1, in the files.
_SCALE = 8000.0


def render_annotations(
    folder: str | Path,
    fields: int,
    size: int = 540,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render fields with true cells as pairs of image and label, with an index for ``train_segmenter``.

    Every field is of a plate of its own: another staining, blur, treatment, density and mixture of cell channels, so
    that a network learns what cells have in common and not one campaign. Images have two channels, nuclei and cells,
    16 bits.

    Parameters
    ----------
    folder
        Made if it does not exist; files of the same names are replaced.
    fields
        How many.
    size
        Height and width in pixels.
    seed
        Everything random comes from it, field by field.
    workers
        Processes to render with.
    progress
        Called with the number of fields done and the number of all after each field.

    Returns
    -------
    Path
        The index: columns ``image``, ``label`` (cells), ``nuclei`` (paired labels), ``group`` and ``class``.

    Raises
    ------
    ValueError
        If ``fields`` or ``workers`` is below 1.
    """
    if fields < 1 or workers < 1:
        raise ValueError(f"fields and workers must be at least 1, not {fields} and {workers}")
    folder = Path(folder)
    work = partial(_write_annotation, folder=folder, size=size, seed=seed)
    rows = []
    # Spawned, not forked: the caller may hold threads (torch, dask) that do not survive a fork.
    with ProcessPoolExecutor(min(workers, fields), mp_context=get_context("spawn")) as pool:
        for row in (map if workers == 1 else pool.map)(work, range(fields)):
            rows.append(row)
            if progress is not None:
                progress(len(rows), fields)
    index = folder / INDEX
    with whole_file(index) as temporary, temporary.open("w", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([COLUMNS, *rows])
    return index


def draw_annotation(number: int, size: int, seed: int) -> tuple[npt.NDArray[np.uint16], Field]:
    """Render one field as an annotated image; the same numbers give the same field.

    Returns
    -------
    image, field
        (nucleus and cell, y, x) uint16 with a random mixture of the field's cell channels, and the field itself.
    """
    rng = np.random.default_rng(key(seed, "annotation", number))
    name = f"F{number:05d}"
    compound, dose = _treatment(rng)
    density = float(np.exp(rng.uniform(np.log(_SPARSE), np.log(_DENSE))))
    request = FieldRequest(
        seed=seed,
        plate=name,
        well="A01",
        site=1,
        compound=compound,
        dose_um=dose,
        row=rng.uniform(),
        column=rng.uniform(),
        at_edge=False,
        expected=density * (size / 540) ** 2,
    )
    field = render_field(request, plate_optics(seed, name, name, size))
    blur = rng.uniform(0, 1.5) if rng.random() < 0.5 else 0.0
    planes = np.stack([ndi.gaussian_filter(plane, blur) for plane in field.images.astype(np.float32)])
    chosen = rng.permutation(len(_BODIES))[: rng.integers(1, 4)]
    bodies = planes[[CHANNELS.index(_BODIES[index]) for index in chosen]]
    body = cell_body(bodies, object_diameter(field.nuclei) if field.nuclei.any() else 32.0)
    image = np.stack([planes[_DNA], 500 + _SCALE * body])
    return np.clip(np.rint(image), 0, 65535).astype(np.uint16), field


def _treatment(rng: np.random.Generator) -> tuple[Compound | None, float]:
    """Draw a compound of any mechanism at any dose; a third of the fields are untreated."""
    if rng.random() < 1 / 3:
        return None, 0.0
    (compound,) = make_library(((str(rng.choice(sorted(MOAS))), 1),), 0, int(rng.integers(2**31)))
    return compound, float(10 ** rng.uniform(-1, 1.3))


def _write_annotation(number: int, folder: Path, size: int, seed: int) -> tuple[str, ...]:
    """Render one field, write its files whole, and return its row of the index."""
    image, field = draw_annotation(number, size, seed)
    names = [f"{part}/{number:05d}.tiff" for part in ("images", "cells", "nuclei")]
    for name, content in zip(names, (image, field.cells, field.nuclei), strict=True):
        with whole_file(folder / name, flush=False) as temporary:
            tifffile.imwrite(temporary, content, compression="zlib", photometric="minisblack", metadata=None)
    return (*names, f"seed{seed}-{number:05d}", "rendered")
