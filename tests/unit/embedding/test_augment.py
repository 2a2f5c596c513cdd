"""Augmentations on crops whose every pixel is known."""

from __future__ import annotations

import numpy as np
import torch

from platewise.config.embedding import AugmentConfig
from platewise.embedding.augment import augment, restain, shift, turn

CROP = torch.arange(9.0).reshape(1, 1, 3, 3)


def test_the_eight_ways_to_turn_are_all_different_and_keep_the_centre():
    turned = turn(CROP.repeat(8, 1, 1, 1), np.arange(8))
    assert torch.equal(turned[0], CROP[0])
    assert turned[1, 0].tolist() == [[2, 5, 8], [1, 4, 7], [0, 3, 6]]
    assert turned[4, 0].tolist() == [[2, 1, 0], [5, 4, 3], [8, 7, 6]]
    assert len({tuple(crop.flatten().tolist()) for crop in turned}) == 8
    assert turned[:, 0, 1, 1].tolist() == [4.0] * 8


def test_each_crop_is_turned_in_its_own_way():
    two = turn(torch.cat([CROP, CROP + 10]), np.array([2, 0]))
    assert two[0, 0].tolist() == [[8, 7, 6], [5, 4, 3], [2, 1, 0]]
    assert torch.equal(two[1], CROP[0] + 10)


def test_shift_moves_down_and_right_and_fills_with_zero():
    moved = shift(torch.cat([CROP, CROP]) + 1, np.array([[1, 0], [0, -2]]))
    assert moved[0, 0].tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    assert moved[1, 0].tolist() == [[3, 0, 0], [6, 0, 0], [9, 0, 0]]


def test_restain_changes_each_channel_of_each_crop_alone():
    crops = torch.ones(2, 2, 1, 1)
    changed = restain(crops, np.array([[1, 2], [3, 4]]), np.array([[0, 10], [20, 30]]))
    assert changed.flatten().tolist() == [1, 12, 23, 34]


def test_restain_leaves_what_is_outside_at_zero():
    crops = torch.ones(1, 2, 2, 2)
    crops[0, :, 0, 0] = 0
    # Zero in one channel only: inside, and as bright as the mean.
    crops[0, 1, 1, 1] = 0
    changed = restain(crops, np.array([[2, 2]]), np.array([[5, 7]]))
    assert changed[0].tolist() == [[[0, 7], [7, 7]], [[0, 9], [9, 7]]]


def test_what_is_shifted_in_stays_zero():
    crops = torch.ones(8, 2, 6, 6)
    changed = augment(crops, AugmentConfig(turns=False, shift=3), np.random.default_rng(0))
    outside = (changed == 0).all(dim=1)
    by = np.random.default_rng(0).integers(-3, 4, (8, 2))
    assert outside.sum(dim=(1, 2)).tolist() == [36 - (6 - abs(down)) * (6 - abs(right)) for down, right in by]


def test_nothing_to_do_changes_nothing():
    crops = torch.rand(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    still = AugmentConfig(turns=False, shift=0, gain=0, offset=0)
    assert torch.equal(augment(crops, still, np.random.default_rng(0)), crops)


def test_the_same_generator_gives_the_same_change_and_another_does_not():
    crops = torch.rand(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    one, same, other = (augment(crops, AugmentConfig(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
