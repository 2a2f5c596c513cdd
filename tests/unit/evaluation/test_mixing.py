"""Batch metrics on mixed and on separate batches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from platewise.evaluation.comparable import comparable_groups
from platewise.evaluation.items import CannotScoreError
from platewise.evaluation.mixing import chance_silhouettes, ilisi, kbet_acceptance, regression_share, silhouettes
from platewise.evaluation.probe import probe

BATCHES = np.repeat(["a", "b"], 60)


def two_batches(distance: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(120, 5)) + distance * (BATCHES == "b")[:, None]


def test_mixed_and_separate_batches() -> None:
    mixed, separate = two_batches(0.0), two_batches(20.0)
    assert abs(silhouettes(mixed, BATCHES, "euclidean").mean()) < 0.05
    assert silhouettes(separate, BATCHES, "euclidean").mean() > 0.8
    assert kbet_acceptance(mixed, BATCHES).mean() > 0.85
    assert kbet_acceptance(separate, BATCHES).mean() == 0.0
    assert ilisi(mixed, BATCHES).mean() > 1.8
    assert ilisi(separate, BATCHES).mean() == pytest.approx(1.0, abs=1e-6)
    assert regression_share(mixed, BATCHES) < 0.05
    assert regression_share(separate, BATCHES) > 0.95


def test_a_silhouette_by_chance_hangs_on_the_profiles_alone() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c", "d"], 2)
    for directions in (128, 2):
        drawn = [rng.normal(size=(8, directions)) for _ in range(60)]
        found = [silhouettes(values, labels, "euclidean").mean() for values in drawn]
        chance = [chance_silhouettes(values, labels, "euclidean", 20, rng).mean() for values in drawn]
        # Nothing tells the labels apart, and the more so the fewer directions there are.
        assert np.mean(chance) == pytest.approx(np.mean(found), abs=3 * np.std(found) / 60**0.5)
        assert np.mean(chance) < (-0.02 if directions == 128 else -0.1)
    apart = two_batches(20.0)
    assert chance_silhouettes(apart, BATCHES, "euclidean", 20, rng).mean() == pytest.approx(0, abs=0.05)


def test_regression_share_is_that_of_a_regression() -> None:
    values = two_batches(1.0)
    design = pd.get_dummies(BATCHES).to_numpy(dtype=float)
    explained = LinearRegression().fit(design, values).predict(design)
    expected = ((explained - values.mean(axis=0)) ** 2).sum() / ((values - values.mean(axis=0)) ** 2).sum()
    assert regression_share(values, BATCHES) == pytest.approx(expected)
    # By chance: (batches - 1) / (rows - 1).
    shares = [regression_share(two_batches(0.0, seed), BATCHES) for seed in range(50)]
    assert np.mean(shares) == pytest.approx(1 / 119, rel=0.2)


def test_kbet_accepts_at_the_level_of_its_test() -> None:
    acceptance = [kbet_acceptance(two_batches(0.0, seed), BATCHES).mean() for seed in range(10)]
    assert np.mean(acceptance) == pytest.approx(0.95, abs=0.06)


def test_only_what_is_in_two_batches_is_compared() -> None:
    rows = [
        *[("DMSO", "negcon", batch) for batch in "aabbc"],
        *[("taxol", "", batch) for batch in "aabb"],
        *[("once", "", "a")] * 4,
        *[("thin", "", batch) for batch in "ab"],
    ]
    metadata = pd.DataFrame(rows, columns=["Metadata_Perturbation", "Metadata_ControlType", "Metadata_Batch"])
    metadata["Metadata_Dose"] = np.nan
    # Of the controls, the lone well of batch c is left out.
    assert [group.tolist() for group in comparable_groups(metadata)] == [[0, 1, 2, 3], [5, 6, 7, 8]]


def test_two_doses_are_not_the_same_content() -> None:
    metadata = pd.DataFrame(
        {
            "Metadata_Perturbation": "taxol",
            "Metadata_ControlType": "",
            "Metadata_Batch": list("aabb"),
            "Metadata_Dose": [1.0, 1.0, 3.0, 3.0],
        }
    )
    assert comparable_groups(metadata) == []


def test_the_probe_names_separate_batches_and_guesses_mixed_ones() -> None:
    assert probe(two_batches(20.0), BATCHES, None, 0).accuracy == 1.0
    accuracies = [probe(two_batches(0.0, seed), BATCHES, None, 0).accuracy for seed in range(10)]
    assert np.mean(accuracies) == pytest.approx(0.5, abs=0.05)


def test_the_batch_is_not_read_from_a_known_plate() -> None:
    rng = np.random.default_rng(0)
    plates = np.repeat(np.arange(12), 10)
    # Every plate has its own place, at random: batches have nothing in common.
    values = 20 * rng.normal(size=(12, 30))[plates] + rng.normal(size=(120, 30))
    by_wells = probe(values, BATCHES, None, 0)
    by_plates = probe(values, BATCHES, plates, 0)
    assert (by_wells.held_out, by_plates.held_out) == ("wells", "plates")
    assert by_wells.accuracy == 1.0
    assert by_plates.accuracy < 0.8
    assert by_plates.chance == 0.5


def test_what_cannot_be_told_apart_says_why() -> None:
    with pytest.raises(CannotScoreError, match="fewer than two"):
        probe(np.ones((4, 2)), np.array(["a", "a", "a", "b"]), None, 0)
    with pytest.raises(CannotScoreError, match="all profiles are equal"):
        probe(np.ones((4, 2)), np.array(["a", "a", "b", "b"]), None, 0)
