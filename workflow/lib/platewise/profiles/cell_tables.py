"""The cells of a plate, well by well, in bounded memory however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from platewise.columns import feature_columns
from platewise.errors import DataError
from platewise.tables import read_columns, read_table

# Values held at a time, three times over (Arrow, pandas, sorted by well): 32 MB each.
MOST_VALUES = 8_000_000


@dataclass(frozen=True)
class Chunk:
    """Some features of some wells, all cells of each.

    Attributes
    ----------
    start
        Index of the first feature.
    values
        ``(features, cells)`` float32, cells sorted by well.
    wells
        Number of each well as it was handed over, and its columns of ``values``.
    """

    start: int
    values: NDArray[np.float32]
    wells: list[tuple[int, slice]]


def common_features(paths: Sequence[str]) -> list[str]:
    """Return the features of a plate's tables.

    Raises
    ------
    DataError
        If tables differ in them.
    """
    first: list[str] | None = None
    for path in paths:
        features = feature_columns(read_columns(path))
        if first is None:
            first = features
        elif features != first:
            other = sorted(set(features) ^ set(first))[:5]
            raise DataError(
                f"{path}: its features differ from those of {paths[0]} ({', '.join(other) or 'their order'}). "
                "Hint: remove the older of the two files and run again; they were made with different settings."
            )
    return first or []


def read_wells(
    paths: Sequence[str],
    features: Sequence[str],
    wells: Sequence[NDArray[np.intp]],
    most_values: int = MOST_VALUES,
) -> Iterator[Chunk]:
    """Yield every feature of every well once, with all cells of the well together.

    Files are read in their order, as many at once as share wells; what is then more than ``most_values`` is read some
    features at a time. So each column of each file is read once, and memory depends neither on the number of cells nor
    on how they lie in files.

    Parameters
    ----------
    paths
        The plate's tables of cells.
    features
        Columns to read.
    wells
        For each file the number of each row's well, -1 for a row to be left out.
    most_values
        Values held at a time; at least one feature is.
    """
    for start, stop in files_with_whole_wells(wells):
        numbers = np.concatenate(wells[start:stop])
        rows = np.flatnonzero(numbers >= 0)
        rows = rows[np.argsort(numbers[rows], kind="stable")]
        if len(rows) == 0:
            continue
        found, first = np.unique(numbers[rows], return_index=True)
        ends = [*first[1:], len(rows)]
        slices = [(int(well), slice(int(a), int(b))) for well, a, b in zip(found, first, ends, strict=True)]
        step = max(1, most_values // len(numbers))
        for column in range(0, len(features), step):
            names = list(features[column : column + step])
            read = np.empty((len(names), len(numbers)), dtype=np.float32)
            at = 0
            for path, own in zip(paths[start:stop], wells[start:stop], strict=True):
                read[:, at : at + len(own)] = read_table(path, names)[names].to_numpy(dtype=np.float32).T
                at += len(own)
            yield Chunk(column, read[:, rows], slices)


def files_with_whole_wells(wells: Sequence[NDArray[np.intp]]) -> Iterator[tuple[int, int]]:
    """Cut a sequence of files where no well goes on: yields the first file of each part and the one after its last."""
    last = {int(well): number for number, own in enumerate(wells) for well in pd.unique(own) if well >= 0}
    start = end = 0
    for number, own in enumerate(wells):
        end = max([end, number + 1, *(last[int(well)] + 1 for well in pd.unique(own) if well >= 0)])
        if end == number + 1:
            yield start, end
            start = end
