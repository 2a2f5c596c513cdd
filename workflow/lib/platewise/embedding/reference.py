"""The brightness of a plate, to which embeddings with ``normalise: plate`` scale its cells; a small table a plate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.crops.store import CropStore, read_crops
from platewise.errors import DataError
from platewise.tables import read_table, write_table

_COLUMNS = ["Channel", "Centre", "Scale"]


def plate_reference(statistics: np.ndarray) -> np.ndarray:
    """Return the centre and scale of a plate's channels: medians over its cells of the crops' means and deviations.

    Parameters
    ----------
    statistics
        (n, 2, channel) as crop stores hold them, of the plate's cells or an even sample of them.

    Returns
    -------
    numpy.ndarray
        (2, channel) float32: centres, then scales, in camera units.

    Raises
    ------
    DataError
        If there is no cell at all.
    """
    if not len(statistics):
        raise DataError(
            "embedding: a plate without crops has no brightness to normalise by. Hint: give all crop stores of the "
            "plate; if none holds a cell, look at the plate's QC page and leave the plate out."
        )
    return np.median(statistics, axis=0).astype(np.float32)


def reference_of_stores(stores: Sequence[CropStore]) -> np.ndarray:
    """Return the centre and scale (2, channel) of a plate from all its crop stores; see ``plate_reference``.

    Training and embedding both take every cell of the plate's stores, with or without a label, so that both bring a
    crop to the same scale.
    """
    statistics = [store.statistics for store in stores]
    return plate_reference(np.concatenate(statistics) if statistics else np.empty((0, 2, 0)))


def reference_plate(crops: Sequence[str | Path], out: str | Path) -> None:
    """Write a plate's reference, a row a channel: ``Channel``, ``Centre`` and ``Scale`` in camera units.

    Every block of a plate is embedded by this one table instead of by all crop stores of the plate. A plate without a
    cell has NaN: there is nothing to embed on it either.

    Parameters
    ----------
    crops
        All crop stores of the plate.
    out
        ``P/crops/reference.parquet``.
    """
    stores = [read_crops(path) for path in crops]
    if any(len(store.objects) for store in stores):
        reference = reference_of_stores(stores)
    else:
        reference = np.full((2, len(stores[0].channels)), np.nan, np.float32)
    columns = (stores[0].channels, *reference)
    table = pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True)))
    write_table(table, out, {"stage": "embedding", "algorithm": ALGORITHMS["embedding"]})


def read_reference(path: str | Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the channels, and the centre and scale (2, channel) float32, that ``reference_plate`` wrote."""
    table = read_table(path, _COLUMNS)
    return tuple(table["Channel"]), table[["Centre", "Scale"]].to_numpy(np.float32).T
