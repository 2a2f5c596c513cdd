"""The rank test within plates: against all exchanges one by one, against scipy, and under the null."""

import itertools

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from platewise.evaluation import stratified
from platewise.evaluation.stratified import stratified_p_values, stratified_rank_test


def naive(values, treated, strata):
    """Superiority, p and least p from every exchange of treated and controls within strata."""

    def statistic(chosen):
        total = 0.0
        for stratum in np.unique(strata):
            mine, others = values[(strata == stratum) & chosen], values[(strata == stratum) & ~chosen]
            total += (mine[:, None] > others).sum() + 0.5 * (mine[:, None] == others).sum()
        return total

    groups = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    choices = [list(itertools.combinations(own, int(treated[own].sum()))) for own in groups]
    pairs = sum(int(treated[own].sum() * (~treated[own]).sum()) for own in groups)
    all_statistics = np.array(
        [
            statistic(np.isin(np.arange(len(values)), list(itertools.chain(*chosen))))
            for chosen in itertools.product(*choices)
        ]
    )
    distance, observed = np.abs(all_statistics - pairs / 2), statistic(treated)
    reached = distance >= abs(observed - pairs / 2) - 1e-9
    return observed / pairs, reached.mean(), (distance >= distance.max() - 1e-9).mean()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("levels", [3, 1000], ids=["ties", "no ties"])
def test_equals_all_exchanges_one_by_one(seed, levels):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, levels, 14).astype(float)
    strata = np.repeat(["a", "b", "c"], [6, 5, 3])
    # The third plate has controls only, and tells nothing.
    treated = np.array([1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], bool)
    found = stratified_rank_test(values, treated, strata)
    assert (found.superiority, found.p, found.least_p) == pytest.approx(naive(values, treated, strata))


def test_one_plate_without_ties_is_the_exact_mann_whitney_test():
    values = np.random.default_rng(0).normal(size=20)
    treated = np.arange(20) < 4
    expected = mannwhitneyu(values[treated], values[~treated], method="exact")
    found = stratified_rank_test(values, treated, np.zeros(20))
    assert found.p == pytest.approx(expected.pvalue)
    assert found.superiority == pytest.approx(expected.statistic / 64)


def test_large_plates_take_the_approximation_and_it_is_close(monkeypatch):
    rng = np.random.default_rng(0)
    values, strata = rng.integers(0, 40, 120).astype(float), np.repeat([0, 1], 60)
    treated = np.tile(np.arange(60) < 20, 2)
    values[treated] += 3
    exact = stratified_rank_test(values, treated, strata)
    monkeypatch.setattr(stratified, "_MOST_STEPS", 0)
    near = stratified_rank_test(values, treated, strata)
    assert near.superiority == exact.superiority
    assert near.p == pytest.approx(exact.p, rel=0.1)


@pytest.mark.parametrize("treated", [np.zeros(4, bool), np.ones(4, bool)])
def test_without_both_kinds_on_a_plate_there_is_no_p(treated):
    found = stratified_rank_test(np.arange(4.0), treated, np.zeros(4))
    assert np.isnan([found.superiority, found.p, found.least_p]).all()


@pytest.mark.parametrize("steps", [10**8, 0])
def test_values_all_alike_tell_nothing(monkeypatch, steps):
    monkeypatch.setattr(stratified, "_MOST_STEPS", steps)
    found = stratified_rank_test(np.ones(10), np.arange(10) < 3, np.zeros(10))
    assert (found.superiority, found.p, found.least_p) == (0.5, 1.0, 1.0)


def test_a_difference_between_plates_is_none_between_treatments():
    """All treated wells lie on the brighter plate with few controls: pooled ranks would say they are brighter."""
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1], [6, 24])
    treated = np.r_[np.arange(6) < 4, np.zeros(24, bool)]
    values = rng.normal(size=30) + 10 * (strata == 0)
    assert stratified_rank_test(values, treated, np.zeros(30)).p < 0.01
    assert stratified_rank_test(values, treated, strata).p > 0.1


def test_p_is_uniform_when_nothing_is_there():
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1, 2], 20)
    treated = np.tile(np.arange(20) < 6, 3)
    found = np.array([stratified_rank_test(rng.normal(size=60), treated, strata).p for _ in range(1000)])
    for level in (0.01, 0.05, 0.2, 0.5, 0.8):
        # Three standard errors of a share of a thousand; p is discrete, but finely.
        assert np.mean(found <= level) == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 1000) + 0.003)


