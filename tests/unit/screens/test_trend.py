"""The exact trend test against all orders written out, and against scipy's test of two groups."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import kstest, mannwhitneyu

from platewise.screens import trend
from platewise.screens.trend import least_trend_p, trend_p_value


def statistic(values: np.ndarray, levels: np.ndarray) -> int:
    pairs = [(i, j) for i in range(len(values)) for j in range(len(values)) if levels[i] < levels[j]]
    return sum(values[j] > values[i] for i, j in pairs)


@pytest.mark.parametrize("sizes", [(2, 2, 2), (1, 2, 3), (1, 1, 1, 1), (3, 1, 2)])
def test_it_is_the_share_of_all_orders(sizes: tuple[int, ...]) -> None:
    levels = np.repeat(np.arange(len(sizes)), sizes)
    values = np.random.default_rng(sum(sizes)).permutation(len(levels)).astype(float)
    reached = [statistic(np.array(order), levels) >= statistic(values, levels) for order in permutations(values)]
    assert trend_p_value(values, levels) == pytest.approx(np.mean(reached))
    assert trend_p_value(np.arange(len(levels)), levels) == pytest.approx(least_trend_p(sizes))


def test_two_levels_are_mann_whitney() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.normal(size=7), rng.normal(0.8, 1, size=6)
    expected = mannwhitneyu(high, low, alternative="greater", method="exact").pvalue
    found = trend_p_value(np.concatenate([low, high]), np.repeat([0.1, 0.3], [7, 6]))
    assert found == pytest.approx(expected)


def test_the_order_of_wells_and_the_spacing_of_doses_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    levels = np.repeat([0.1, 1.0, 5.0, 100.0], 3)
    values = np.log(levels) + rng.normal(size=12)
    shuffled = rng.permutation(12)
    assert trend_p_value(values[shuffled], levels[shuffled]) == trend_p_value(values, np.repeat([1, 2, 3, 4], 3))


def test_p_is_uniform_under_the_null() -> None:
    rng = np.random.default_rng(2)
    levels = np.repeat(np.arange(6), 3)
    p = np.array([trend_p_value(rng.normal(size=18), levels) for _ in range(2000)])
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.mean(p < 0.05) <= 0.065


def test_equal_values_give_no_smaller_p() -> None:
    levels = np.repeat(np.arange(4), 3)
    assert trend_p_value(np.zeros(12), levels) > 0.5
    assert trend_p_value(np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]), levels) == pytest.approx(
        least_trend_p((3, 3, 3, 3))
    )


def test_many_wells_take_the_normal_approximation(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    levels = np.repeat(np.arange(5), 10)
    values = rng.normal(size=50) + 0.15 * levels
    exact = trend_p_value(values, levels)
    monkeypatch.setattr(trend, "MOST_EXACT", 10)
    assert trend_p_value(values, levels) == pytest.approx(exact, rel=0.1)


def test_one_dose_has_no_trend() -> None:
    assert trend_p_value(np.arange(4.0), np.ones(4)) == 1.0
