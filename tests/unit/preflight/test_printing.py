"""Amounts are written with the unit that fits."""

import pytest

from platewise.preflight.printing import aligned, duration, hours, size


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (999_600, "1 MB"),
        (2.34e9, "2.34 GB"),
        (5e12, "5 TB"),
        (5e15, "5,000 TB"),
    ],
)
def test_sizes(amount, text):
    assert size(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1.5 h"), (172_800, "2.0 days")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(36, "0.01"), (3600, "1"), (9000, "2.5"), (36_000, "10"), (3.6e6, "1,000")]
)
def test_hours(seconds, text):
    assert hours(seconds) == text


def test_columns():
    assert aligned([("rule", "jobs"), ("a", "10")]) == ["rule  jobs", "a       10"]
