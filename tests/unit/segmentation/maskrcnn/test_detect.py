import numpy as np
import pytest
import torch

from platewise.segmentation.flips import TURNS
from platewise.segmentation.images import standardise
from platewise.segmentation.maskrcnn.boxes import pairwise_iou
from platewise.segmentation.maskrcnn.detect import Look, detect
from platewise.segmentation.maskrcnn.targets import boxes_of


def look(network, image, turn=TURNS[0]):
    turned = np.ascontiguousarray(turn.lay(standardise(image)))
    with torch.no_grad():
        levels = network.features(torch.from_numpy(turned[None]))
    return Look(turn, [level[0] for level in levels])


def test_a_box_and_a_mask_for_each_disk(learned, photograph):
    found = detect(learned.network, [look(learned.network, photograph(learned.labels[0]))], (96, 96), 0.5, 0.3)
    truth, _ = boxes_of(learned.labels[0])
    iou = pairwise_iou(torch.from_numpy(truth), torch.from_numpy(found.boxes)).numpy()
    assert sorted(iou.argmax(axis=1)) == [0, 1, 2, 3, 4] == list(range(len(found.boxes)))
    assert iou.max(axis=1).min() > 0.75
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores.min() > 0.5
    # A disk fills pi / 4 of its box; inside is sure, the corners are not it.
    assert found.masks.shape == (5, 28, 28)
    assert (found.masks > 0.5).mean() == pytest.approx(np.pi / 4, abs=0.15)
    assert found.masks[:, 12:16, 12:16].min() > 0.9
    assert found.masks[:, [0, 0, -1, -1], [0, -1, 0, -1]].max() < 0.2


def test_a_score_that_none_reaches(learned, photograph):
    found = detect(learned.network, [look(learned.network, photograph(learned.labels[0]))], (96, 96), 1.0, 0.3)
    assert found.boxes.shape == (0, 4)
    assert found.masks.shape == (0, 28, 28)


@pytest.mark.parametrize("turn", TURNS[1:], ids=str)
def test_a_turned_look_finds_the_same_places(learned, photograph, turn):
    image = photograph(learned.labels[1])
    straight = detect(learned.network, [look(learned.network, image)], (96, 96), 0.5, 0.3)
    turned = detect(learned.network, [look(learned.network, image, turn)], (96, 96), 0.5, 0.3)
    iou = pairwise_iou(torch.from_numpy(straight.boxes), torch.from_numpy(turned.boxes)).numpy()
    assert iou.shape == (5, 5)
    assert iou.max(axis=1).min() > 0.7


def test_two_looks_are_averaged(learned, photograph):
    image = photograph(learned.labels[1])
    one, other = look(learned.network, image), look(learned.network, image, TURNS[4])
    both = detect(learned.network, [one, other], (96, 96), 0.5, 0.3)
    twice = detect(learned.network, [one, one], (96, 96), 0.5, 0.3)
    alone = detect(learned.network, [one], (96, 96), 0.5, 0.3)
    # The same look twice says what it says once, doubles taken out.
    np.testing.assert_allclose(twice.boxes, alone.boxes, atol=1e-3)
    np.testing.assert_allclose(twice.masks, alone.masks, atol=1e-4)
    assert len(both.boxes) == 5
    assert not np.allclose(both.scores, alone.scores)


def test_a_high_overlap_threshold_keeps_doubles(learned, photograph):
    image = photograph(learned.labels[0])
    counts = [
        len(detect(learned.network, [look(learned.network, image)], (96, 96), 0.5, threshold).boxes)
        for threshold in (0.3, 1.0)
    ]
    assert counts[0] == 5
    assert counts[1] > 10
