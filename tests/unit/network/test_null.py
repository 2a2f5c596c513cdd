"""Labels are shuffled within plates, and p-values are uniform when labels say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, kstest

from platewise.config.network import NetworkConfig
from platewise.network.edges import false_discovery_rates, judge_pairs
from platewise.network.nodes import unit_rows
from platewise.network.null import Null, shuffle_within, shuffled_null
from platewise.network.pairs import scan_pairs
from platewise.network.sharing import SharedPlates
from platewise.profiles.consensus import combine


def test_shuffles_stay_within_their_group() -> None:
    rng = np.random.default_rng(0)
    groups = np.array([1, 0, 1, 0, 1, 2])
    labels = np.arange(6)
    seen = set()
    for _ in range(200):
        shuffled = shuffle_within(labels, groups, rng)
        for group in range(3):
            assert sorted(shuffled[groups == group]) == sorted(labels[groups == group])
        seen.add(tuple(shuffled))
    # 3! ways for one group, 2! for another, 1 for the last: all of them are reached.
    assert len(seen) == 12


@pytest.mark.parametrize(("wells", "groups"), [(0, 1), (1, 1), (500, 7), (2000, 70_000)])
def test_shuffles_are_those_of_one_sort_by_group_and_chance(wells: int, groups: int) -> None:
    labels, group = np.random.default_rng(0).integers(0, [[50], [groups]], (2, wells))
    places = np.lexsort([np.arange(wells), group])
    expected = np.empty_like(labels)
    expected[places] = labels[np.lexsort([np.random.default_rng(1).random(wells), group])]
    assert shuffle_within(labels, group, np.random.default_rng(1)).tolist() == expected.tolist()


def test_b_and_p_are_counted_as_defined() -> None:
    null = Null((np.array([-0.5, 0.0, 0.2, 0.2]), np.array([0.9])))
    assert null.exceeding(np.array([0.3, 0.2, -1.0]), 0).tolist() == [0, 2, 4]
    assert null.p_values(0).tolist() == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert null.p_values(1).tolist() == [0.5, 1.0]


def test_q_values_are_benjamini_hochberg_over_all_pairs() -> None:
    rng = np.random.default_rng(1)
    unit = unit_rows(rng.normal(size=(40, 4))).astype(np.float32)
    wells = rng.integers(0, [[40], [30]], (2, 60))
    shared = SharedPlates(*wells, 40)
    null = Null((np.sort(rng.uniform(-1, 0.5, 300)), np.sort(rng.uniform(-1, 1, 50))))
    first, second = np.triu_indices(40, k=1)
    similarity = (unit @ unit.T)[first, second]
    plates = [set(wells[1, wells[0] == node]) for node in range(40)]
    strata = np.array([bool(plates[i] & plates[j]) for i, j in zip(first, second, strict=True)])
    assert 0 < strata.sum() < len(strata)
    p = np.array([null.p_values(int(s))[null.exceeding(v, int(s))] for v, s in zip(similarity, strata, strict=True)])
    expected = false_discovery_control(p, method="bh")
    found = false_discovery_rates(p, scan_pairs(unit, shared, 3).counts, null)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def simulate(rng: np.random.Generator, plate_effect: float) -> np.ndarray:
    """One campaign without any phenotype: p of every pair."""
    plates = np.repeat(np.arange(6), 8)
    labels = np.tile(np.arange(8), 6) + 8 * (plates // 3)
    values = rng.normal(size=(48, 12)) + plate_effect * rng.normal(size=(6, 12))[plates]
    names = 16
    shared = SharedPlates(labels, plates, names)

    def profile(codes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return combine(values, codes, names, "mean")[wanted]

    null = shuffled_null(profile, labels, plates, shared, 40, NetworkConfig().null_size, int(rng.integers(1 << 30)))
    unit = unit_rows(profile(labels, np.arange(names)))
    first, second = np.triu_indices(names, k=1)
    similarity = (unit @ unit.T)[first, second]
    strata = (first // 8 == second // 8).astype(int)
    return np.array([null.p_values(s)[null.exceeding(v, s)] for v, s in zip(similarity, strata, strict=True)])


def test_p_values_are_uniform_without_phenotype_even_with_plate_effects() -> None:
    rng = np.random.default_rng(2)
    p = np.array([simulate(rng, plate_effect=1.0) for _ in range(40)])
    # One pair of each kind a campaign, so that the values are independent.
    assert kstest(p[:, 0], "uniform").pvalue > 0.01
    assert kstest(p[:, 10], "uniform").pvalue > 0.01
    assert 0.03 < (p < 0.05).mean() < 0.07


def simulate_unequal(rng: np.random.Generator, by_wells: bool) -> dict[tuple[int, int], float]:
    """One campaign without any phenotype whose wells have an offset in common: p of a pair of each kind, by wells."""
    counts = np.repeat([2, 8, 24], [24, 9, 3])
    labels = np.repeat(np.arange(36), counts)
    plates = np.zeros(len(labels), dtype=int)
    values = rng.normal(size=(len(labels), 12)) + 0.6
    shared = SharedPlates(labels, plates, 36, np.log2(counts).astype(int) if by_wells else None)

    def profile(codes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return combine(values, codes, 36, "mean")[wanted]

    null = shuffled_null(profile, labels, plates, shared, 60, 20_000, int(rng.integers(1 << 30)))
    unit = unit_rows(profile(labels, np.arange(36))).astype(np.float32)
    ends = np.array([[0, 1], [0, 24], [0, 33], [24, 25], [24, 33], [33, 34]])
    _, p, q = judge_pairs(unit, ends, scan_pairs(unit, shared, 3).counts, shared, null)
    assert (q >= p).all()
    return {(int(counts[i]), int(counts[j])): own for (i, j), own in zip(ends, p, strict=True)}


def test_p_values_are_uniform_whatever_the_numbers_of_replicates() -> None:
    rng = np.random.default_rng(5)
    found = [simulate_unequal(rng, by_wells=True) for _ in range(200)]
    for kind in found[0]:
        assert kstest([p[kind] for p in found], "uniform").pvalue > 0.01, kind
    # One null for all: what wells have in common shows where many are averaged.
    pooled = [simulate_unequal(rng, by_wells=False) for _ in range(60)]
    assert np.mean([p[24, 24] < 0.05 for p in pooled]) > 0.5
    assert np.mean([p[2, 2] < 0.05 for p in pooled]) < 0.05


def test_a_pair_of_a_kind_of_its_own_is_held_against_every_shuffle_of_it() -> None:
    labels = np.repeat(np.arange(6), [1, 1, 1, 1, 8, 8])
    shared = SharedPlates(labels, np.zeros(len(labels), dtype=int), 6, np.array([0, 0, 0, 0, 3, 3]))
    values = np.random.default_rng(0).normal(size=(len(labels), 4))

    def profile(codes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return combine(values, codes, 6, "mean")[wanted]

    null = shuffled_null(profile, labels, np.zeros(len(labels), dtype=int), shared, 50, 20_000, 0)
    # All lie on one plate: six pairs of single wells, eight mixed ones, and one, each once a shuffle.
    assert [len(values) for values in null.values] == [0, 300, 0, 400, 0, 50]
    assert null.p_values(5)[0] == 1 / 51
