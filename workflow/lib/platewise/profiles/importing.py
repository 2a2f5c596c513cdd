"""Profiles made elsewhere: the user's table becomes one table of wells (level 3) a plate."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import pyarrow as pa

from platewise.algorithms import ALGORITHMS
from platewise.columns import (
    BATCH,
    CELL_COUNT,
    CONTROL_TYPE,
    CONTROL_TYPES,
    DOSE,
    FEATURE_PREFIXES,
    MOA,
    NEGCON,
    PERTURBATION,
    PLATE,
    POSCON,
    WELL,
    feature_columns,
)
from platewise.config.table import TableConfig
from platewise.errors import ConfigError, DataError, Problem
from platewise.plan.plates import NAME_PATTERN
from platewise.plan.treatments import Treatment
from platewise.plan.wells import normal_well
from platewise.profiles.frame import dropped_path, dropped_table
from platewise.profiles.labels import MAX_PROBLEMS, PLACE, check_labels
from platewise.profiles.plates import bad_plate, plate_name, read_arrow, table_paths, table_schema
from platewise.profiles.schema import describe_difference
from platewise.tables import write_table

_MAX_PLATES = 10


def run_import_profiles(config: TableConfig, plate_paths: Mapping[str, str]) -> None:
    """Write the wells of each plate, and the rows that were dropped beside them.

    Parameters
    ----------
    config
        The tables and how they are spelled.
    plate_paths
        Output (``{features}.wells.parquet``) by plate name, as `platewise.profiles.plates.plates_of` names the plates.

    Raises
    ------
    ConfigError
        If the tables contradict the config or themselves; every problem names file, row, column and value.
    DataError
        If the tables' plates are not those of ``plate_paths``.
    """
    wells, dropped = read_profiles(config)
    found, asked = set(wells[PLATE]) | set(dropped[PLATE]), set(plate_paths)
    if not asked <= found:
        raise DataError(
            f"{', '.join(config.paths)}: no rows for the plates {', '.join(sorted(asked - found))}. "
            "Hint: the table has changed since the campaign was planned; run again."
        )
    for plate, path in plate_paths.items():
        rows = wells[wells[PLATE] == plate].reset_index(drop=True)
        facts = {"stage": "profiles", "algorithm": ALGORITHMS["profiles"], "from": list(config.paths)}
        write_table(rows, path, facts)
        lost = dropped[dropped[PLATE] == plate]
        write_table(
            dropped_table(list(zip(lost["Step"], lost["Row"], lost["Reason"], strict=True))), dropped_path(path)
        )


def read_profiles(config: TableConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read all tables of a campaign.

    Returns
    -------
    wells
        Level 3 in platewise's columns, sorted by plate and well; features as in the table, infinite values missing.
    dropped
        ``Step``, ``Row``, ``Reason`` and the plate of rows without a perturbation or without cells.
    """
    problems: list[Problem] = []
    parts = [_read_part(path, config, problems) for path in table_paths(config, problems)]
    parts = [part for part in parts if part is not None]
    if problems:
        raise ConfigError(problems)
    columns = [feature_columns(part.columns) for part in parts]
    _same_features(columns, [set(part[PLATE]) for part in parts], table_paths(config, problems), problems)
    wells = pd.concat(parts, ignore_index=True)
    check_labels(wells, problems)
    if problems:
        raise ConfigError(problems)
    empty = wells[PERTURBATION] == ""
    no_cells = wells[CELL_COUNT] == 0
    reasons = np.where(empty, "no perturbation", "no cells")
    dropped = pd.DataFrame({"Step": "import_profiles", "Row": wells[PLACE], "Reason": reasons, PLATE: wells[PLATE]})
    keep = ~(empty | no_cells)
    wells = wells[keep].drop(columns=[PLACE, "_wild_type"]).sort_values([PLATE, WELL], kind="stable")
    return wells.reset_index(drop=True), dropped[~keep].reset_index(drop=True)


def choose_features(names: list[str], config: TableConfig) -> dict[str, str]:
    """Return the columns that are features, and the names they are stored under."""
    chosen = {}
    for name in names:
        if not any(fnmatchcase(name, pattern) for pattern in config.features):
            continue
        if any(fnmatchcase(name, pattern) for pattern in config.exclude):
            continue
        stored = name if name.startswith(FEATURE_PREFIXES) else f"Deep_{name}"
        if feature_columns([stored]):
            chosen[name] = stored
    return chosen


