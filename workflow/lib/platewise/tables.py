"""Parquet tables: written whole or not at all, with the provenance inside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from platewise import __version__
from platewise.errors import DataError
from platewise.files import whole_file

_KEY = b"platewise"
_NAMED = 5


def write_table(
    table: pd.DataFrame, path: str | Path, provenance: dict[str, Any] | None = None, versioned: bool = True
) -> None:
    """Write ``table`` to ``path`` as zstd Parquet through a temporary file and a rename.

    Parameters
    ----------
    table
        The index is dropped.
    path
        Target; its folder is made. A reader never sees half a table.
    provenance
        JSON-able facts about how the table was made (stage, algorithm version, parameters, digests).
        No time stamps: the same input gives the same bytes.
    versioned
        Whether the version of platewise is added. Not for tables whose bytes decide what runs again: another version
        that finds the same is no reason, and what changes results has a number in `ALGORITHMS`.
    """
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    facts = ({"version": __version__} if versioned else {}) | (provenance or {})
    metadata = {**(arrow.schema.metadata or {}), _KEY: json.dumps(facts, sort_keys=True).encode()}
    with whole_file(path) as temporary:
        # Without checksums a flipped bit can be a wrong number.
        pq.write_table(arrow.replace_schema_metadata(metadata), temporary, compression="zstd", write_page_checksum=True)


def write_parts(
    parts: Iterable[pd.DataFrame], like: pd.DataFrame, path: str | Path, provenance: dict[str, Any] | None = None
) -> None:
    """Write a table part by part, one in memory at a time; otherwise as `write_table`.

    Parameters
    ----------
    parts
        Rows, in their order. A part may be empty.
    like
        A table with the columns and types of all parts; its rows are not written. An empty part tells no types.
    path, provenance
        As of `write_table`.
    """
    schema = pa.Table.from_pandas(like, preserve_index=False).schema
    facts = {"version": __version__} | (provenance or {})
    schema = schema.with_metadata({**(schema.metadata or {}), _KEY: json.dumps(facts, sort_keys=True).encode()})
    with (
        whole_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        for part in parts:
            writer.write_table(pa.Table.from_pandas(part, schema=schema, preserve_index=False))


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table that a platewise stage (or the user) wrote.

    Raises
    ------
    DataError
        If the file is missing, cut short or not Parquet, or lacks one of ``columns``.
    """
    with _opened(path) as handle:
        # Arrow leaves out what is not there without a word.
        missing = sorted(set(columns or ()).difference(handle.schema_arrow.names))
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise DataError(
                f"{path}: no column {', '.join(missing[:_NAMED])}{more}. Hint: remove the file and run again; it was "
                "made with other settings or by another version."
            )
        return handle.read(columns=None if columns is None else list(columns)).to_pandas()


def read_tables(paths: Sequence[str | Path], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read several tables and stack them in the order given."""
    return pd.concat([read_table(path, columns) for path in paths], ignore_index=True)


def read_columns(path: str | Path) -> list[str]:
    """Return the names of a table's columns without reading it."""
    with _opened(path) as handle:
        return list(handle.schema_arrow.names)


def read_provenance(path: str | Path) -> dict[str, Any]:
    """Return what ``write_table`` stored beside the columns."""
    with _opened(path) as handle:
        return json.loads((handle.schema_arrow.metadata or {}).get(_KEY, b"{}"))


@contextmanager
def _opened(path: str | Path) -> Iterator[pq.ParquetFile]:
    try:
        # ParquetFile reads exactly this file: no guessing of partitions from folder names.
        with pq.ParquetFile(Path(path), page_checksum_verification=True) as handle:
            yield handle
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path}: cannot be read as Parquet ({error}). Hint: remove the file and run again; it will be made anew."
        ) from error
