"""Which cells are cropped."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np

from platewise.plan.wells import well_name


def list_objects(cells: np.ndarray, keep_border: bool = False) -> np.ndarray:
    """Return the numbers of the cells that may be cropped.

    Parameters
    ----------
    cells
        Cell labels (y, x), 0 is background.
    keep_border
        Keep cells with a pixel in the first or last row or column of the image too.

    Returns
    -------
    numpy.ndarray
        Label values (n,) int32, rising.
    """
    numbers = np.unique(cells)
    if not keep_border:
        edges = np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]])
        numbers = np.setdiff1d(numbers, edges)
    return numbers[numbers > 0].astype(np.int32)


def select_objects(
    objects: np.ndarray, keep: Literal["all", "sample"], cells_per_well: int, seed: int, plate: str
) -> np.ndarray:
    """Choose the cells whose crops are stored.

    The sample of a well depends on the seed, the plate, the well and the well's own cells: neither on the block the
    well is worked on with, nor on the order of the rows.

    Parameters
    ----------
    objects
        Candidates (n, 4): row, column, site, object number, as in the store.
    keep
        ``all`` returns every candidate, ``sample`` at most ``cells_per_well`` of each well, drawn evenly.
    cells_per_well
        Size of a well's sample.
    seed
        Seed of the campaign.
    plate
        Name of the plate.

    Returns
    -------
    numpy.ndarray
        The chosen rows (m, 4) int32, sorted by row, column, site, object.
    """
    objects = np.asarray(objects, dtype=np.int32).reshape(-1, 4)
    objects = objects[np.lexsort(objects.T[::-1])]
    if keep == "all" or not len(objects):
        return objects
    starts = np.flatnonzero(np.any(np.diff(objects[:, :2], axis=0) != 0, axis=1)) + 1
    return np.concatenate([_sample(well, cells_per_well, seed, plate) for well in np.split(objects, starts)])


def _sample(well: np.ndarray, size: int, seed: int, plate: str) -> np.ndarray:
    if len(well) <= size:
        return well
    name = f"{plate}/{well_name(int(well[0, 0]), int(well[0, 1]))}"
    entropy = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    chosen = np.random.default_rng([seed, entropy]).choice(len(well), size=size, replace=False)
    return well[np.sort(chosen)]


def object_wells(objects: np.ndarray) -> np.ndarray:
    """Return the name of each object's well, (n,), from objects (n, 4) as in the store."""
    return np.array([well_name(int(row), int(column)) for row, column in objects[:, :2]], dtype=object)
