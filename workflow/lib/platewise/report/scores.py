"""Scores tables as the page shows them: each metric beside its baselines, notes in place of missing numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from platewise.config.report import ReferenceConfig
from platewise.report.cells import NOT_COMPUTED, Cell
from platewise.report.metrics import (
    BASELINES,
    batch_metric,
    interval,
    score_metric,
    score_order,
)
from platewise.report.numbers import is_number, p_value, significant

SIGNIFICANT = 0.05
# Level 3, before normalisation and selection, as the batches tables call it.
UNCORRECTED = "uncorrected"
NO_NOTE = "not computed, and the scores table gives no reason"


@dataclass(frozen=True)
class Comparison:
    """A score against one baseline. ``state``: ``beaten``, ``not beaten``, or ``unknown``."""

    name: str
    text: str
    p: str
    state: str
    note: str


@dataclass(frozen=True)
class ScoreRow:
    """One metric of one kind of features after one correction."""

    features: str
    correction: str
    preset: bool
    metric: str
    computed: bool
    value: str
    interval: str
    p: str
    significant: bool | None
    comparisons: list[Comparison]
    evaluated: str
    note: str


@dataclass(frozen=True)
class ScoreGroup:
    """All rows of a metric, with published values."""

    metric: str
    label: str
    explanation: str
    rows: list[ScoreRow]
    references: list[tuple[str, str]]


def score_groups(
    scores: pd.DataFrame, preset: tuple[str, str], references: Sequence[ReferenceConfig] = ()
) -> list[ScoreGroup]:
    """Arrange scores tables by metric.

    Parameters
    ----------
    scores
        Rows of one or more scores tables.
    preset
        (features, correction) that are judged; their rows come first.
    references
        Published values.
    """
    groups = []
    names = baseline_names(scores)
    for metric in sorted(scores["Metric"].unique(), key=score_order):
        rows = scores[scores["Metric"] == metric]
        variants = list(dict.fromkeys(zip(rows["Features"], rows["Correction"], strict=True)))
        variants.sort(key=lambda variant: variant != preset)
        words = score_metric(metric)
        groups.append(
            ScoreGroup(
                metric=metric,
                label=words.label,
                explanation=words.explanation,
                rows=[_score_row(rows, metric, *variant, preset, names) for variant in variants],
                references=[
                    (words.number(reference.value), reference.source)
                    for reference in references
                    if reference.metric == metric
                ],
            )
        )
    return groups


def baseline_names(scores: pd.DataFrame) -> list[str]:
    """Return the baselines of a scores table, the known ones first."""
    found = [name for name in scores["Baseline"].unique() if name]
    return [name for name in BASELINES if name in found] + sorted(name for name in found if name not in BASELINES)


def preset_rows(groups: Sequence[ScoreGroup]) -> list[ScoreRow]:
    """Return the rows of the preset, one a metric."""
    return [row for group in groups for row in group.rows if row.preset]


def _score_row(
    rows: pd.DataFrame, metric: str, features: str, correction: str, preset: tuple[str, str], baselines: Sequence[str]
) -> ScoreRow:
    words = score_metric(metric)
    mine = rows[(rows["Features"] == features) & (rows["Correction"] == correction)]
    score = next(iter(mine[mine["Baseline"] == ""].to_dict("records")), {})
    value, p = score.get("Value", float("nan")), score.get("PValue", float("nan"))
    computed = not pd.isna(value)
    note = str(score.get("Note") or "")
    by_name = {row["Baseline"]: row for row in mine[mine["Baseline"] != ""].to_dict("records")}
    return ScoreRow(
        features=features,
        correction=correction,
        preset=(features, correction) == preset,
        metric=metric,
        computed=computed,
        value=words.number(value) if computed else NOT_COMPUTED,
        interval=interval(words, score.get("Low", float("nan")), score.get("High", float("nan"))),
        p=p_value(p) if is_number(p) else "",
        significant=bool(p < SIGNIFICANT) if is_number(p) else None,
        comparisons=[_comparison(name, value, by_name.get(name), metric) for name in baselines],
        evaluated=_evaluated(score),
        note=note if note or computed else NO_NOTE,
    )


def _comparison(name: str, value: float, row: dict | None, metric: str) -> Comparison:
    if row is None:
        return Comparison(name, "not run", "", "unknown", "not run for this metric")
    if not is_number(row["Value"]):
        return Comparison(name, NOT_COMPUTED, "", "unknown", str(row["Note"] or NO_NOTE))
    text, p, note = score_metric(metric).number(row["Value"]), row["PValue"], str(row["Note"] or "")
    if not (is_number(p) and is_number(value)):
        return Comparison(name, text, "", "unknown", note or "no test of the difference is stored")
    beaten = value > row["Value"] and p < SIGNIFICANT
    return Comparison(name, text, p_value(p), "beaten" if beaten else "not beaten", note)


def _evaluated(score: dict) -> str:
    evaluated, total = score.get("Evaluated", float("nan")), score.get("Total", float("nan"))
    if not (is_number(evaluated) and is_number(total)):
        return "not recorded"
    return f"{int(evaluated):,} of {int(total):,}"


@dataclass(frozen=True)
class BatchRow:
    """A batch metric of one kind of features after every correction.

    A change is ``better``, ``worse``, ``no clear change`` or empty.
    """

    features: str
    label: str
    explanation: str
    better: str
    cells: list[Cell]


def batch_rows(batches: pd.DataFrame, corrections: Sequence[str]) -> list[BatchRow]:
    """Arrange batches tables: a row per features and metric, a cell per correction.

    Parameters
    ----------
    batches
        Rows of one or more batches tables.
    corrections
        Order of the cells. Each is held against the uncorrected profiles, or against the correction `none` where
        these were not scored.
    """
    rows = []
    for (features, name), mine in batches.groupby(["Features", "Metric"], sort=False):
        words = batch_metric(name)
        by_correction = {row["Correction"]: row for row in mine.to_dict("records")}
        reference = UNCORRECTED if UNCORRECTED in by_correction else "none"
        before = by_correction.get(reference, {})
        better = mine["Better"].iloc[0]
        cells = []
        for correction in corrections:
            row = by_correction.get(correction)
            if row is None:
                cells.append(Cell("not run"))
            elif not is_number(row["Value"]):
                cells.append(Cell(NOT_COMPUTED, note=str(row["Note"] or NO_NOTE)))
            else:
                change = "" if correction == reference else describe_change(row, before, better)
                text = words.number(row["Value"])
                cells.append(Cell(text, interval(words, row["Low"], row["High"]), change, str(row["Note"] or "")))
        rows.append(BatchRow(features, words.label, words.explanation, better, cells))
    return rows


def describe_change(after: dict, before: dict, better: str) -> str:
    """Compare two rows of a table: `better`, `worse`, or `no clear change` where their 95 % intervals overlap.

    Each is taken from what it is by chance, where that is known, and what is better than chance counts as chance:
    batches that are told worse than by guessing were equalised, and are no better mixed. Empty where a value or an
    interval is missing or no direction (`higher` or `lower`) is better.
    """
    rows = [_above_chance(row, better) for row in (after, before)]
    if better not in ("higher", "lower") or not all(is_number(value) for row in rows for value in row):
        return ""
    (value, low, high), (old, old_low, old_high) = rows
    if (low <= old_high and old_low <= high) or significant(value) == significant(old):
        return "no clear change"
    return "better" if (value > old) == (better == "higher") else "worse"


def _above_chance(row: dict, better: str) -> list[float]:
    numbers = [row.get(name, float("nan")) for name in ("Value", "Low", "High")]
    chance = row.get("Chance", float("nan"))
    if not is_number(chance) or better not in ("higher", "lower"):
        return numbers
    nearer = max if better == "lower" else min
    return [nearer(number - chance, 0.0) if is_number(number) else number for number in numbers]
