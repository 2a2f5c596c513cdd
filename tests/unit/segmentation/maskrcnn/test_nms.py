from types import SimpleNamespace

import numpy as np
import pytest
import torch

from platewise.segmentation.maskrcnn import nms as nms_module
from platewise.segmentation.maskrcnn.boxes import pairwise_iou
from platewise.segmentation.maskrcnn.nms import suppress, suppress_here


def naive(boxes, scores, threshold):
    """One box after the other, by falling score and, among equal scores, in their order."""
    iou = pairwise_iou(boxes, boxes).numpy()
    kept: list[int] = []
    for number in sorted(range(len(boxes)), key=lambda number: (-scores[number].item(), number)):
        if (iou[number, kept] <= threshold).all():
            kept.append(number)
    return kept


def random_boxes(count, extent, seed):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, extent, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 30, (count, 2))], axis=1)
    return torch.tensor(boxes, dtype=torch.float32), torch.tensor(rng.uniform(0, 1, count), dtype=torch.float32)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7])
@pytest.mark.parametrize(("count", "extent"), [(300, 60), (400, 400), (60, 100_000)])
def test_as_one_box_after_the_other(count, extent, threshold):
    boxes, scores = random_boxes(count, extent, seed=count)
    kept = suppress_here(boxes, scores, threshold).tolist()
    assert kept == naive(boxes, scores, threshold)
    assert 0 < len(kept) < count or extent > 1000


def test_the_better_of_two_is_kept():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 1, 10, 11], [30, 30, 40, 40]])
    assert suppress_here(boxes, torch.tensor([0.5, 0.9, 0.7]), 0.5).tolist() == [1, 2]


def test_of_equal_scores_the_first_is_kept():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 1, 10, 11], [0, 2, 10, 12]])
    assert suppress_here(boxes, torch.full((3,), 0.5), 0.5).tolist() == [0]
    assert suppress_here(boxes.repeat(50, 1), torch.full((150,), 0.5), 0.5).tolist() == [0]


def test_many_equal_scores_are_as_one_after_the_other():
    boxes, _ = random_boxes(300, 80, seed=5)
    scores = torch.tensor(np.random.default_rng(6).integers(0, 4, 300) / 4, dtype=torch.float32)
    assert suppress_here(boxes, scores, 0.3).tolist() == naive(boxes, scores, 0.3)


def test_an_overlap_equal_to_the_threshold_is_allowed():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 5, 10]])
    assert suppress_here(boxes, torch.tensor([0.9, 0.8]), 0.5).tolist() == [0, 1]
    assert suppress_here(boxes, torch.tensor([0.9, 0.8]), 0.49).tolist() == [0]


def test_one_huge_box_among_small_ones():
    boxes, scores = random_boxes(200, 300, seed=8)
    boxes[17] = torch.tensor([0.0, 0, 300, 300])
    assert suppress_here(boxes, scores, 0.2).tolist() == naive(boxes, scores, 0.2)


def test_no_boxes():
    assert suppress_here(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []


def test_as_torchvision():
    ops = pytest.importorskip(
        "torchvision.ops", reason="torchvision is not installed, or does not work", exc_type=Exception
    )
    boxes, scores = random_boxes(2000, 300, seed=2)
    scores = (scores * 50).round() / 50  # with ties
    assert suppress_here(boxes, scores, 0.4).tolist() == ops.nms(boxes, scores, 0.4).tolist()


def test_torchvision_is_used_where_it_works(monkeypatch):
    asked = []

    def nms(boxes, scores, threshold):
        asked.append((boxes, scores, threshold))
        return torch.tensor([1])

    monkeypatch.setattr(nms_module, "torchvision_operators", lambda: SimpleNamespace(nms=nms))
    boxes, scores = random_boxes(3, 10, seed=0)
    assert suppress(boxes, scores, 0.3).tolist() == [1]
    assert asked == [(boxes, scores, 0.3)]
