# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""The objects of one compartment as lists of pixels, which is what every feature group works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platewise.errors import DataError
from platewise.jit import kernel


@dataclass(frozen=True)
class Objects:
    """All objects of a compartment, in the order of their ids.

    Parameters
    ----------
    labels
        ``(y, x)`` int32: 0 is background, ``k + 1`` is object ``k`` (not the id: no gaps).
    starts
        ``(objects + 1,)`` int64: object ``k`` owns the pixels ``starts[k]:starts[k + 1]``; none if it is empty.
    rows, cols
        ``(pixels,)`` int64 coordinates, in raster order within each object.
    """

    labels: NDArray[np.int32]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of objects, empty ones included."""
        return len(self.starts) - 1

    @property
    def areas(self) -> NDArray[np.int64]:
        """``(objects,)`` number of pixels of each."""
        return np.diff(self.starts)

    @property
    def owners(self) -> NDArray[np.int64]:
        """``(pixels,)`` the object that each pixel belongs to, from 0."""
        return np.repeat(np.arange(self.count), self.areas)


@dataclass(frozen=True)
class Compartment:
    """What a feature group is given: the objects of a compartment and the images under them.

    Parameters
    ----------
    objects
        The objects.
    image
        ``(channel, y, x)`` float32, divided by full scale: 1.0 is the brightest value a file can hold.
    values
        ``(channel, pixels)`` float32: ``image`` at the pixels of ``objects``.
    full_scale
        What ``image`` was divided by.
    """

    objects: Objects
    image: NDArray[np.float32]
    values: NDArray[np.float32]
    full_scale: float


def list_objects(labels: NDArray[np.int32], ids: NDArray[np.int64]) -> Objects:
    """Gather the pixels of each label of ``ids``.

    Parameters
    ----------
    labels
        ``(y, x)`` integers, 0 is background. Labels that are not in ``ids`` are an error of the caller.
    ids
        Ascending labels; one that has no pixels becomes an empty object.
    """
    compact = np.zeros(labels.shape, np.int32)
    mask = labels > 0
    compact[mask] = np.searchsorted(ids, labels[mask]) + 1
    starts, rows, cols = _pixel_lists(compact, len(ids))
    return Objects(compact, starts, rows, cols)


def compartments(labels: Mapping[str, NDArray[np.int32]]) -> tuple[NDArray[np.int64], dict[str, Objects]]:
    """Return the ids of the cells, and nuclei, cells and cytoplasm with the same ids in the same order.

    The cytoplasm is the cell without its own nucleus (CellProfiler's tertiary object would keep a rim of the nucleus).

    Raises
    ------
    DataError
        If a label image is missing, the two differ in shape, or a nucleus has no cell.
    """
    for name in ("nuclei", "cells"):
        if name not in labels:
            raise DataError(f"labels: no {name!r} among {sorted(labels)}. Hint: segment the field again.")
    nuclei, cells = labels["nuclei"], labels["cells"]
    if nuclei.shape != cells.shape or nuclei.ndim != 2:
        raise DataError(
            f"labels: nuclei have shape {nuclei.shape}, cells {cells.shape}; expected one (y, x) shape for both. "
            "Hint: segment the field again."
        )
    ids = np.unique(cells[cells > 0]).astype(np.int64)
    orphans = np.setdiff1d(nuclei[nuclei > 0], ids)
    if len(orphans):
        raise DataError(
            f"labels: nucleus {orphans[0]} and {len(orphans) - 1} more have no cell of the same number. "
            "Hint: nuclei and cells must be paired; segment the field again."
        )
    cytoplasm = np.where(nuclei == cells, 0, cells)
    images = {"Nuclei": nuclei, "Cells": cells, "Cytoplasm": cytoplasm}
    return ids, {name: list_objects(image, ids) for name, image in images.items()}


def touches_border(objects: Objects) -> NDArray[np.bool_]:
    """Return for each object whether one of its pixels lies on the border of the image."""
    height, width = objects.labels.shape
    on_border = (objects.rows == 0) | (objects.cols == 0) | (objects.rows == height - 1) | (objects.cols == width - 1)
    return np.bincount(objects.owners[on_border], minlength=objects.count) > 0


def under(objects: Objects, image: NDArray[np.float32], full_scale: float) -> Compartment:
    """Pair ``objects`` with a ``(channel, y, x)`` image that was divided by ``full_scale``."""
    return Compartment(objects, image, np.ascontiguousarray(image[:, objects.rows, objects.cols]), full_scale)


@kernel
def _pixel_lists(labels, count):
    height, width = labels.shape
    starts = np.zeros(count + 1, np.int64)
    for row in range(height):
        for col in range(width):
            if labels[row, col] > 0:
                starts[labels[row, col]] += 1
    for k in range(count):
        starts[k + 1] += starts[k]
    cursor = starts[:-1].copy()
    rows = np.empty(starts[count], np.int64)
    cols = np.empty(starts[count], np.int64)
    for row in range(height):
        for col in range(width):
            k = labels[row, col] - 1
            if k >= 0:
                rows[cursor[k]] = row
                cols[cursor[k]] = col
                cursor[k] += 1
    return starts, rows, cols
