"""Which cells are cropped."""

from __future__ import annotations

import numpy as np
import pytest

from platewise.config.crops import CropsConfig
from platewise.crops.choose import object_wells, select_objects


def wells_of_cells(counts):
    """Objects (n, 4) with ``counts[(row, column)]`` cells a well, half of them on each of two sites."""
    return np.array(
        [(*well, 1 + number % 2, number + 1) for well, n in counts.items() for number in range(n)], np.int32
    )


def test_all_cells_are_kept_in_the_order_of_the_plate():
    objects = wells_of_cells({(1, 2): 4, (0, 0): 3})
    kept = select_objects(objects[::-1], "all", 1, seed=0, plate="P1")
    assert kept[:, [0, 1, 3]].tolist() == [[0, 0, 1], [0, 0, 3], [0, 0, 2], [1, 2, 1], [1, 2, 3], [1, 2, 2], [1, 2, 4]]


def test_a_sample_holds_so_many_cells_of_each_well_and_all_of_a_small_one():
    objects = wells_of_cells({(0, 0): 40, (0, 1): 5, (3, 7): 11})
    kept = select_objects(objects, "sample", 10, seed=1, plate="P1")
    wells, counts = np.unique(kept[:, :2], axis=0, return_counts=True)
    assert wells.tolist() == [[0, 0], [0, 1], [3, 7]]
    assert counts.tolist() == [10, 5, 10]
    assert len(np.unique(kept, axis=0)) == 25
    everything = {tuple(row) for row in objects.tolist()}
    assert {tuple(row) for row in kept.tolist()} <= everything


def test_the_sample_of_a_well_depends_neither_on_the_block_nor_on_the_order():
    objects = wells_of_cells({(0, 0): 40, (0, 1): 30})
    together = select_objects(np.random.default_rng(0).permutation(objects), "sample", 10, seed=1, plate="P1")
    apart = [select_objects(objects[objects[:, 1] == column], "sample", 10, seed=1, plate="P1") for column in (0, 1)]
    assert np.array_equal(together, np.concatenate(apart))


def test_the_sample_changes_with_seed_plate_and_well():
    objects = wells_of_cells({(0, 0): 200, (0, 1): 200})

    def numbers(seed, plate, column):
        kept = select_objects(objects, "sample", 20, seed, plate)
        return kept[kept[:, 1] == column, 3].tolist()

    samples = [numbers(1, "P1", 0), numbers(2, "P1", 0), numbers(1, "P2", 0), numbers(1, "P1", 1)]
    assert len({tuple(sample) for sample in samples}) == 4


def test_every_cell_is_equally_likely_to_be_sampled():
    objects = wells_of_cells({(0, 0): 20})
    drawn = np.zeros(21)
    for seed in range(400):
        drawn[select_objects(objects, "sample", 5, seed, "P1")[:, 3]] += 1
    # Binomial(400, 1/4): mean 100, deviation 8.7; 40 is 4.6 deviations.
    assert np.abs(drawn[1:] - 100).max() < 40


def test_wells_of_objects():
    assert object_wells(np.array([[0, 0, 1, 5], [7, 11, 2, 1], [26, 0, 1, 1]])).tolist() == ["A01", "H12", "AA01"]


def test_config_defaults_and_odd_sizes():
    config = CropsConfig()
    assert (config.size, config.keep, config.keep_border, config.mask) == (96, "sample", False, "none")
    with pytest.raises(ValueError, match=r"crop size 95 is odd.*such as 96"):
        CropsConfig(size=95)
