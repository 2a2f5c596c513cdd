"""Balanced draws."""

from __future__ import annotations

import numpy as np

from platewise.embedding.sampling import BalancedSampler

# Class 0: 900 cells on plate 0 and 60 on plate 1; class 2: 3 cells on plate 1. There is no class 1.
CLASSES = np.array([0] * 900 + [2] * 3 + [0] * 60)
PLATES = np.array([0] * 900 + [1] * 3 + [1] * 60)


def test_classes_and_their_plates_are_drawn_evenly_whatever_their_sizes():
    rows = BalancedSampler(CLASSES, PLATES).draw(8000, np.random.default_rng(0))
    assert rows.shape == (8000,)
    counts = [((CLASSES[rows] == kind) & (PLATES[rows] == plate)).sum() for kind, plate in ((0, 0), (0, 1), (2, 1))]
    # Binomial with p = 1/4, 1/4, 1/2: deviations 39, 39, 45.
    assert np.abs(np.array(counts) - [2000, 2000, 4000]).max() < 200
    assert sum(counts) == 8000


def test_cells_of_a_group_are_drawn_evenly():
    rows = BalancedSampler(CLASSES, PLATES).draw(9000, np.random.default_rng(1))
    counts = np.bincount(rows, minlength=963)
    # Each of the 3 cells of class 2: 1500 expected, deviation 35.
    assert np.abs(counts[900:903] - 1500).max() < 160
    assert counts[:900].max() < 15


def test_one_group_and_shuffled_rows():
    assert set(BalancedSampler(np.zeros(4), np.zeros(4)).draw(200, np.random.default_rng(0))) == {0, 1, 2, 3}
    order = np.random.default_rng(3).permutation(963)
    rows = BalancedSampler(CLASSES[order], PLATES[order]).draw(4000, np.random.default_rng(0))
    assert abs((CLASSES[order][rows] == 2).sum() - 2000) < 150