def check_tables(config: TableConfig, problems: list[Problem]) -> list[Treatment]:
    """Find what is wrong with the tables' headers, plates, wells and controls; the features are not read.

    Cheap enough for the planning of a campaign: only the metadata columns are read.

    Parameters
    ----------
    config
        The tables and how they are spelled.
    problems
        Grows by what is wrong.

    Returns
    -------
    given
        What each well was given, of those that will have a profile; empty on a problem.
    """
    before = len(problems)
    parts, columns = [], []
    paths = table_paths(config, problems)
    for path in paths:
        names = table_schema(path, problems)
        features = {} if names is None else _features_of(path, names, config, problems)
        if features:
            table = read_arrow(path, _metadata_of(config), problems)
            parts.append(None if table is None else _labels(path, table, config, problems))
            columns.append(list(features.values()))
    if len(problems) == before:
        _same_features(columns, [set(part[PLATE]) for part in parts], paths, problems)
    if len(problems) > before:
        return []
    wells = pd.concat(parts, ignore_index=True)
    if wells.empty:
        where = ", ".join(config.paths)
        problems.append(Problem(where, "no row", "a row a well", "name the right files under table.paths"))
        return []
    check_labels(wells, problems)
    if not (wells[CONTROL_TYPE] == NEGCON).any():
        problems.append(
            Problem(
                ", ".join(config.paths),
                "no negative control",
                "at least one well whose perturbation is a negative control",
                "name it in table.negcon, or name the column that says so in table.columns.control_type",
            )
        )
    kept = wells[(wells[PERTURBATION] != "") & (wells[CELL_COUNT] != 0)]
    columns = [WELL, PERTURBATION, DOSE, MOA, CONTROL_TYPE, "_wild_type"]
    given = [Treatment(*row) for row in kept[columns].itertuples(index=False, name=None)]
    return given if len(problems) == before else []


def _read_part(path: str, config: TableConfig, problems: list[Problem]) -> pd.DataFrame | None:
    names = table_schema(path, problems)
    features = {} if names is None else _features_of(path, names, config, problems)
    if not features:
        return None
    table = read_arrow(path, _metadata_of(config), problems, features)
    if table is None:
        return None
    body = _numbers(path, table, features, problems)
    labels = _labels(path, table, config, problems)
    return None if body is None or labels is None else pd.concat([labels, body], axis=1)


def _metadata_of(config: TableConfig) -> list[str]:
    return list(dict.fromkeys(name for name in config.columns.model_dump().values() if name))


def _features_of(path: str, names: list[str], config: TableConfig, problems: list[Problem]) -> dict[str, str]:
    metadata = _metadata_of(config)
    features = {column: name for column, name in choose_features(names, config).items() if column not in metadata}
    twice = [name for name, number in Counter(features.values()).items() if number > 1]
    twice += [name for name, number in Counter(names).items() if number > 1 and (name in features or name in metadata)]
    if twice:
        problems.append(
            Problem(
                f"{path}, header",
                f"{', '.join(map(repr, twice[:5]))} twice",
                "each feature once, under the name it is stored by",
                "rename one of the columns, or leave it out with table.exclude",
            )
        )
        return {}
    if not features:
        problems.append(
            Problem(
                f"{path}, header",
                f"no column like {', '.join(config.features)}",
                "columns with features",
                "set table.features in the config to patterns of the feature columns' names",
            )
        )
    return features


def _numbers(path: str, table: pa.Table, features: dict[str, str], problems: list[Problem]) -> pd.DataFrame | None:
    texts = [
        name
        for name in features
        if not _is_numeric(table.schema.field(name).type) and table[name].null_count < len(table)
    ]
    for name in texts[:MAX_PROBLEMS]:
        value = next(value for value in table[name].to_pylist() if value is not None)
        problems.append(
            Problem(
                f"{path}, column {name}",
                repr(value),
                "numbers, because the column is a feature by table.features",
                f"add {name!r} to table.exclude, or correct the values",
            )
        )
    if texts:
        return None
    body = table.select(list(features)).to_pandas(ignore_metadata=True).astype(np.float64)
    body.columns = [features[name] for name in body.columns]
    # A ratio by zero is no measurement: missing, as CellProfiler's own nan. Profiles are stored in single precision.
    return body.where(body.abs() <= np.finfo(np.float32).max)


