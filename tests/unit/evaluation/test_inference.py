"""Intervals cover, tests keep their level, and both respect that items of one perturbation belong together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, permutation_test

from platewise.evaluation.inference import benjamini_hochberg, bootstrap_interval, expanded_interval, paired_p
from platewise.evaluation.items import Items


def test_paired_p_is_scipys() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.5, 1, 12), rng.normal(0, 1, 12)
    ours = paired_p(Items(first, np.arange(12)), Items(second, np.arange(12)), 20_000, rng)
    theirs = permutation_test(
        (first, second),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    ).pvalue
    assert ours == pytest.approx(theirs, abs=0.01)


def test_paired_p_is_uniform_when_nothing_differs() -> None:
    rng = np.random.default_rng(1)
    p = []
    for _ in range(200):
        # Four items of each perturbation move together: they are one observation, not four.
        clusters = np.repeat(np.arange(10), 4)
        first, second = (rng.normal(size=10)[clusters] for _ in range(2))
        p.append(paired_p(Items(first, clusters), Items(second, clusters), 199, rng))
    assert kstest(p, "uniform").pvalue > 0.01


def test_equal_scores_are_not_better() -> None:
    items = Items(np.array([0.0, 1.0, 1.0]), np.arange(3))
    assert paired_p(items, items, 99, np.random.default_rng(0)) == 1.0


def test_items_without_both_values_are_left_out() -> None:
    first, second = Items(np.array([1.0, np.nan]), np.arange(2)), Items(np.array([np.nan, 0.0]), np.arange(2))
    assert np.isnan(paired_p(first, second, 99, np.random.default_rng(0)))


def test_the_interval_covers_the_mean() -> None:
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(200):
        clusters = np.repeat(np.arange(30), 3)
        values = 0.4 + rng.normal(size=30)[clusters] + 0.1 * rng.normal(size=90)
        low, high = bootstrap_interval(Items(values, clusters), 300, rng)
        covered.append(low <= 0.4 <= high)
    assert 0.88 <= np.mean(covered) <= 0.99


def test_few_units_widen_the_interval() -> None:
    draws = np.linspace(0, 1, 100_001)
    # Of 5 units: Phi(-sqrt(5 / 4) * 2.776) = 0.00095; of very many 0.025.
    np.testing.assert_allclose(expanded_interval(draws, 5), [0.00095, 0.99905], atol=1e-5)
    np.testing.assert_allclose(expanded_interval(draws, 10**9), [0.025, 0.975], atol=1e-5)
    assert expanded_interval(np.stack([draws, 2 * draws], axis=1), 5)[1].tolist() == pytest.approx(
        [0.99905, 1.9981], abs=1e-4
    )
    assert np.isnan(expanded_interval(draws, 1)).all()


def test_the_interval_of_few_perturbations_covers_the_mean() -> None:
    rng = np.random.default_rng(3)
    intervals = [bootstrap_interval(Items(rng.normal(size=6), np.arange(6)), 400, rng) for _ in range(400)]
    # Plain percentiles cover 0.86.
    assert 0.92 <= np.mean([low <= 0 <= high for low, high in intervals]) <= 0.98


def test_one_perturbation_has_no_interval() -> None:
    assert np.isnan(bootstrap_interval(Items(np.ones(3), np.zeros(3)), 50, np.random.default_rng(0))).all()


def test_benjamini_hochberg_by_hand_and_with_missing_values() -> None:
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.01, np.nan, 0.02, 0.5])), [0.03, np.nan, 0.03, 0.5])
