import numpy as np
import pytest

from platewise.evaluation.items import CannotScoreError
from platewise.evaluation.probe import mean_share_interval, probe


def test_two_wells_of_two_plates_are_too_few_to_learn_from():
    values = np.random.default_rng(0).normal(size=(4, 3))
    with pytest.raises(CannotScoreError, match="too few comparable wells"):
        probe(values, np.array(["a", "a", "b", "b"]), None, seed=0)


def test_plates_far_apart_are_told_apart():
    values = np.random.default_rng(0).normal(size=(12, 3))
    labels = np.repeat(["a", "b"], 6)
    values[labels == "b"] += 10
    found = probe(values, labels, None, seed=0)
    assert (found.accuracy, found.chance) == (1.0, 0.5)
    # Six of six: Wilson's interval begins at 6 / (6 + 1.96^2). Of the mean of two such shares it is narrower.
    assert found.low == pytest.approx(1 - (1 - 6 / (6 + 1.959964**2)) / np.sqrt(2), abs=1e-6)
    assert found.high == 1.0


def test_the_interval_of_a_mean_of_shares_by_hand():
    # One share: Wilson's own. 8 of 10: centre (8 + 1.9207) / 13.8415, half width 1.96 sqrt(1.6 + 0.9604) / 13.8415.
    assert mean_share_interval(np.array([8]), np.array([10])) == pytest.approx((0.490162, 0.943318), abs=1e-5)
    # 8 of 10 and 0 of 5: Wilson's are 0.490162 to 0.943318, and 0 to 0.434482.
    low, high = mean_share_interval(np.array([8, 0]), np.array([10, 5]))
    assert low == pytest.approx(0.4 - (0.8 - 0.490162) / 2, abs=1e-5)
    assert high == pytest.approx(0.4 + np.hypot(0.943318 - 0.8, 0.434482) / 2, abs=1e-5)


def test_nothing_right_and_all_right_mirror_each_other():
    none, everything = (mean_share_interval(np.array(hits), np.array([4, 6])) for hits in ([0, 0], [4, 6]))
    assert none[0] == 0.0
    assert none == pytest.approx((1 - everything[1], 1 - everything[0]))
    assert none[1] > 0.2


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth, counts = np.array([0.95, 0.8, 0.99]), np.array([8, 16, 12])
    drawn = [mean_share_interval(rng.binomial(counts, truth), counts) for _ in range(1000)]
    held = np.mean([low <= truth.mean() <= high for low, high in drawn])
    assert 0.93 <= held <= 0.995
