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
    [([0, 1, 2], "no treatment has two wells"), ([0, 0, 0, 1], "fewer treatments than replicates")],
)
def test_what_cannot_be_scored_says_why(codes: list[int], reason: str) -> None:
    clusters = np.arange(max(codes) + 1)
    with pytest.raises(CannotScoreError, match=reason):
        percent_replicating(CloseNumber(np.arange(len(codes))), np.array(codes), clusters, 0)
