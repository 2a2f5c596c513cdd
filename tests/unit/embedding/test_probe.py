"""The linear probe: what it can read, what it must not, and when it says nothing."""

import numpy as np
import pytest

from platewise.embedding.probe import probe_accuracy

RNG = np.random.default_rng


def test_what_lies_apart_is_read():
    origins = np.repeat([0, 1, 2], 40)
    features = (np.eye(3)[origins] + RNG(0).normal(0, 0.05, (120, 3))).astype(np.float32)
    assert probe_accuracy(features, origins, np.zeros(120, int), np.arange(120) // 10, RNG(1)) == 1


def test_noise_is_read_as_often_as_by_chance():
    origins, wells = np.repeat([0, 1], [1500, 500]), np.arange(2000) // 10
    found = [
        probe_accuracy(
            RNG(seed).normal(size=(2000, 5)).astype(np.float32), origins, np.zeros(2000, int), wells, RNG(seed)
        )
        for seed in range(4)
    ]
    # 250 tested cells of the smaller origin: a standard deviation of 0.03 for its half of the mean, 0.02 for both.
    assert found == pytest.approx([0.5] * 4, abs=0.08)


def test_cells_of_one_well_are_never_on_both_sides():
    """Features that tell the well and nothing else: a probe that had seen the wells would be right every time."""
    wells = np.arange(400) // 10
    origins = wells % 2
    features = np.eye(40)[wells].astype(np.float32)
    assert probe_accuracy(features, origins, np.zeros(400, int), wells, RNG(0)) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_features_that_tell_the_class_do_not_tell_the_origin(seed):
    """Two wells of each of six classes, one in each origin: whatever half they fall in, both origins are alike."""
    wells = np.arange(240) // 20
    origins, classes = wells % 2, wells // 2
    features = np.eye(6)[classes].astype(np.float32)
    assert probe_accuracy(features, origins, classes, wells, RNG(seed)) == pytest.approx(0.5)


def test_classes_count_alike_whatever_their_number_of_cells():
    """The origin is told by the first class, of 400 cells, and not by the second, of 40: three in four are right."""
    classes = np.repeat([0, 1], [400, 40])
    wells = np.concatenate([np.arange(400) // 100, 4 + np.arange(40) // 10])
    origins = wells % 2
    # The second class always looks like origin 0, and is known to be of no use.
    told = np.where(classes == 0, 2.0 * origins - 1, 0.0)
    features = np.column_stack([told, classes]).astype(np.float32)
    assert probe_accuracy(features, origins, classes, wells, RNG(0)) == pytest.approx(0.75)


def test_a_single_batch_or_a_single_well_is_nothing_to_read():
    features, nothing = RNG(0).normal(size=(20, 2)).astype(np.float32), np.zeros(20, int)
    assert np.isnan(probe_accuracy(features, nothing, nothing, np.arange(20), RNG(0)))
    assert np.isnan(probe_accuracy(features, np.arange(20) // 10, nothing, np.arange(20) // 10, RNG(0)))


def test_the_same_seed_parts_the_same_wells():
    features, origins = RNG(0).normal(size=(200, 4)).astype(np.float32), np.arange(200) % 2
    wells = np.arange(200) // 5 * 2 + origins
    one, two = (probe_accuracy(features, origins, np.zeros(200, int), wells, RNG(3)) for _ in range(2))
    assert one == two
