"""Random crops: the truth changes with the image."""

import numpy as np
import pytest

from platewise.config.segmenters import SegmenterAugmentConfig
from platewise.segmentation.training.augment import Crop, draw_crop, recolour, relight, see_at_extremes
from platewise.segmentation.training.pairs import Pair, object_diameter

CALM = SegmenterAugmentConfig(scale=1, elastic=0, intensity=0, blur=0, noise=0, invert=0, colour=0)


def field(side=200, diameter=20):
    label = np.zeros((side, side), np.int32)
    rows, columns = np.mgrid[:side, :side]
    for number, (row, column) in enumerate(np.mgrid[20:side:40, 20:side:40].reshape(2, -1).T, 1):
        label[np.hypot(rows - row, columns - column) < diameter / 2] = number
    image = (label > 0).astype(np.float16)[None]
    return Pair("f", "g", "k", ((image, label), (image[:, ::2, ::2], label[::2, ::2])), object_diameter(label))


def overlap(image, label):
    bright = image[0] > 0.5
    return (bright & (label > 0)).sum() / (bright | (label > 0)).sum()


@pytest.mark.parametrize("seed", range(5))
def test_bends_and_turns_move_image_and_truth_alike(seed):
    crop = draw_crop(field(), 96, 20.0, 1.6, CALM.model_copy(update={"elastic": 0.3}), np.random.default_rng(seed))
    assert crop.image.shape == (1, 96, 96)
    assert crop.label.shape == (96, 96)
    assert crop.label.any()
    assert overlap(crop.image, crop.label) > 0.9


@pytest.mark.parametrize("diameter", [6.0, 20.0, 40.0])
def test_objects_have_the_size_that_was_asked_for(diameter):
    sizes = [
        object_diameter(draw_crop(field(), 200, diameter, 1.0, CALM, np.random.default_rng(seed)).label)
        for seed in range(5)
    ]
    assert np.median(sizes) == pytest.approx(diameter, rel=0.15)


def test_a_crop_knows_the_size_of_its_images_objects_though_it_cuts_them():
    label = np.zeros((200, 200), np.int32)
    label[50:150, 50:150] = 1
    halves = [((label > 0).astype(np.float16)[None], label)]
    halves.append((halves[0][0][:, ::2, ::2], label[::2, ::2]))
    for levels in (1, 2):
        pair = Pair("f", "g", "k", tuple(halves[:levels]), object_diameter(label))
        for seed in range(5):
            crop = draw_crop(pair, 32, 50.0, 1.0, CALM, np.random.default_rng(seed))
            assert crop.diameter == pytest.approx(50.0)
            assert object_diameter(crop.label) < 40
    small = draw_crop(pair, 32, 50.0, 3.0, CALM, np.random.default_rng(1)).diameter
    assert 50 / 3 <= small <= 150
    assert small != pytest.approx(50.0)


def test_the_spread_is_what_it_says():
    sizes = [
        object_diameter(draw_crop(field(), 160, 20.0, 2.0, CALM, np.random.default_rng(seed)).label)
        for seed in range(40)
    ]
    assert 9 < min(sizes) < 13
    assert 30 < max(sizes) < 44


def test_the_same_seed_gives_the_same_crop():
    first, second = (
        draw_crop(field(), 64, 20.0, 1.6, SegmenterAugmentConfig(), np.random.default_rng(3)) for _ in range(2)
    )
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.label, second.label)


def test_most_crops_of_a_sparse_image_show_its_object():
    label = np.zeros((800, 800), np.int32)
    label[700:720, 700:720] = 1
    pair = Pair("f", "g", "k", (((label > 0).astype(np.float16)[None], label),), object_diameter(label))
    shown = [draw_crop(pair, 64, 20.0, 1.0, CALM, np.random.default_rng(seed)).label.any() for seed in range(50)]
    assert np.mean(shown) > 0.6


def test_what_lies_beyond_the_image_is_empty():
    crop = draw_crop(field(40), 200, 20.0, 1.0, CALM, np.random.default_rng(0))
    assert crop.label[:20].max() == 0
    assert np.abs(crop.image[:, :20]).max() == 0


def test_nothing_is_relit_that_should_not_be():
    image = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    for seed in range(20):
        ramped = relight(image, CALM, np.random.default_rng(seed))
        np.testing.assert_allclose(ramped, image, atol=1e-6)


def test_inversion_turns_bright_to_dark():
    image = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    inverted = relight(image, CALM.model_copy(update={"invert": 1.0}), np.random.default_rng(0))
    np.testing.assert_allclose(inverted, 1 - image, atol=1e-6)


def test_grey_images_are_not_recoloured_and_colour_images_keep_their_shape():
    always = CALM.model_copy(update={"colour": 1.0})
    grey = np.full((1, 4, 4), 0.5, np.float32)
    assert recolour(grey, always, np.random.default_rng(0)) is grey
    colour = np.random.default_rng(0).uniform(0, 1, (3, 16, 16)).astype(np.float32)
    results = [recolour(colour, always, np.random.default_rng(seed)) for seed in range(20)]
    assert all(result.shape == colour.shape and np.isfinite(result).all() for result in results)
    assert any(np.array_equal(result[0], result[1]) for result in results)
    assert not any(np.array_equal(result, colour) for result in results)


def test_crops_are_overexposed_and_emptied_but_for_a_few_objects():
    crop = draw_crop(field(), 160, 20.0, 1.0, CALM, np.random.default_rng(0))
    counts, cut = [], 0
    for seed in range(200):
        seen = see_at_extremes(crop, np.random.default_rng(seed))
        numbers = np.unique(seen.label[seen.label > 0])
        counts.append(len(numbers))
        assert seen.diameter == crop.diameter
        np.testing.assert_array_equal(seen.label[seen.label > 0], crop.label[seen.label > 0])
        inside, outside = seen.image[0][seen.label > 0], seen.image[0][seen.label == 0]
        # What is no longer in the truth is no longer in the picture.
        assert np.median(inside) > np.percentile(outside, 80)
        cut += (seen.image >= seen.image.max()).mean() > 0.05
    whole = len(np.unique(crop.label)) - 1
    assert whole > 3
    assert 0.04 < np.mean(np.array(counts) <= 3) < 0.2
    assert set(counts) <= {1, 2, 3, whole}
    assert cut > 10


def test_a_crop_without_objects_stays_without():
    empty = Crop(np.ones((1, 32, 32), np.float32), np.zeros((32, 32), np.int32), 20.0)
    for seed in range(30):
        assert not see_at_extremes(empty, np.random.default_rng(seed)).label.any()
