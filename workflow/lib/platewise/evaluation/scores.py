"""From the values of a metric to rows of the table of scores."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from platewise.config.evaluation import EvaluationConfig
from platewise.evaluation.inference import paired_p
from platewise.evaluation.intervals import score_interval
from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.levels import BASELINES, SCORE, SHUFFLED_BASELINE
from platewise.evaluation.similarity import Dense, Similarity
from platewise.notes import join_notes

SCORE_COLUMNS = [
    "Features",
    "Correction",
    "Metric",
    "Value",
    "Low",
    "High",
    "Evaluated",
    "Total",
    "Baseline",
    "PValue",
    "Note",
]
NAN = float("nan")
NOT_BEATEN = "the score does not beat this baseline"
# A score is said to beat a baseline below this p.
_ALPHA = 0.05

# Items whose similarities are kept whole: 4,096 of them take 134 MB.
_DENSE_ITEMS = 4096

Row = dict[str, Any]


@dataclass(frozen=True)
class Family:
    """Metrics that are computed together.

    Attributes
    ----------
    names
        The metrics.
    compute
        From a similarity and labels to the items of each metric; may raise `CannotScoreError`.
    similarities
        The score's (under ``""``) and the baselines', or a reason in words.
    labels
        What `compute` takes as the truth.
    shuffle
        Labels dealt anew.
    total
        How many items there are, whether they can be scored or not.
    notes
        What the campaign does not let one conclude.
    """

    names: tuple[str, ...]
    compute: Callable[[Similarity, Any], dict[str, Items]]
    similarities: Mapping[str, Similarity | str]
    labels: Any
    shuffle: Callable[[Any, np.random.Generator], Any]
    total: int
    notes: tuple[str, ...] = ()


def score_family(family: Family, config: EvaluationConfig) -> list[Row]:
    """Score a family of metrics and compare it with its baselines.

    Returns
    -------
    rows
        For each metric the score, then each baseline. ``PValue`` of the score is the share of shuffles of the labels
        that reach it; that of a baseline is the paired test of the score against it. The value of the baseline
        ``shuffled`` is the median over shuffles, its interval their 2.5 and 97.5 percentiles.
    """
    rng = np.random.default_rng([config.seed, zlib.crc32("".join(family.names).encode())])
    if family.similarities[SCORE].size <= _DENSE_ITEMS:
        # The shuffles ask for the same similarities again.
        family = replace(family, similarities={**family.similarities, SCORE: Dense(family.similarities[SCORE])})
    try:
        observed = family.compute(family.similarities[SCORE], family.labels)
    except CannotScoreError as reason:
        return unscored(family.names, str(reason), family.total)
    shuffled = _shuffles(family, config, rng)
    rows = []
    for name in family.names:
        rows.append(_score_row(name, observed[name], [items[name] for items in shuffled], family, config, rng))
        for baseline in BASELINES[:-1]:
            rows.append(_baseline_row(name, baseline, observed[name], family, config, rng))
        rows.append(shuffled_row(name, observed[name], [items[name] for items in shuffled], family.total, config, rng))
    return rows


def unscored(names: Iterable[str], reason: str, total: int) -> list[Row]:
    """Return rows for metrics that cannot be computed, baselines included."""
    return [
        row(name, NAN, (NAN, NAN), 0, total, baseline, NAN, reason)
        for name in names
        for baseline in (SCORE, *BASELINES)
    ]


def row(
    metric: str,
    value: float,
    interval: tuple[float, float],
    evaluated: int,
    total: int,
    baseline: str,
    p: float,
    note: str,
) -> Row:
    """Return one row of the table of scores, without features and correction."""
    return {
        "Metric": metric,
        "Value": value,
        "Low": interval[0],
        "High": interval[1],
        "Evaluated": evaluated,
        "Total": total,
        "Baseline": baseline,
        "PValue": p,
        "Note": note,
    }


def shuffled_row(
    name: str, observed: Items, shuffled: list[Items], total: int, config: EvaluationConfig, rng: np.random.Generator
) -> Row:
    """Return the row of the baseline ``shuffled``."""
    if not shuffled:
        return row(name, NAN, (NAN, NAN), 0, total, SHUFFLED_BASELINE, NAN, "the shuffled labels cannot be scored")
    values = np.array([items.score for items in shuffled])
    mean = Items(_column_means(shuffled), observed.clusters)
    low, high = np.quantile(values, [0.025, 0.975])
    p, note = held_against(observed, mean, config, rng)
    interval = (float(low), float(high))
    return row(name, float(np.median(values)), interval, mean.evaluated, total, SHUFFLED_BASELINE, p, note)


def held_against(
    score: Items, baseline: Items, config: EvaluationConfig, rng: np.random.Generator
) -> tuple[float, str]:
    """Return the paired p of a score against a baseline, and the mark of one that is not better.

    p is NaN, and the mark says so, where there are so few clusters that not even a better one in each could be told.
    """
    p = paired_p(score, baseline, config.permutations, rng)
    least = 0.5**score.evaluated_clusters
    if least >= _ALPHA and np.isfinite(p):
        groups = f"{score.evaluated_clusters} independent group{'' if score.evaluated_clusters == 1 else 's'}"
        return NAN, f"{groups} cannot give a p below {least:.2g}"
    return p, "" if p < _ALPHA else NOT_BEATEN


def score_table(rows: list[Row], features: str, correction: str, note: str) -> pd.DataFrame:
    """Return rows as the table of scores; ``note``, on the correction, goes to every score."""
    table = pd.DataFrame(rows, columns=SCORE_COLUMNS[2:])
    table.insert(0, "Features", features)
    table.insert(1, "Correction", correction)
    if note:
        own = table["Baseline"] == SCORE
        table.loc[own, "Note"] = [join_notes(old, note) for old in table.loc[own, "Note"]]
    return table.astype({"Evaluated": "int64", "Total": "int64"})


def _shuffles(family: Family, config: EvaluationConfig, rng: np.random.Generator) -> list[dict[str, Items]]:
    found = []
    for _ in range(config.shuffles):
        labels = family.shuffle(family.labels, rng)
        try:
            found.append(family.compute(family.similarities[SCORE], labels))
        except CannotScoreError:
            # A shuffle may leave nothing to compare, as when all controls' labels meet; it has no score.
            continue
    return found


def _score_row(
    name: str,
    observed: Items,
    shuffled: list[Items],
    family: Family,
    config: EvaluationConfig,
    rng: np.random.Generator,
) -> Row:
    reached = sum(items.score >= observed.score - 1e-12 for items in shuffled)
    p = (reached + 1) / (len(shuffled) + 1) if shuffled else NAN
    interval = score_interval(observed, config.bootstraps, rng)
    note = join_notes(*family.notes)
    return row(name, observed.score, interval, observed.evaluated, family.total, SCORE, p, note)


def _baseline_row(
    name: str, baseline: str, observed: Items, family: Family, config: EvaluationConfig, rng: np.random.Generator
) -> Row:
    similarity = family.similarities[baseline]
    if isinstance(similarity, str):
        return row(name, NAN, (NAN, NAN), 0, family.total, baseline, NAN, similarity)
    items = family.compute(similarity, family.labels)[name]
    p, note = held_against(observed, items, config, rng)
    interval = score_interval(items, config.bootstraps, rng)
    return row(name, items.score, interval, items.evaluated, family.total, baseline, p, note)


def _column_means(shuffled: list[Items]) -> np.ndarray:
    values = np.array([items.values for items in shuffled])
    known = np.isfinite(values).sum(axis=0)
    return np.where(known > 0, np.nansum(values, axis=0) / np.maximum(known, 1), np.nan)
