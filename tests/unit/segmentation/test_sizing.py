import math

import numpy as np
import pytest

from platewise.segmentation.sizing import look_at_their_size, look_until_sizes_agree

SIDE = 60


def square(diameter):
    """A label image of one square as large as a disk of this diameter; nothing where it is 0."""
    side = round(diameter * math.sqrt(math.pi) / 2)
    label = np.zeros((SIDE, SIDE), np.int32)
    label[:side, :side] = 1
    return label


class Sees:
    """Finds ``answers[place][expected diameter]``; a place that is not listed is always what was expected."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def __call__(self, expected):
        self.asked.append(dict(expected))
        # In any order.
        for place in reversed(list(expected)):
            yield place, square(self.answers.get(place, {}).get(expected[place], expected[place]))


def test_images_whose_objects_are_as_expected_are_looked_at_once():
    look = Sees({1: {30.0: 36.0}, 2: {15.0: 12.5}})
    labels = look_until_sizes_agree(look, [20.0, 30.0, 15.0], 20.0)
    assert look.asked == [{0: 20.0, 1: 30.0, 2: 15.0}]
    assert [label.sum() for label in labels] == [square(size).sum() for size in (20, 36, 12.5)]


def test_another_size_is_looked_at_again():
    look = Sees({1: {10.0: 40.0}})
    labels = look_until_sizes_agree(look, [20.0, 10.0], 20.0)
    assert [list(asked) for asked in look.asked] == [[0, 1], [1]]
    assert look.asked[1][1] == pytest.approx(40, rel=0.03)
    assert labels[1].sum() == square(look.asked[1][1]).sum()


def test_where_nothing_is_found_the_image_is_looked_at_as_it_is():
    look = Sees({0: {220.0: 0, 20.0: 23.0}})
    (label,) = look_until_sizes_agree(look, [220.0], 20.0)
    assert [asked[0] for asked in look.asked] == [220.0, 20.0]
    assert label.any()


@pytest.mark.parametrize(("estimate", "looks"), [(math.nan, 1), (24.0, 1), (60.0, 2)])
def test_an_empty_image_stays_empty(estimate, looks):
    look = Sees({0: {20.0: 0, 24.0: 0, 60.0: 0}})
    (label,) = look_until_sizes_agree(look, [estimate], 20.0)
    assert len(look.asked) == looks
    assert not label.any()


def test_what_was_found_is_not_lost_for_nothing():
    class Once(Sees):
        def __call__(self, expected):
            self.asked.append(dict(expected))
            yield 0, square(50.0 if len(self.asked) == 1 else 0.0)

    look = Once({})
    (label,) = look_until_sizes_agree(look, [20.0], 20.0)
    assert label.sum() == square(50).sum()
    assert len(look.asked) == 2


def test_a_size_that_jumps_to_and_fro_ends():
    class Jumps(Sees):
        def __call__(self, expected):
            self.asked.append(dict(expected))
            yield 0, square(10.0 if expected[0] > 15 else 30.0)

    look = Jumps({})
    look_until_sizes_agree(look, [30.0], 20.0)
    assert len(look.asked) == 2


def test_a_size_that_is_told_is_believed():
    look = Sees({0: {12.0: 40.0}})
    images = [np.zeros((3, SIDE, SIDE), np.float32)] * 2
    labels = look_at_their_size(look, images, 12.0, None, 20.0)
    assert look.asked == [{0: 12.0, 1: 12.0}]
    assert labels[0].sum() == square(40).sum()
