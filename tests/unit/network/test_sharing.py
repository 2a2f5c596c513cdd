"""Common plates, and pairs drawn evenly with and without one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from platewise.network import sharing
from platewise.network.sharing import APART, SHARED, SharedPlates, replicate_kinds

# Node 0 is on plates 0, 1, 2; nodes 1 and 2 meet it on several of them; node 5 is alone.
WELLS = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 2), (3, 3), (4, 3), (4, 3), (5, 4)]
TOGETHER = {(0, 1), (0, 2), (1, 2), (3, 4)}


@pytest.fixture(params=["listed", "drawn"])
def shared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SharedPlates:
    """Few pairs are listed, many are drawn: both ways on the same plates."""
    monkeypatch.setattr(sharing, "_LISTED", 2_000_000 if request.param == "listed" else 0)
    nodes, plates = np.array(WELLS).T
    return SharedPlates(nodes, plates, 6)


def test_common_plates_are_counted(shared: SharedPlates) -> None:
    first, second = np.array([0, 0, 1, 3, 3, 5]), np.array([1, 2, 2, 4, 5, 0])
    assert shared.common(first, second).tolist() == [3, 1, 1, 1, 0, 0]
    rows, columns = shared.block(slice(0, 2), slice(1, 6))
    assert sorted(zip(rows.tolist(), (columns + 1).tolist(), strict=True)) == [(0, 1), (0, 2), (1, 1), (1, 2)]


@pytest.mark.parametrize("stratum", [APART, SHARED])
def test_pairs_are_drawn_evenly_and_each_once(shared: SharedPlates, stratum: int) -> None:
    rng = np.random.default_rng(0)
    every = {(i, j) for i in range(6) for j in range(i + 1, 6)}
    expected = TOGETHER if stratum == SHARED else every - TOGETHER
    seen: Counter[tuple[int, int]] = Counter()
    for _ in range(1000):
        pairs = list(zip(*(ends.tolist() for ends in shared.draw_pairs(stratum, 2, rng)), strict=True))
        assert len(set(pairs)) == 2
        seen.update(pairs)
    assert set(seen) == expected
    assert chisquare(list(seen.values())).pvalue > 0.01


def test_all_pairs_where_there_are_fewer_than_asked_for(shared: SharedPlates) -> None:
    first, second = shared.draw_pairs(SHARED, 100, np.random.default_rng(0))
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == sorted(TOGETHER)


def test_no_pair_shares_a_plate(shared: SharedPlates) -> None:
    alone = SharedPlates(np.arange(3), np.arange(3), 3)
    first, _ = alone.draw_pairs(SHARED, 5, np.random.default_rng(0))
    assert len(first) == 0
    empty = SharedPlates(np.zeros(0, int), np.zeros(0, int), 0)
    assert len(empty.draw_pairs(APART, 5, np.random.default_rng(0))[0]) == 0


@pytest.mark.parametrize("listed", [2_000_000, 0])
def test_pairs_are_drawn_evenly_from_those_with_as_many_wells(listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_LISTED", listed)
    kinds = [1, 0, 0, 1, 0, 3]
    shared = SharedPlates(*np.array(WELLS).T, 6, np.array(kinds))
    every = [(i, j) for i in range(6) for j in range(i + 1, 6)]
    of = shared.stratum(*np.array(every).T)
    assert shared.strata == 12
    rng = np.random.default_rng(1)
    seen = set()
    for stratum in range(12):
        expected = {pair for pair, own in zip(every, of, strict=True) if own == stratum}
        groups = {tuple(sorted((kinds[i], kinds[j]))) for i, j in expected}
        assert len(groups) <= 1
        assert {pair in TOGETHER for pair in expected} <= {stratum % 2 == SHARED}
        drawn: Counter[tuple[int, int]] = Counter()
        for _ in range(300 if listed else 30):
            pairs = zip(*(ends.tolist() for ends in shared.draw_pairs(stratum, 1, rng)), strict=True)
            drawn.update(tuple(sorted(pair)) for pair in pairs)
        assert set(drawn) <= expected
        if len(expected) > 1 and listed:
            assert chisquare([drawn[pair] for pair in expected]).pvalue > 0.01
        assert bool(drawn) == bool(expected)
        seen |= expected
    assert seen == set(every)


def test_wells_are_counted_in_powers_of_two() -> None:
    counts = {"a": [1], "b": [2], "c": [1, 2], "d": [4, 4], "e": [40], "f": [2, 2, 2]}
    rows = [(name, float(dose)) for name, own in counts.items() for dose, wells in enumerate(own) for _ in range(wells)]
    wells = pd.DataFrame([*rows, ("g", np.nan), ("DMSO", np.nan)], columns=["Metadata_Perturbation", "Metadata_Dose"])
    names = np.array([*counts, "g"], dtype=object)
    assert replicate_kinds(wells, names, "mean").tolist() == [0, 1, 1, 3, 4, 2, 0]
    # One dose is chosen: its own wells are all that there are.
    assert replicate_kinds(wells, names, "strongest").tolist() == [0, 1, 0, 2, 4, 1, 0]
