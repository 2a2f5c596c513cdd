"""Annotated images in memory."""

import math

import numpy as np
import pytest

from platewise.segmentation.training.pairs import Pair, draw_weights, make_pair, object_diameter


def disks(side, diameter, step):
    label = np.zeros((side, side), np.int32)
    rows, columns = np.mgrid[:side, :side]
    for number, centre in enumerate(range(step // 2, side, step), 1):
        label[np.hypot(rows - centre, columns - centre) < diameter / 2] = number
    return label


def test_objects_get_a_little_more_than_the_working_size():
    label = disks(200, 40, 100)
    pair = make_pair("a", "g", "k", label[None].astype(np.float32), label, 20.0)
    image, scaled = pair.levels[0]
    assert image.shape == (1, *scaled.shape)
    assert scaled.shape == pytest.approx((125, 125), abs=1)
    assert pair.diameter == pytest.approx(25, rel=0.02)
    assert set(np.unique(scaled)) == {0, 1, 2}


def test_every_level_is_half_the_one_before():
    label = disks(256, 25, 64)
    pair = make_pair("a", "g", "k", label[None].astype(np.float32), label, 20.0, levels=4)
    assert [labels.shape for _, labels in pair.levels] == [(256, 256), (128, 128), (64, 64), (32, 32)]
    assert [image.shape[1:] for image, _ in pair.levels] == [labels.shape for _, labels in pair.levels]


def test_colour_images_keep_three_channels_and_cells_two():
    label = disks(64, 20, 32)
    image = np.random.default_rng(0).uniform(0, 255, (3, 64, 64)).astype(np.float32)
    assert make_pair("a", "g", "k", image, label, 20.0).levels[0][0].shape[0] == 3
    two = make_pair("a", "g", "k", image[:2] * np.array([1, 1000])[:, None, None], label, 20.0).levels[0][0]
    assert two.shape[0] == 2
    # Each channel is scaled by itself.
    assert two.max() == pytest.approx(two[0].max(), abs=0.05)


def test_an_image_without_objects_keeps_its_size():
    pair = make_pair("a", "g", "k", np.ones((1, 50, 60), np.float32), np.zeros((50, 60), np.int32), 20.0)
    assert pair.levels[0][1].shape == (50, 60)
    assert math.isnan(pair.diameter)


def test_the_diameter_is_that_of_the_median_object():
    label = np.zeros((10, 40), np.int32)
    label[0, 0], label[2:4, 2:4], label[:, 10:40] = 5, 2, 9
    assert object_diameter(label) == pytest.approx(2 * math.sqrt(4 / math.pi))


def test_classes_weigh_as_the_root_of_their_images_and_groups_alike():
    def pair(kind, group):
        return Pair("", group, kind, (), 20.0)

    pairs = [pair("many", f"g{number}") for number in range(14)]
    pairs += [pair("many", "twice"), pair("many", "twice"), pair("rare", "g0")]
    weights = draw_weights(pairs)
    assert weights.sum() == pytest.approx(1)
    assert weights[-1] == pytest.approx(1 / (4 + 1))
    assert weights[0] == pytest.approx(4 / 5 / 15)
    assert weights[14] == weights[15] == pytest.approx(weights[0] / 2)
