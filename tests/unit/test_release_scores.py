"""Scores that fell below the interval of the release are told."""

from __future__ import annotations

import pandas as pd
from record_scores import COLUMNS, fallen


def table(*rows):
    return pd.DataFrame([("demo", "classical", "none", *row) for row in rows], columns=COLUMNS)


RELEASED = table(
    ("map_moa", 0.80, 0.70, 0.90, "higher"),
    ("probe_batch", 0.50, 0.45, 0.55, "lower"),
    ("nsc", 0.90, 0.85, 0.95, "higher"),
)


def now(**values):
    return table(*((name, value, 0.0, 1.0, "higher") for name, value in values.items()))


def test_scores_within_their_interval_or_better_are_well():
    assert fallen(now(map_moa=0.70, probe_batch=0.55, nsc=1.0), RELEASED) == []
    assert fallen(now(map_moa=0.99, probe_batch=0.10, nsc=0.9, another=0.0), RELEASED) == []


def test_scores_that_fell_or_went_are_told():
    assert fallen(now(map_moa=0.69, probe_batch=0.56), RELEASED) == [
        "classical none map_moa: 0.690; was 0.800 (0.700 to 0.900)",
        "classical none probe_batch: 0.560; was 0.500 (0.450 to 0.550)",
        "classical none nsc: no value; was 0.900",
    ]


def test_a_score_that_is_no_number_any_more_is_told():
    assert fallen(now(map_moa=float("nan"), probe_batch=0.5, nsc=0.9), RELEASED) == [
        "classical none map_moa: nan; was 0.800 (0.700 to 0.900)"
    ]
