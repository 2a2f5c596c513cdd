"""Kinds of features and corrections beside one another, as the page shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from platewise.config.campaign import CLASSICAL
from platewise.report.cells import NOT_COMPUTED, Cell
from platewise.report.metrics import batch_metric, score_metric
from platewise.report.numbers import fixed, is_number, significant


@dataclass(frozen=True)
class DifferenceRow:
    """One comparison: what is compared, with what, and a cell a metric.

    A change is ``better``, ``worse``, ``no clear difference`` or empty.
    """

    first: str
    other: str
    cells: list[Cell]


def difference_metrics(differences: pd.DataFrame) -> list[str]:
    """Return the names of the metrics, as a header shows them."""
    metrics = differences.drop_duplicates("Metric")
    return [
        (score_metric(name) if better == "higher" else batch_metric(name)).label
        for name, better in zip(metrics["Metric"], metrics["Better"], strict=True)
    ]


def difference_rows(differences: pd.DataFrame) -> list[DifferenceRow]:
    """Arrange the table of differences: a row a comparison, a cell a metric."""
    keys = ["Features", "Correction", "OtherFeatures", "OtherCorrection"]
    return [
        DifferenceRow(
            f"{features}, {correction}", f"{others}, {other}", [_cell(row) for row in rows.to_dict("records")]
        )
        for (features, correction, others, other), rows in differences.groupby(keys, sort=False)
    ]


def learned_against_classical(differences: pd.DataFrame, correction: str) -> list[str]:
    """Say for each kind of learned features whether its enrichment is above that of the classical ones.

    Parameters
    ----------
    differences
        The table of differences.
    correction
        The preset's.
    """
    return list(_sentences(differences, correction))


def _sentences(differences: pd.DataFrame, correction: str) -> Iterator[str]:
    same = (differences["Correction"] == correction) & (differences["OtherCorrection"] == correction)
    enriched = differences["Metric"].str.startswith("enrichment@")
    for row in differences[same & enriched].to_dict("records"):
        if (row["Features"] == CLASSICAL) == (row["OtherFeatures"] == CLASSICAL):
            continue
        if row["Features"] == CLASSICAL:
            low, high = -row["High"], -row["Low"]
            learned, own, other = row["OtherFeatures"], row["OtherValue"], row["Value"]
        else:
            learned, own, other = row["Features"], row["Value"], row["OtherValue"]
            low, high = row["Low"], row["High"]
        share = row["Metric"].partition("@")[2]
        if not (is_number(own) and is_number(other)):
            yield f"Whether {learned} features do better than classical ones cannot be said: {row['Note']}."
            continue
        note = f"; {row['Note']}" if row["Note"] else ""
        values = f"odds ratio {significant(own)} against {significant(other)}"
        if not _is_between(low, high):
            yield (
                f"At the top {share} %, whether {learned} features do better than classical ones cannot be said: "
                f"{values}, without an interval of the difference{note}."
            )
            continue
        if low > 0:
            verdict = "do better than"
        elif high < 0:
            verdict = "do worse than"
        else:
            verdict = "are not shown to do better or worse than"
        yield (
            f"At the top {share} %, {learned} features {verdict} classical ones: {values} "
            f"(95 % interval of the difference {_signed(low)} to {_signed(high)}{note})."
        )


def _cell(row: dict) -> Cell:
    if not is_number(row["Difference"]):
        return Cell(NOT_COMPUTED, note=str(row["Note"] or ""))
    interval = f"{_signed(row['Low'])} to {_signed(row['High'])}" if _is_between(row["Low"], row["High"]) else ""
    return Cell(_signed(row["Difference"]), interval, _change(row), str(row["Note"] or ""))


def _change(row: dict) -> str:
    if not _is_between(row["Low"], row["High"]):
        return ""
    if row["Low"] <= 0 <= row["High"]:
        return "no clear difference"
    return "better" if (row["Low"] > 0) == (row["Better"] == "higher") else "worse"


def _is_between(low: float, high: float) -> bool:
    """Tell whether there is an interval."""
    return is_number(low) and is_number(high)


def _signed(value: float) -> str:
    sign = "+" if value > 0 else "−" if value < 0 else ""
    size = abs(value)
    return sign + (significant(size) if size >= 1 else fixed(size))
