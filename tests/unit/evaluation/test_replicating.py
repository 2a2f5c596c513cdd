"""Percent replicating."""

from __future__ import annotations

import numpy as np
import pytest

from platewise.evaluation.items import CannotScoreError
from platewise.evaluation.replicating import percent_replicating
from platewise.evaluation.similarity import CloseNumber, Pearson


def wells(strength: float, seed: int, treatments: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(treatments), 3)
    return strength * rng.normal(size=(treatments, 30))[codes] + rng.normal(size=(len(codes), 30)), codes


def test_strong_treatments_replicate_and_noise_does_so_at_the_level_of_the_test() -> None:
    values, codes = wells(3.0, 0)
    assert percent_replicating(Pearson(values), codes, np.arange(40), 0).score == 1.0
    share = [
        percent_replicating(Pearson(noise), codes, np.arange(40), 0).score
        for noise, _ in (wells(0.0, seed) for seed in range(1, 11))
    ]
    assert np.mean(share) == pytest.approx(0.05, abs=0.03)


def test_single_wells_have_no_value() -> None:
    values, codes = wells(3.0, 11)
    items = percent_replicating(Pearson(values[:-2]), codes[:-2], np.arange(40), 0)
    assert np.isnan(items.values[-1])
    assert items.evaluated == 39


@pytest.mark.parametrize(
    ("codes", "reason"),
    [([0, 1, 2], "no treatment has two wells"), ([0, 0, 0, 1], "fewer perturbations than replicates")],
)
def test_what_cannot_be_scored_says_why(codes: list[int], reason: str) -> None:
    clusters = np.arange(max(codes) + 1)
    with pytest.raises(CannotScoreError, match=reason):
        percent_replicating(CloseNumber(np.arange(len(codes))), np.array(codes), clusters, 0)


def median_correlation(values: np.ndarray) -> float:
    return float(np.median(np.corrcoef(values)[np.triu_indices(len(values), k=1)]))


def doses(seed: int, strength: float, perturbations: int, each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two wells of each of several doses of perturbations, whose doses all look alike."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(perturbations), each)
    codes = np.repeat(np.arange(len(clusters)), 2)
    own = strength * rng.normal(size=(perturbations, 30))
    return own[clusters[codes]] + rng.normal(size=(len(codes), 30)), codes, clusters


@pytest.mark.parametrize("any_dose", [False, True])
def test_replicates_are_held_against_wells_of_different_perturbations(any_dose: bool) -> None:
    """A naive count over many sets, on doses that look alike: drawn as each other's non-replicates they would hide."""
    values, codes, clusters = doses(3, 1.0, 4, 6)
    rng = np.random.default_rng(9)
    null = []
    for _ in range(20_000):
        pair = rng.choice(4, 2, replace=False)
        null.append(median_correlation(values[[rng.choice(np.flatnonzero(clusters[codes] == name)) for name in pair]]))
    limit = np.percentile(null, 100 - 5 / (6 if any_dose else 1))
    own = np.array([median_correlation(values[codes == code]) for code in range(len(clusters))])
    clear = np.abs(own - limit) > 0.1
    items = percent_replicating(Pearson(values), codes, clusters, 0, 4000, any_dose=any_dose)
    assert clear.sum() >= 12
    np.testing.assert_array_equal(items.values[clear], own[clear] > limit)
    # Any two treatments, doses of one perturbation among them, set the limit far higher.
    assert np.percentile([median_correlation(values[rng.choice(48, 2, False)]) for _ in range(4000)], 95) > limit + 0.1


def test_more_doses_are_no_more_chances_to_replicate() -> None:
    passed, single = [], []
    for seed in range(12):
        values, codes, clusters = doses(seed, 0.0, 30, 8)
        for found, any_dose in ((passed, True), (single, False)):
            items = percent_replicating(Pearson(values), codes, clusters, seed, any_dose=any_dose)
            found.extend(items.values.reshape(30, 8).max(axis=1))
    # 1 - 0.95^8 = 0.34 without a correction; 360 perturbations, three standard errors.
    assert np.mean(single) == pytest.approx(0.34, abs=0.08)
    assert np.mean(passed) == pytest.approx(0.05, abs=0.035)


def test_one_dose_each_is_the_same_either_way() -> None:
    values, codes = wells(0.3, 5)
    one, two = (percent_replicating(Pearson(values), codes, np.arange(40), 0, any_dose=any_) for any_ in (False, True))
    np.testing.assert_array_equal(one.values, two.values)
    assert 0 < one.score < 1


def test_the_share_that_replicates_has_not_changed_where_each_treatment_is_a_perturbation() -> None:
    values, codes = wells(0.3, 5)
    # As version 4 of the evaluation found: the same random sets are drawn.
    pinned = [0, 4, 21, 24, 26, 32]
    assert np.flatnonzero(percent_replicating(Pearson(values), codes, np.arange(40), 0).values).tolist() == pinned
