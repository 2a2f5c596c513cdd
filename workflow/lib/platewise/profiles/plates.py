"""The plates of a campaign that starts from a table.

Called at every parse of the workflow, also inside every job: it imports pyarrow and reads one column, nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from platewise.config.table import TableConfig
from platewise.errors import ConfigError, Problem
from platewise.plan.plates import NAME_PATTERN
from platewise.plan.sheets import expand

_PLACE = "config, key table.paths"


def plates_of(config: TableConfig) -> list[str]:
    """Return the names of the plates in the tables, sorted.

    Raises
    ------
    ConfigError
        If a file cannot be read, has no such column, or a plate has no name that can be a folder's.
    """
    problems: list[Problem] = []
    names: set[str] = set()
    for path in table_paths(config, problems):
        table = read_arrow(path, [config.columns.plate], problems)
        if table is None:
            continue
        for value in table.column(0).unique().to_pylist():
            name = plate_name(value)
            if not re.fullmatch(NAME_PATTERN, name):
                problems.append(bad_plate(f"{path}, column {config.columns.plate}", value))
            names.add(name)
    if problems:
        raise ConfigError(problems)
    return sorted(names)


def table_paths(config: TableConfig, problems: list[Problem]) -> list[str]:
    """Return the tables' paths with environment variables filled in."""
    return [expand(path, _PLACE, problems) for path in config.paths]


def plate_name(value: object) -> str:
    """Return a plate's name as platewise writes it, whatever type the table gave it."""
    return "" if value is None or value != value else str(value).strip()


def bad_plate(place: str, value: object) -> Problem:
    """Return the problem of a plate whose name cannot be used."""
    return Problem(
        place,
        repr(value),
        "a plate name of letters, digits, `_`, `-` and `.`, beginning with a letter or digit",
        "rename the plate in the table; its name becomes the name of a folder",
    )


def table_schema(path: str, problems: list[Problem]) -> list[str] | None:
    """Return the names of a table's columns; None and a problem if it cannot be read."""
    try:
        if path.endswith(".parquet"):
            return pq.read_schema(path).names
        with pa.csv.open_csv(path, parse_options=_parse_options(path)) as reader:
            return reader.schema.names
    except (OSError, pa.ArrowException) as error:
        problems.append(_unreadable(path, error))
        return None


def read_arrow(path: str, texts: list[str], problems: list[Problem], numbers: Iterable[str] = ()) -> pa.Table | None:
    """Read some columns of a Parquet, CSV or TSV table; None and a problem if they are not there.

    Parameters
    ----------
    path
        The table.
    texts
        Columns that CSV and TSV give as they are written: by its looks, ``007`` would be the number 7. A Parquet file
        has types of its own.
    problems
        Grows by what is wrong.
    numbers
        Columns whose type CSV and TSV tell by their looks.
    """
    columns = [*texts, *numbers]
    names = table_schema(path, problems)
    if names is None:
        return None
    missing = [name for name in columns if name not in names]
    if missing:
        problems.append(
            Problem(
                f"{path}, header",
                f"the columns {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}",
                f"also {', '.join(missing)}",
                "name the right columns under table.columns in the config",
            )
        )
        return None
    try:
        if path.endswith(".parquet"):
            with pq.ParquetFile(path) as handle:
                return handle.read(columns=columns)
        options = pa.csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(texts, pa.string()),
            strings_can_be_null=True,
            null_values=_NULLS,
        )
        return pa.csv.read_csv(path, parse_options=_parse_options(path), convert_options=options)
    except (OSError, pa.ArrowException) as error:
        problems.append(_unreadable(path, error))
        return None


# What spreadsheets and pandas write for "nothing".
_NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]


def _parse_options(path: str) -> pa.csv.ParseOptions:
    return pa.csv.ParseOptions(delimiter="," if path.endswith((".csv", ".csv.gz")) else "\t")


def _unreadable(path: str, error: Exception) -> Problem:
    return Problem(
        _PLACE,
        f"{path!r} ({error})",
        "a readable Parquet, CSV or TSV table",
        "correct the path, which counts from where snakemake runs, or write the table again",
    )
