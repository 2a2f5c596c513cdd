"""Profiles laid out on disk as an array, so that a large campaign need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from platewise.columns import feature_columns, metadata_columns
from platewise.errors import DataError

_ROWS = 2048


def stage_profiles(path: str | Path, folder: str | Path) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """Take a profile table apart as ``split_profiles`` does, with its features in a file.

    Parameters
    ----------
    path
        The table.
    folder
        Where the file goes; whoever asks removes it.

    Returns
    -------
    metadata
        The ``Metadata_`` columns.
    values
        Float32, ``(rows, features)``, on disk.
    features
        Their names.

    Raises
    ------
    DataError
        If the table cannot be read.
    """
    try:
        with pq.ParquetFile(Path(path), page_checksum_verification=True) as table:
            names = table.schema_arrow.names
            features = feature_columns(names)
            metadata = table.read(columns=metadata_columns(names)).to_pandas()
            values = array_on_disk(Path(folder) / f"{Path(path).name}.npy", (len(metadata), len(features)))
            start = 0
            for groups in _few_groups(table.metadata):
                for batch in table.iter_batches(_ROWS, row_groups=groups, columns=features):
                    for place, column in enumerate(batch.columns):
                        values[start : start + len(batch), place] = column.to_numpy(zero_copy_only=False)
                    start += len(batch)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as Parquet ({error}). Hint: remove the file and run again; it will be made anew."
        ) from error
    return metadata, values, features


def _few_groups(table: pq.FileMetaData) -> Iterator[list[int]]:
    """Yield the row groups of a table, as few at a time as hold ``_ROWS``: a reader keeps all of its own in memory."""
    groups, rows = [], 0
    for group in range(table.num_row_groups):
        groups.append(group)
        rows += table.row_group(group).num_rows
        if rows >= _ROWS or group == table.num_row_groups - 1:
            yield groups
            groups, rows = [], 0


def array_on_disk(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Return an array of float32 in a file; an empty one, which no file can be mapped to, in memory."""
    if 0 in shape:
        return np.empty(shape, dtype=np.float32)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
