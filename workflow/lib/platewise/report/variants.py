"""What variants change, as the campaign's page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.columns import PERTURBATION
from platewise.report.numbers import count, fixed, is_number, p_value, plural
from platewise.tables import read_table
from platewise.variants.score import LEAST_P_OF_CELLS, LEAST_P_OF_WELLS

# More variants than this are in the table only.
MOST_VARIANTS = 300
_MOST_NAMED = 10
# In words, and how their columns begin.
_TESTS = {"by the profiles of wells": "Correlation", "by a classifier of cells": "Auc"}


@dataclass(frozen=True)
class VariantRow:
    """A variant beside its wild type."""

    name: str
    wild_type: str
    wells: str
    cells: str
    between: str
    within: str
    correlation_q: str
    by_profiles: bool
    auc: str
    null: str
    cell_q: str
    by_cells: bool
    note: str


@dataclass(frozen=True)
class VariantWords:
    """What the section says, and the top of the page of what it cannot (empty where all could be tested)."""

    sentence: str
    caution: str
    rows: list[VariantRow]
    more: int


def read_variants(path: str | Path, max_q: float) -> VariantWords:
    """Return the section: a row a variant, those that differ most surely first.

    Parameters
    ----------
    path
        ``C/variants/impact.parquet``.
    max_q
        False discovery rate below which a variant counts as different.
    """
    table = read_table(path)
    surest = table[["CorrelationQ", "AucQ"]].astype(float).min(axis=1).fillna(2.0)
    table = table.assign(Surest=surest).sort_values(["Surest", PERTURBATION])
    rows = [_row(row, max_q) for row in table.head(MOST_VARIANTS).to_dict("records")]
    return VariantWords(_sentence(table, max_q), _caution(table), rows, max(len(table) - MOST_VARIANTS, 0))


def _row(row: dict[str, object], max_q: float) -> VariantRow:
    within = [fixed(row[f"Correlation{kind}"], 2) for kind in ("WildType", "Variant")]
    null = f"{fixed(row['NullLow'], 2)} to {fixed(row['NullHigh'], 2)}" if is_number(row["NullLow"]) else ""
    return VariantRow(
        name=str(row[PERTURBATION]),
        wild_type=str(row["WildType"]),
        wells=f"{count(row['Wells'])} and {count(row['WildTypeWells'])}",
        cells=f"{count(row['Cells'])} and {count(row['WildTypeCells'])}",
        between=fixed(row["CorrelationBetween"], 2),
        within=" and ".join(within),
        correlation_q=_q(row["CorrelationQ"]),
        by_profiles=bool(row["CorrelationQ"] < max_q),
        auc=fixed(row["Auc"], 2),
        null=null,
        cell_q=_q(row["AucQ"]),
        by_cells=bool(row["AucQ"] < max_q),
        note=str(row["Note"] or ""),
    )


def _q(value: float) -> str:
    return p_value(value).replace("p", "q", 1) if is_number(value) else "not tested"


def _sentence(table: pd.DataFrame, max_q: float) -> str:
    tested = {how: table[f"{name}P"].notna().any() for how, name in _TESTS.items()}
    if not any(tested.values()):
        below = "note below says" if len(table) == 1 else "notes below say"
        return f"{_caution(table)}. The {below} what is missing."
    said = []
    for how, name in _TESTS.items():
        rows = table[table[f"{name}Q"] < max_q]
        found = f"{len(rows):,} (q < {max_q:g}): {_named(rows)}" if len(rows) else f"none (q < {max_q:g})"
        said.append(f"{how} {found}" if tested[how] else f"{how.removeprefix('by ')} could not be tried")
    sentence = f"Of {plural(len(table), 'variant')} the following differ from their wild type, {'; '.join(said)}."
    caution = _caution(table)
    return f"{sentence} {caution}: that none is shown there means nothing." if caution else sentence


def _caution(table: pd.DataFrame) -> str:
    """Say of which variants nothing can be proved, whatever they look like: by neither test p could be small."""
    short = table[np.logical_and.reduce([_beyond(table, name) for name in _TESTS.values()])]
    if len(table) == len(short) == 1:
        row = short.iloc[0]
        wells = int(row["Wells"] + row["WildTypeWells"])
        why = (
            f"{plural(wells, 'well')} of the two on {plural(int(row['Plates']), 'plate')} prove nothing, whatever they "
        )
        why = f"{why}look like" if wells else "no plate has wells of both"
        return f"{row[PERTURBATION]} cannot be held against {row['WildType']}: {why}"
    many = plural(len(short), "variant")
    return f"Of {many} there are too few wells or plates to prove a difference, whatever it is" if len(short) else ""


def _beyond(table: pd.DataFrame, test: str) -> np.ndarray:
    """Return of which variants a test says nothing, or cannot."""
    limited = table["Note"].str.contains({"Correlation": LEAST_P_OF_WELLS, "Auc": LEAST_P_OF_CELLS}[test], regex=False)
    return (table[f"{test}P"].isna() | limited).to_numpy()


def _named(rows: pd.DataFrame) -> str:
    names = ", ".join(rows[PERTURBATION].head(_MOST_NAMED))
    return names + (f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else "")
