import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.transform import resize

from platewise.segmentation.decode.resize import resize_label


def half(label):
    """The label and the foreground of an image at half its size, as a network would see it."""
    foreground = resize((label > 0).astype(float), [side // 2 for side in label.shape], order=1, anti_aliasing=False)
    return label[::2, ::2] * (foreground > 0.5), foreground.astype(np.float32)


@pytest.mark.parametrize("centres", [[(50, 50), (50, 100), (110, 60)], [(50, 50), (50, 89), (85, 70)]])
def test_disks_of_40_pixels_keep_their_shape_through_half_the_size(draw, centres):
    truth = draw((160, 160), [(y, x, 20, 20) for y, x in centres])
    back = resize_label(*half(truth), truth.shape)
    for number in (1, 2, 3):
        a, b = truth == number, back == number
        assert (a & b).sum() / (a | b).sum() > 0.95


def test_outlines_are_smoother_than_those_of_repeated_pixels(draw):
    truth = draw((120, 120), [(60, 60, 40, 40)])
    quarter = resize((truth > 0).astype(float), (30, 30), order=1, anti_aliasing=True).astype(np.float32)
    label = (quarter > 0.5).astype(np.int32)
    smooth = resize_label(label, quarter, truth.shape)
    coarse = np.kron(label, np.ones((4, 4), int))
    assert (smooth != truth).sum() < 0.25 * (coarse != truth).sum()


def test_the_line_between_touching_objects_is_straight_where_theirs_is():
    label = np.array([[1, 1, 2, 2]] * 4, np.int32)
    back = resize_label(label, np.ones((4, 4), np.float32), (12, 12))
    np.testing.assert_array_equal(back, [[1] * 6 + [2] * 6] * 12)


def test_the_same_size_changes_nothing(disks):
    foreground = np.where(disks > 0, 0.7, 0.2).astype(np.float32)
    np.testing.assert_array_equal(resize_label(disks, foreground, disks.shape), disks)


def test_filled_holes_stay_filled_and_dropped_objects_stay_away():
    label = np.zeros((9, 20), np.int32)
    label[1:8, 1:8] = 1
    foreground = label.astype(np.float32)
    foreground[4, 4] = 0  # a hole that the decoder filled
    foreground[2:7, 12:18] = 1  # an object that it dropped
    back = resize_label(label, foreground, (27, 60))
    assert back[13, 13] == 1
    assert not back[:, 30:].any()


def test_the_decoders_threshold_is_the_outline():
    ramp = np.tile(np.linspace(0, 1, 21, dtype=np.float32), (3, 1))
    wide = resize_label((ramp > 0.25).astype(np.int32), ramp, (12, 84), threshold=0.25)
    narrow = resize_label((ramp > 0.75).astype(np.int32), ramp, (12, 84), threshold=0.75)
    assert (wide.sum(axis=1) == 84 - 22).all()
    assert (narrow.sum(axis=1) == 84 - 62).all()


@pytest.mark.parametrize("shape", [(37, 61), (73, 122), (500, 833), (20, 30), (3, 700)])
def test_no_object_vanishes_or_changes_its_number(shape):
    rng = np.random.default_rng(5)
    label = np.zeros((73, 122), np.int32)
    label.ravel()[rng.permutation(label.size)[:300]] = rng.permutation(300) + 1
    foreground = np.where(label > 0, 0.51, 0).astype(np.float32)
    back = resize_label(label, foreground, shape)
    np.testing.assert_array_equal(np.unique(back[back > 0]), np.arange(1, 301))


def test_a_restored_object_lies_where_it_was_and_takes_no_other_object_away():
    label = np.zeros((40, 40), np.int32)
    label[8:28, 8:28] = 1
    label[17, 17] = 2
    label[30, 3] = 3
    back = resize_label(label, (label > 0).astype(np.float32), (10, 10))
    assert back[4, 4] == 2
    assert back[7, 0] == 3
    assert (back == 1).sum() == 24


def test_as_many_objects_as_pixels_still_find_a_place():
    label = np.arange(1, 17, dtype=np.int32).reshape(4, 4)
    back = resize_label(label, np.ones((4, 4), np.float32), (1, 16))
    assert sorted(back.ravel()) == list(range(1, 17))


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (1, 10_000)])
def test_nothing_stays_nothing(shape):
    assert not resize_label(np.zeros((2, 2), np.int32), np.ones((2, 2), np.float32), shape).any()


def test_turned_images_give_turned_labels(disks):
    foreground = ndi.gaussian_filter((disks > 0).astype(np.float32), 1)
    straight = resize_label(disks, foreground, (200, 240))
    turned = resize_label(disks[::-1, ::-1].copy(), foreground[::-1, ::-1].copy(), (200, 240))
    assert (turned[::-1, ::-1] != straight).mean() < 1e-3


def test_objects_that_hide_all_the_background_at_the_new_size_are_kept():
    label = np.ones((40, 40), np.int32)
    label[17, 17] = 0
    assert (resize_label(label, np.ones((40, 40), np.float32), (10, 10)) == 1).all()
