"""Rankings that can be worked out by hand."""

import numpy as np
import pytest

from platewise.segmentation import ranking
from platewise.segmentation.ranking import (
    UnsureObject,
    best_iou,
    describe_image,
    image_uncertainty,
    rank_images,
    rank_objects,
)


def drawn(*boxes, shape=(20, 40)):
    """Draw an object a box: (top, bottom, left, right); numbers count from 1."""
    label = np.zeros(shape, dtype=np.int32)
    for number, (top, bottom, left, right) in enumerate(boxes, 1):
        label[top:bottom, left:right] = number
    return label


def test_an_object_is_as_unsure_as_the_others_outlines_differ():
    reference = drawn((0, 4, 0, 10), (10, 14, 20, 30))
    # The first: equal, and 20 of 40 pixels (IoU 0.5). The second: equal both times, under another number.
    others = [drawn((10, 14, 20, 30), (0, 4, 0, 10)), drawn((0, 4, 0, 5), (10, 14, 20, 30))]
    assert rank_objects(reference, others) == [UnsureObject(1, 1.5, 4.5, 0.25), UnsureObject(2, 11.5, 24.5, 0.0)]


def test_the_best_of_several_pieces_counts():
    # 24 and 12 of 40 pixels: the larger piece has IoU 0.6.
    assert best_iou(drawn((0, 4, 0, 10)), drawn((0, 4, 0, 6), (0, 4, 7, 10))).tolist() == [0.6]


def test_numbers_may_have_gaps():
    reference = drawn((0, 4, 0, 10), (10, 14, 20, 30)) * 7
    assert [item.number for item in rank_objects(reference, [drawn((10, 14, 20, 30))])] == [7, 14]


def test_a_place_that_only_the_others_fill_is_told_with_number_0():
    reference = drawn((0, 4, 0, 10))
    both = drawn((0, 4, 0, 10), (10, 14, 20, 30))
    found = rank_objects(reference, [both, both, reference])
    assert found == [UnsureObject(0, 11.5, 24.5, pytest.approx(2 / 3)), UnsureObject(1, 1.5, 4.5, 0.0)]
    # One of three is no reason to look, nor is a rim of 8 pixels beside objects of 40 to 48.
    assert [item.number for item in rank_objects(reference, [both, reference, reference])] == [1]
    assert [item.number for item in rank_objects(reference, [drawn((0, 4, 0, 12))] * 2)] == [1]


def test_without_other_predictions_nothing_is_unsure():
    assert rank_objects(drawn((0, 4, 0, 10)), []) == [UnsureObject(1, 1.5, 4.5, 0.0)]
    assert image_uncertainty(drawn((0, 4, 0, 10)), []) == 0
    assert rank_objects(drawn(), [drawn()]) == []


def test_an_image_is_as_unsure_as_its_predictions_differ():
    one, none = drawn((0, 4, 0, 10)), drawn()
    assert image_uncertainty(one, [one * 5, one]) == 0
    # F1 of 1 and 0; then IoU 0.8: an F1 of 1 at 0.50 to 0.75, 0 from 0.80 on.
    assert image_uncertainty(one, [one, none]) == 0.5
    assert image_uncertainty(one, [drawn((0, 4, 0, 8))]) == pytest.approx(0.4)
    assert image_uncertainty(none, [none]) == 0


def test_without_diversity_the_order_is_that_of_uncertainty():
    assert rank_images([0.2, 0.9, 0.5, 0.5], np.zeros((4, 2)), 0.0).tolist() == [1, 2, 3, 0]


def test_copies_of_one_artefact_are_not_all_in_front():
    # Three images at one place and one elsewhere: distances are 0 or the greatest.
    unsure, kind = [1.0, 0.9, 0.8, 0.6], [[0.0], [0.0], [0.0], [8.0]]
    # The first stands for 2.7 of 3.3; then only the last stands for anything, and the copies follow as they are unsure.
    assert rank_images(unsure, kind, 1.0).tolist() == [0, 3, 1, 2]
    assert rank_images(unsure, kind, 0.0).tolist() == [0, 1, 2, 3]
    # With 0.1, after the first: 0.9, 0.8 and 0.6 + 0.1; then 0.9 and 0.675 + 0.1.
    assert rank_images(unsure, kind, 0.1).tolist() == [0, 1, 2, 3]
    # With 0.4: 0.6, 0.533 and 0.4 + 0.4.
    assert rank_images(unsure, kind, 0.4).tolist() == [0, 3, 1, 2]


