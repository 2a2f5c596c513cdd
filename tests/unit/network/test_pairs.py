"""All pairs block by block, held against a matrix of all pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from platewise.network import pairs
from platewise.network.nodes import unit_rows
from platewise.network.pairs import BINS, scan_pairs, to_bins
from platewise.network.sharing import SharedPlates


def naive(unit: np.ndarray, plates: list[set[int]], neighbours: int, strongest: int) -> tuple[np.ndarray, ...]:
    """The same with loops over a matrix of all pairs."""
    nodes, matrix = len(unit), unit @ unit.T
    counts = np.zeros((2, BINS + 1), dtype=int)
    listed = []
    for i in range(nodes):
        for j in range(i + 1, nodes):
            counts[int(bool(plates[i] & plates[j])), int((float(matrix[i, j]) + 1) * BINS / 2)] += 1
            listed.append((-matrix[i, j], i, j))
    np.fill_diagonal(matrix, -np.inf)
    nearest = np.argsort(-matrix, axis=1, kind="stable")[:, : min(neighbours, nodes - 1)]
    return counts, nearest, np.array([pair[1:] for pair in sorted(listed)[:strongest]])


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_BLOCK", 16)


@pytest.mark.parametrize("nodes", [2, 15, 16, 17, 70])
@pytest.mark.parametrize("exact", [True, False])
def test_the_same_as_a_matrix_of_all_pairs(nodes: int, exact: bool) -> None:
    rng = np.random.default_rng(nodes)
    # Rows of sixteen quarters have cosines that single precision holds exactly, with many equal ones among them.
    unit = rng.choice([-0.25, 0.25], (nodes, 16)) if exact else unit_rows(rng.normal(size=(nodes, 7)))
    unit = unit.astype(np.float32)
    wells = rng.integers(0, [[nodes], [12]], (2, 2 * nodes))
    plates = [set(wells[1, wells[0] == node].tolist()) for node in range(nodes)]
    strongest = max(nodes * (nodes - 1) // 10, 1)
    counts, nearest, top = naive(unit, plates, 5, strongest)
    found = scan_pairs(unit, SharedPlates(*wells, nodes), 5, strongest)
    np.testing.assert_array_equal(found.counts.sum(axis=1), counts.sum(axis=1))
    np.testing.assert_array_equal(found.nearest, nearest)
    np.testing.assert_array_equal(found.strongest, top)
    np.testing.assert_allclose(found.similarity, np.take_along_axis(unit @ unit.T, nearest, axis=1), atol=1e-6)
    if exact:
        np.testing.assert_array_equal(found.counts, counts)


def test_pairs_are_counted_by_their_strata() -> None:
    rng = np.random.default_rng(3)
    unit, kinds = rng.choice([-0.25, 0.25], (50, 16)).astype(np.float32), rng.integers(0, 3, 50)
    wells = rng.integers(0, [[50], [20]], (2, 100))
    shared = SharedPlates(*wells, 50, kinds)
    first, second = np.triu_indices(50, k=1)
    expected = np.zeros((12, BINS + 1), dtype=int)
    np.add.at(expected, (shared.stratum(first, second), to_bins((unit @ unit.T)[first, second])), 1)
    assert (expected.sum(axis=1) > 0).all()
    np.testing.assert_array_equal(scan_pairs(unit, shared, 5).counts, expected)


def test_profiles_on_disk_give_the_same(tmp_path: Path) -> None:
    unit = unit_rows(np.random.default_rng(0).normal(size=(50, 6))).astype(np.float32)
    np.save(tmp_path / "unit.npy", unit)
    shared = SharedPlates(np.arange(50), np.arange(50) // 5, 50)
    memory, disk = (scan_pairs(rows, shared, 4, 30) for rows in (unit, np.load(tmp_path / "unit.npy", mmap_mode="r")))
    for name in ("counts", "nearest", "similarity", "strongest"):
        np.testing.assert_array_equal(getattr(memory, name), getattr(disk, name))


@pytest.mark.parametrize("nodes", [0, 1])
def test_without_a_pair_nothing_is_found(nodes: int) -> None:
    shared = SharedPlates(np.arange(nodes), np.arange(nodes), nodes)
    scan = scan_pairs(np.ones((nodes, 3), dtype=np.float32), shared, 5, 5)
    assert scan.counts.sum() == 0
    assert scan.nearest.shape == (nodes, 0)
    assert scan.strongest.shape == (0, 2)


def test_bins_go_from_minus_one_to_one() -> None:
    assert to_bins(np.array([-1.0, 0.0, 1.0, 1.0000002, -1.1])).tolist() == [0, BINS // 2, BINS, BINS, 0]
