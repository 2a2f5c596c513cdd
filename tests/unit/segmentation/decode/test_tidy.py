import numpy as np
import pytest
from scipy import ndimage as ndi

from platewise.segmentation.decode.tidy import keep, tidy
from platewise.segmentation.pieces import number_pieces


def test_the_largest_piece_is_kept_and_numbers_follow_first_pixels():
    label = np.array([[7, 0, 4, 4], [0, 0, 0, 4], [7, 7, 0, 0], [7, 0, 0, 4]])
    np.testing.assert_array_equal(tidy(label, 0), [[0, 0, 1, 1], [0, 0, 0, 1], [2, 2, 0, 0], [2, 0, 0, 0]])


def test_pieces_that_touch_at_a_corner_are_one():
    label = np.eye(4, dtype=int)
    np.testing.assert_array_equal(tidy(label, 4), label)


def test_of_equal_pieces_the_first_is_kept():
    np.testing.assert_array_equal(tidy(np.array([[1, 0, 1, 0, 2]]), 0), [[1, 0, 0, 0, 2]])


def test_holes_are_filled_unless_they_touch_another_object_or_the_border():
    label = np.zeros((9, 21), np.int32)
    label[1:8, 1:8] = 1
    label[3:6, 3:6] = 0  # a hole
    label[1:8, 9:16] = 2
    label[3:6, 11:14] = 0
    label[2:7, 18:21] = 3
    label[4, 12] = 4  # an object in the hole of another, with a moat
    label[3:6, 19:21] = 0  # open at the border
    expected = label.copy()
    expected[3:6, 3:6] = 1
    np.testing.assert_array_equal(tidy(label, 0), expected)


def test_a_hole_may_open_at_a_corner_only():
    label = np.zeros((6, 6), np.int32)
    label[1:5, 1:5] = 1
    label[2:4, 2:4] = 0
    label[1, 1] = 0
    assert tidy(label, 0)[2, 2] == 1


def test_holes_are_the_background_that_touches_one_object_only():
    rng = np.random.default_rng(3)
    label = np.where(ndi.gaussian_filter(rng.random((80, 80)), 1.5) > 0.49, 1 + (np.indices((80, 80))[1] > 40), 0)
    pieces, _ = number_pieces(label)
    # One piece an object, so that none is dropped.
    expected, filled = pieces.copy(), 0
    holes, count = ndi.label(pieces == 0)
    for hole in range(1, count + 1):
        around = np.pad(pieces, 1, constant_values=-1)[ndi.binary_dilation(np.pad(holes == hole, 1))]
        owners = set(around.tolist()) - {0}
        if len(owners) == 1 and -1 not in owners:
            expected[holes == hole] = owners.pop()
            filled += 1
    assert filled > 5
    np.testing.assert_array_equal(tidy(pieces, 0), expected)


@pytest.mark.parametrize(("least", "left"), [(0, [1, 1, 0, 2]), (1, [1, 1, 0, 2]), (1.5, [1, 1, 0, 0]), (3, [0] * 4)])
def test_objects_of_less_than_the_least_area_go(least, left):
    np.testing.assert_array_equal(tidy(np.array([[5, 5, 0, 6]]), least), [left])


def test_the_area_counts_filled_holes():
    label = np.ones((5, 5), int)
    label[2, 2] = 0
    assert tidy(np.pad(label, 1), 25).sum() == 25


@pytest.mark.parametrize("shape", [(1, 1), (3, 4)])
def test_nothing_stays_nothing(shape):
    assert not tidy(np.zeros(shape, int), 0).any()


def test_chosen_objects_are_numbered_without_gaps():
    label = np.array([[0, 1, 2, 3]], np.int32)
    np.testing.assert_array_equal(keep(label, np.array([True, False, True, True])), [[0, 0, 1, 2]])