def test_an_odd_image_comes_after_one_that_stands_for_many():
    assert rank_images([0.5, 0.5, 0.5, 1.0], [[0.0], [0.0], [0.0], [8.0]], 1.0).tolist() == [0, 3, 1, 2]


def test_what_an_image_adds_is_counted_by_hand():
    unsure, places = [0.9, 1, 1, 1, 0.5], [[0.0], [1.0], [2.0], [10.0], [6.0]]
    # Uncertainty times nearness, summed: 28, 30.6, 31.2, 15.9 and 25.6: the third. The distances that are left are 2,
    # 1, 0, 8 and 4; the fourth brings 8 of that, the fifth 6. Then 1.8, 1.9 and (the fifth) 2.
    assert rank_images(unsure, places, 1.0).tolist() == [2, 3, 4, 1, 0]


def test_the_order_is_that_of_a_naive_choice():
    rng = np.random.default_rng(0)
    unsure, points = rng.random(30), rng.normal(size=(30, 3))
    scaled = points / points.std(axis=0)
    far = np.linalg.norm(scaled[:, None] - scaled, axis=2)

    def cover(chosen):
        nearest = far[:, chosen].min(axis=1) if chosen else np.full(30, far.max())
        return float(unsure @ (far.max() - nearest))

    chosen = []
    for _ in range(8):
        chosen.append(max((n for n in range(30) if n not in chosen), key=lambda n: cover([*chosen, n])))
    assert rank_images(unsure, points, 1.0).tolist()[:8] == chosen


def test_of_very_many_images_a_part_stands_for_all(monkeypatch):
    """Two kinds of images, half of them counted: one of each kind comes first all the same."""
    monkeypatch.setattr(ranking, "_MOST_COVERED", 20)
    points = np.repeat([[0.0], [1.0]], 20, axis=0)
    order = rank_images(np.ones(40), points, 1.0, number=2).tolist()
    assert sorted(order) == list(range(40))
    assert {place // 20 for place in order[:2]} == {0, 1}


def test_after_the_chosen_ones_the_rest_follow_by_uncertainty():
    places = [[0.0], [1.0], [2.0], [10.0], [6.0]]
    assert rank_images([0.9, 1, 1, 1, 0.5], places, 1.0, number=2).tolist() == [2, 3, 1, 0, 4]
    assert rank_images([], np.zeros((0, 3)), 0.5).tolist() == []
    assert rank_images([0.0, 0.0], np.zeros((2, 3)), 0.5).tolist() == [0, 1]
    assert rank_images([0.1, 0.2], np.zeros((2, 3)), 1.0).tolist() == [1, 0]


@pytest.mark.parametrize(("points", "weight"), [(np.zeros((3, 1)), 0.5), (np.zeros((2, 1)), 1.5)])
def test_what_does_not_fit_is_refused(points, weight):
    with pytest.raises(ValueError, match="2 uncertainties"):
        rank_images([0.1, 0.2], points, weight)


def test_the_description_tells_kinds_of_images_apart_and_ignores_brightness():
    rng = np.random.default_rng(0)
    grey = rng.random((1, 32, 32), dtype=np.float32)
    colour = rng.random((3, 32, 32), dtype=np.float32)
    label = drawn((4, 12, 4, 12), (20, 28, 20, 28), shape=(32, 32))
    own = describe_image(grey, label)
    np.testing.assert_allclose(describe_image(grey * 700 + 50, label), own, atol=1e-3)
    assert own[5:7].tolist() == [0, 0]
    assert (describe_image(colour, label)[5:7] > 0.1).all()
    # Two objects of 64 of 1024 pixels.
    np.testing.assert_allclose(own[-3:], [np.log1p(64), np.log1p(2e6 / 1024), 0.125])
    assert describe_image(np.zeros((1, 8, 8), np.float32), np.zeros((8, 8), int)).tolist() == [0.0] * 13