def uneven(seed, features=40):
    """Three plates of uneven size, a fourth with controls only; features with no, few and many equal values."""
    rng = np.random.default_rng(seed)
    strata = np.repeat(["a", "b", "c", "d"], [9, 7, 12, 5])
    treated = np.isin(np.arange(33), [0, 1, 9, 16, 17, 18, 19])
    values = rng.normal(size=(33, features))
    values[:, 10:20] = values[:, 10:20].round(1)
    values[:, 20:30] = values[:, 20:30].round(0)
    values[:, 30] = 0.0
    values[:, 31] = np.arange(33) == 0
    return values, treated, strata


@pytest.mark.parametrize("seed", range(3))
def test_many_features_are_tested_as_each_alone(seed):
    values, treated, strata = uneven(seed)
    p, least = stratified_p_values(values, treated, strata)
    alone = [stratified_rank_test(column, treated, strata) for column in values.T]
    assert p == pytest.approx([own.p for own in alone], rel=1e-12)
    assert least == pytest.approx([own.least_p for own in alone], rel=1e-12)
    assert (p[30], least[30]) == (1.0, 1.0)
    # The one well that differs is one of the two treated of nine.
    assert p[31] == pytest.approx(2 / 9)


def test_many_features_of_one_plate_are_the_exact_mann_whitney_test():
    values, treated = np.random.default_rng(0).normal(size=(20, 50)), np.arange(20) < 4
    p, least = stratified_p_values(values, treated, np.zeros(20))
    assert p == pytest.approx(mannwhitneyu(values[treated], values[~treated], method="exact").pvalue)
    assert least == pytest.approx(2 / 4845)


def test_many_wells_take_the_approximation_and_it_is_close(monkeypatch):
    values, treated, strata = uneven(0)
    # Values of every kind but the one well that differs: normal it never is.
    large = np.tile(values[:, :30], (4, 1)), np.tile(treated, 4), np.tile(strata, 4)
    exact, _ = stratified_p_values(*large)
    monkeypatch.setattr(stratified, "_MOST_PAIRS", 0)
    near, least = stratified_p_values(*large)
    common = exact > 0.01
    assert near[common] == pytest.approx(exact[common], rel=0.1)
    assert np.log10(near) == pytest.approx(np.log10(exact), abs=0.5)
    assert (least <= near).all()
    assert (stratified_p_values(np.ones((33, 1)), treated, strata)[0] == 1.0).all()


def test_one_odd_well_among_many_equal_ones_is_told_exactly():
    """By the normal approximation it would be five standard deviations off."""
    values, treated = (np.arange(260) == 0).astype(float)[:, None], np.arange(260) < 10
    assert stratified_p_values(values, treated, np.zeros(260))[0] == pytest.approx(10 / 260)
    # Of many plates, too, on all but one of which wells are equal.
    strata = np.repeat(np.arange(20), 68)
    values, treated = (np.arange(20 * 68) == 0).astype(float)[:, None], np.tile(np.arange(68) < 4, 20)
    assert stratified_p_values(values, treated, strata)[0] == pytest.approx(4 / 68)
    # And where treated wells are the many.
    values, treated = (np.arange(316) == 0).astype(float)[:, None], np.arange(316) >= 16
    assert stratified_p_values(values, treated, np.zeros(316))[0] == pytest.approx(16 / 316)


def test_one_plate_of_many_wells_is_scipys_approximation():
    values, treated = np.random.default_rng(0).normal(size=(400, 20)).round(1), np.arange(400) < 150
    p, _ = stratified_p_values(values, treated, np.zeros(400))
    expected = mannwhitneyu(values[treated], values[~treated], use_continuity=False, method="asymptotic")
    assert p == pytest.approx(expected.pvalue)


def test_many_features_without_both_kinds_on_a_plate_have_no_p():
    p, least = stratified_p_values(np.ones((4, 3)), np.array([1, 1, 0, 0], bool), np.array([0, 0, 1, 1]))
    assert np.isnan([p, least]).all()
    assert p.shape == (3,)
