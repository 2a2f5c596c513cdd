"""What variants change, as the campaign's page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.columns import PERTURBATION
from platewise.report.numbers import count, fixed, is_number, p_value, plural
from platewise.tables import read_table

# More variants than this are in the table only.
MOST_VARIANTS = 300
_MOST_NAMED = 10


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
    """What the section says."""

    sentence: str
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
    return VariantWords(_sentence(table, max_q), rows, max(len(table) - MOST_VARIANTS, 0))


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
    tested = np.isfinite(table[["CorrelationP", "AucP"]].to_numpy(dtype=float)).any(axis=1)
    if not tested.any():
        return f"None of {plural(len(table), 'variant')} could be held against its wild type; the notes below say why."
    told = {
        "by the profiles of wells": table[table["CorrelationQ"] < max_q],
        "by a classifier of cells": table[table["AucQ"] < max_q],
    }
    said = [
        f"{how} {len(rows):,} (q < {max_q:g}): {_named(rows)}" if len(rows) else f"{how} none (q < {max_q:g})"
        for how, rows in told.items()
    ]
    sentence = f"Of {plural(len(table), 'variant')} the following differ from their wild type, {'; '.join(said)}."
    few = table["Note"].str.contains("with so few wells|one plate").sum()
    if few:
        sentence += (
            f" Of {plural(int(few), 'variant')} there are too few wells or plates to prove a difference, whatever it "
            "is: that none is shown there means nothing."
        )
    return sentence


def _named(rows: pd.DataFrame) -> str:
    names = ", ".join(rows[PERTURBATION].head(_MOST_NAMED))
    return names + (f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else "")
