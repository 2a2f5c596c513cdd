"""Intervals of scores: never narrower than what so many items allow where the score is a share."""

from __future__ import annotations

import numpy as np
import pytest

from platewise.evaluation.inference import bootstrap_interval
from platewise.evaluation.intervals import score_interval, wilson_interval
from platewise.evaluation.items import Items


def naive_wilson(count: float, total: int) -> tuple[float, float]:
    z, share = 1.959963984540054, count / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return middle - half, middle + half


@pytest.mark.parametrize(("count", "total"), [(103, 103), (0, 20), (7, 38), (1, 1)])
def test_wilson_is_as_published(count: int, total: int) -> None:
    assert wilson_interval(count, total) == pytest.approx(naive_wilson(count, total), abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_share_of_all_or_none_has_an_interval(value: float) -> None:
    items = Items(np.full(103, value), np.arange(103), share=True)
    low, high = score_interval(items, 200, np.random.default_rng(0))
    # One treatment of 103 more or less lies within.
    assert (low, high) == pytest.approx(naive_wilson(103 * value, 103), abs=1e-12)
    assert low < abs(value - 1 / 103) < high
    assert bootstrap_interval(items, 200, np.random.default_rng(0)) == (value, value)


def test_resamples_of_perturbations_widen_it_further() -> None:
    # Ten perturbations with twelve treatments each that pass or fail together.
    clusters = np.repeat(np.arange(10), 12)
    items = Items((clusters < 5).astype(float), clusters, share=True)
    found = score_interval(items, 500, np.random.default_rng(1))
    assert found == bootstrap_interval(items, 500, np.random.default_rng(1))
    assert found[1] - found[0] > np.ptp(naive_wilson(60, 120))


def test_what_is_no_share_keeps_its_interval_and_one_perturbation_has_none() -> None:
    mean = Items(np.ones(20), np.arange(20))
    assert score_interval(mean, 100, np.random.default_rng(0)) == (1.0, 1.0)
    single = Items(np.ones(20), np.zeros(20), share=True)
    assert np.isnan(score_interval(single, 100, np.random.default_rng(0))).all()
