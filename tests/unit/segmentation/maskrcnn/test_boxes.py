import math

import pytest
import torch

from platewise.segmentation.maskrcnn.boxes import areas, clip, decode, encode, pairwise_iou


def random_boxes(count, seed):
    corners = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) * 100
    sides = 3 + torch.rand(count, 2, generator=torch.Generator().manual_seed(seed + 1)) * 30
    return torch.cat([corners, corners + sides], dim=1)


def test_iou_by_hand():
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 20, 24, 30]])
    others = torch.tensor([[0.0, 5, 10, 15], [2, 2, 7, 4], [10, 0, 20, 10], [22, 22, 24, 27]])
    expected = [[50 / 150, 10 / 100, 0, 0], [0, 0, 0, 10 / 40]]
    torch.testing.assert_close(pairwise_iou(boxes, others), torch.tensor(expected))


def test_boxes_without_area_overlap_nothing():
    boxes = torch.tensor([[5.0, 5, 5, 5], [0, 0, 10, 10]])
    assert pairwise_iou(boxes, boxes).tolist() == [[0, 0], [0, 1]]


def test_areas():
    assert areas(torch.tensor([[0.0, 0, 2, 3], [1, 1, 1, 9]])).tolist() == [6, 0]


def test_clip_cuts_each_side():
    boxes = torch.tensor([[-3.0, -4, 5, 6], [8, 9, 30, 40], [2, 3, 4, 5]])
    assert clip(boxes, (10, 20)).tolist() == [[0, 0, 5, 6], [8, 9, 10, 20], [2, 3, 4, 5]]


def test_code_by_hand():
    """Half a height down, a quarter of a width left; twice as high, as wide."""
    reference = torch.tensor([[10.0, 20, 20, 40]])
    box = torch.tensor([[10.0, 15, 30, 35]])
    expected = torch.tensor([[0.5 / 0.1, -0.25 / 0.1, math.log(2) / 0.2, 0]])
    torch.testing.assert_close(encode(box, reference), expected)


def test_decoding_undoes_encoding():
    boxes, reference = random_boxes(200, 1), random_boxes(200, 7)
    torch.testing.assert_close(decode(encode(boxes, reference), reference), boxes, atol=1e-4, rtol=1e-5)


def test_a_code_of_zero_is_the_reference():
    reference = random_boxes(5, 3)
    torch.testing.assert_close(decode(torch.zeros(5, 4), reference), reference)


def test_growth_is_limited():
    grown = decode(torch.tensor([[0, 0, 1e4, 1e4]]), torch.tensor([[0.0, 0, 2, 2]]))
    assert (grown[0, 2] - grown[0, 0]).item() == pytest.approx(32, rel=1e-5)