def _is_numeric(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)


def _labels(path: str, table: pa.Table, config: TableConfig, problems: list[Problem]) -> pd.DataFrame | None:
    spelled, before = config.columns, len(problems)
    # A spreadsheet shows the header as row 1; a Parquet file has none.
    rows = np.arange(len(table)) + (1 if path.endswith(".parquet") else 2)
    places = [f"{path}, row {row}" for row in rows]

    def texts(column: str | None) -> list[str]:
        # Not through pandas, which makes 5.0 of a whole number beside a missing one.
        return [""] * len(table) if column is None else [plate_name(value) for value in table[column].to_pylist()]

    labels = pd.DataFrame(
        {
            PLATE: texts(spelled.plate),
            WELL: _checked(texts(spelled.well), places, spelled.well, _well, problems),
            BATCH: texts(spelled.batch) if spelled.batch else ["batch1"] * len(table),
            PERTURBATION: texts(spelled.perturbation),
            DOSE: _checked(texts(spelled.dose), places, str(spelled.dose), _dose, problems),
            MOA: texts(spelled.moa),
            CONTROL_TYPE: _control_types(texts(spelled.perturbation), texts(spelled.control_type), config),
            CELL_COUNT: _checked(texts(spelled.cell_count), places, str(spelled.cell_count), _dose, problems),
            PLACE: places,
            "_wild_type": texts(spelled.wild_type),
        }
    )
    for place, plate in zip(places, labels[PLATE], strict=True):
        if not re.fullmatch(NAME_PATTERN, plate) and len(problems) - before < MAX_PROBLEMS:
            problems.append(bad_plate(f"{place}, column {spelled.plate}", plate))
    for place, kind in zip(places, labels[CONTROL_TYPE], strict=True):
        if kind not in CONTROL_TYPES and len(problems) - before < MAX_PROBLEMS:
            problems.append(
                Problem(
                    f"{place}, column {spelled.control_type}",
                    repr(kind),
                    "`negcon`, `poscon` or nothing",
                    "correct the table, or leave table.columns.control_type out and name the controls in table.negcon",
                )
            )
    # What a control does is not an annotation that a network could find.
    labels.loc[labels[CONTROL_TYPE] == NEGCON, MOA] = ""
    return None if len(problems) > before else labels


def _control_types(perturbations: list[str], kinds: list[str], config: TableConfig) -> list[str]:
    named = {**dict.fromkeys(config.poscon, POSCON), **dict.fromkeys(config.negcon, NEGCON)}
    return [named.get(name, kind) for name, kind in zip(perturbations, kinds, strict=True)]


def _well(text: str) -> str:
    return normal_well(text)


def _dose(text: str) -> float:
    if not text:
        return math.nan
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError("not a number from 0 up")
    return value


_EXPECTED = {_well: "a well such as A01", _dose: "a number from 0 up, or nothing"}


def _checked(texts: list[str], places: list[str], column: str, parse: object, problems: list[Problem]) -> list[object]:
    values: list[object] = []
    bad = 0
    for text, place in zip(texts, places, strict=True):
        try:
            values.append(parse(text))
        except ValueError:
            values.append(None)
            bad += 1
            if bad <= MAX_PROBLEMS:
                problems.append(
                    Problem(
                        f"{place}, column {column}",
                        repr(text),
                        _EXPECTED[parse],
                        "correct the table, or name the right column under table.columns in the config",
                    )
                )
    return values


def _same_features(columns: list[list[str]], plates: list[set[str]], paths: list[str], problems: list[Problem]) -> None:
    """Hold the features of every table against those that most tables have; ``plates`` are those of each table."""
    usual, _ = Counter(map(frozenset, columns)).most_common(1)[0]
    for path, own, held in zip(paths, columns, plates, strict=True):
        if set(own) != usual:
            named = ", ".join(sorted(held)[:_MAX_PLATES]) + (", ..." if len(held) > _MAX_PLATES else "")
            problems.append(
                Problem(
                    f"{path}, header",
                    f"this table (plates {named}) {describe_difference(own, usual)}",
                    "the same features in all tables",
                    "leave these features out with table.exclude, or make the tables with the same pipeline",
                )
            )
