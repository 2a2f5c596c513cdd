"""Scores on hand-drawn objects whose overlaps can be counted."""

import numpy as np
import pytest

from platewise.segmentation.scoring import overlap, score


def strips(*spans, length=40):
    """One row of pixels with an object a span."""
    image = np.zeros((1, length), dtype=int)
    for number, (start, stop) in enumerate(spans, 1):
        image[0, start:stop] = number
    return image


def test_equal_labels_score_one_whatever_their_numbers():
    true = strips((0, 10), (12, 20))
    scores = score(true, true * 7)
    assert all(scores[key] == 1 for key in ("f1@0.5", "f1@0.9", "mean_f1", "dsb_score", "aji", "pq"))
    assert all(scores[key] == 0 for key in ("missed@0.7", "extra@0.7", "merged", "split"))


def test_an_iou_of_two_thirds():
    # 8 shared pixels, union 12.
    scores = score(strips((0, 10)), strips((2, 12)))
    assert overlap(strips((0, 10)), strips((2, 12))).iou[0, 0] == pytest.approx(8 / 12)
    assert (scores["f1@0.5"], scores["f1@0.6"], scores["f1@0.7"]) == (1, 1, 0)
    # Above 0.50, 0.55, 0.60 and 0.65.
    assert scores["mean_f1"] == pytest.approx(0.4)
    assert scores["dsb_score"] == pytest.approx(0.4)
    assert scores["pq"] == pytest.approx(8 / 12)
    assert scores["aji"] == pytest.approx(8 / 12)


def test_one_found_one_missed_one_extra():
    scores = score(strips((0, 10), (20, 30)), strips((0, 10), (32, 40)))
    assert scores["f1@0.5"] == 0.5
    assert scores["dsb_score"] == pytest.approx(1 / 3)
    assert (scores["missed@0.7"], scores["extra@0.7"]) == (0.5, 0.5)
    assert scores["aji"] == pytest.approx(10 / (10 + 10 + 8))


def test_a_merged_pair():
    scores = score(strips((0, 10), (10, 20)), strips((0, 20)))
    assert (scores["merged"], scores["split"]) == (1, 0)


def test_a_split_object():
    scores = score(strips((0, 20)), strips((0, 10), (10, 20)))
    assert (scores["merged"], scores["split"]) == (0, 1)


def test_a_sliver_is_no_split():
    assert score(strips((0, 20)), strips((0, 18), (18, 20)))["split"] == 0


def test_nothing_true_and_nothing_predicted_is_right():
    empty = strips()
    assert score(empty, empty)["mean_f1"] == 1
    assert score(empty, strips((0, 5)))["mean_f1"] == 0
    assert score(empty, strips((0, 5)))["extra@0.7"] == 1
    assert score(strips((0, 5)), empty)["missed@0.7"] == 1


def test_overlap_equals_a_count_pixel_by_pixel():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 5, (2, 30, 30))
    found = overlap(true, predicted).intersection
    expected = [[np.sum((true == i) & (predicted == j)) for j in range(1, 5)] for i in range(1, 5)]
    np.testing.assert_array_equal(found, expected)
