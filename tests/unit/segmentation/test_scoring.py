"""Scores on hand-drawn objects whose overlaps can be counted."""

import numpy as np
import pytest

from platewise.segmentation.scoring import REPORTED, SCORES, THRESHOLDS, overlap, score


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
    assert overlap(strips((0, 10)), strips((2, 12))).iou.tolist() == [8 / 12]
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


def test_an_iou_of_just_the_threshold_is_no_match():
    # 7 shared of 10, then 11 of 20 (0.55, which has no exact binary form).
    assert score(strips((0, 10)), strips((0, 7)))["f1@0.7"] == 0
    assert score(strips((0, 20)), strips((0, 11)))["mean_f1"] == 0.1


def test_half_a_nucleus_is_not_merged_and_two_fifths_are_not_split():
    # The prediction covers all of the first object and just half of the second.
    assert score(strips((0, 10), (10, 20)), strips((0, 15)))["merged"] == 0
    assert score(strips((0, 10), (10, 20)), strips((0, 16)))["merged"] == 1
    # Two pieces of a fourth make just a half; with 6 of 20 each, more.
    assert score(strips((0, 20)), strips((0, 5), (6, 11)))["split"] == 0
    assert score(strips((0, 20)), strips((0, 6), (7, 13)))["split"] == 1
    # Each must hold over a fifth: of 20 pixels, 4 are not.
    assert score(strips((0, 20)), strips((0, 14), (14, 18)))["split"] == 0
    assert score(strips((0, 20)), strips((0, 14), (14, 19)))["split"] == 1


def test_error_rates_are_shares_of_their_own_kind():
    # Four objects: two merged into one prediction, one split into two, one missed; and one prediction on bare ground.
    true = strips((0, 8), (8, 16), (18, 26), (28, 32))
    found = score(true, strips((0, 16), (18, 22), (22, 26), (34, 38)))
    assert (found["merged"], found["split"]) == (1 / 4, 1 / 4)
    assert (found["missed@0.7"], found["extra@0.7"]) == (1, 1)
    # Best partners: 8 of 16 twice, 4 of 8; nothing for the fourth. The two halves tie, the first counts as used.
    assert found["aji"] == pytest.approx((8 + 8 + 4) / (16 + 16 + 8 + 4 + 4 + 4))


def random_labels(seed, side=24, objects=9, numbers=1):
    """Rectangles on one another: touching, overlapping, hidden, with gaps in their numbers."""
    rng = np.random.default_rng(seed)
    image = np.zeros((side, side), dtype=np.int64)
    for number in range(1, objects + 1):
        top, left = rng.integers(0, side - 3, 2)
        height, width = rng.integers(1, 9, 2)
        image[top : top + height, left : left + width] = number * numbers
    return image


def naive_score(true, predicted):
    """Every definition spelled out, object by object, on sets of pixels."""

    def objects(image):
        return [set(np.flatnonzero(image == number)) for number in np.unique(image) if number != 0]

    t, p = objects(true), objects(predicted)
    iou = np.array([[len(a & b) / len(a | b) for b in p] for a in t])
    found = {threshold: int((iou > threshold).sum()) for threshold in THRESHOLDS}

    def f1(threshold):
        tp = found[threshold]
        return 2 * tp / (2 * tp + (len(p) - tp) + (len(t) - tp))

    result = {f"f1@{threshold}": f1(threshold) for threshold in REPORTED}
    result["mean_f1"] = np.mean([f1(threshold) for threshold in THRESHOLDS])
    result["dsb_score"] = np.mean([found[x] / (len(t) + len(p) - found[x]) for x in THRESHOLDS])
    result["missed@0.7"] = sum(not (row > 0.7).any() for row in iou) / len(t)
    result["extra@0.7"] = sum(not (column > 0.7).any() for column in iou.T) / len(p)
    result["merged"] = sum(sum(len(a & b) > 0.5 * len(a) for a in t) >= 2 for b in p) / len(p)
    split = 0
    for a in t:
        pieces = [b for b in p if len(a & b) > 0.2 * len(a)]
        split += len(pieces) >= 2 and len(a & set().union(*pieces)) > 0.5 * len(a)
    result["split"] = split / len(t)
    above, below, used = 0, 0, set()
    for a, row in zip(t, iou, strict=True):
        if row.max() > 0:
            best = int(row.argmax())
            above, below = above + len(a & p[best]), below + len(a | p[best])
            used.add(best)
        else:
            below += len(a)
    result["aji"] = above / (below + sum(len(b) for place, b in enumerate(p) if place not in used))
    result["pq"] = iou[iou > 0.5].sum() / (found[0.5] + (len(p) + len(t) - 2 * found[0.5]) / 2)
    return result


@pytest.mark.parametrize("seed", range(12))
def test_scores_equal_a_naive_count(seed):
    true = random_labels(seed)
    # Half of the predictions are the truth itself, shifted by a pixel; the rest are drawn anew.
    predicted = np.where(np.roll(true, 1, axis=0) % 2, np.roll(true, 1, axis=0), random_labels(100 + seed))
    found = score(true, predicted)
    assert tuple(found) == SCORES
    assert found == pytest.approx(naive_score(true, predicted))


def test_numbers_do_not_matter_however_large_or_negative():
    true, predicted = random_labels(1), random_labels(2)
    expected = score(true, predicted)
    assert score(true * 10**12, predicted * -7) == pytest.approx(expected)
    assert score(true.astype(np.uint64), predicted.astype(np.uint8)) == expected


def test_overlap_lists_the_pairs_that_share_pixels():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 5, (2, 30, 30))
    found = overlap(true, predicted)
    expected = [(i, j, np.sum((true == i + 1) & (predicted == j + 1))) for i in range(4) for j in range(4)]
    assert list(zip(found.true, found.predicted, found.shared, strict=True)) == expected
    np.testing.assert_array_equal(found.true_area, [np.sum(true == i) for i in range(1, 5)])


def test_twelve_thousand_objects_need_no_full_matrix():
    rows, columns = np.mgrid[:600, :500]
    true = (rows // 5) * 100 + columns // 5 + 1
    pairs = overlap(true, np.roll(true, 1, axis=0))
    assert pairs.true_area.size == 12_000
    # Each square meets itself and, but for the rolled edge, its neighbour above.
    assert pairs.shared.size == 24_000
    assert score(true, np.roll(true, 1, axis=0))["f1@0.6"] == 1


def test_images_of_two_shapes_cannot_be_compared():
    with pytest.raises(ValueError, match=r"\(1, 40\) and \(1, 30\)"):
        score(strips(), strips(length=30))
