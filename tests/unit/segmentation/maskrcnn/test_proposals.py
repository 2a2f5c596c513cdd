import torch

from platewise.segmentation.maskrcnn.proposals import propose_boxes


def test_the_best_come_first_and_doubles_go():
    anchors = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30], [0, 1, 10, 11], [40, 40, 60, 60]])
    boxes, scores = propose_boxes(anchors, torch.tensor([1.0, 3.0, 2.0, -9.0]), torch.zeros(4, 4), (50, 50))
    # The first anchor is a double of the third; the last one is too unlikely.
    assert boxes.tolist() == [[20, 20, 30, 30], [0, 1, 10, 11]]
    assert scores.tolist() == [3, 2]


def test_boxes_are_moved_and_cut_to_the_image():
    anchors = torch.tensor([[0.0, 0, 10, 10]])
    boxes, _ = propose_boxes(anchors, torch.tensor([1.0]), torch.tensor([[-5.0, 5.0, 0.0, 0.0]]), (50, 12))
    assert boxes.tolist() == [[0, 5, 5, 12]]


def test_what_lies_outside_is_no_box():
    anchors = torch.tensor([[48.0, 0, 58, 10], [60, 0, 70, 10], [49.5, 0, 59.5, 10]])
    boxes, _ = propose_boxes(anchors, torch.ones(3), torch.zeros(3, 4), (50, 50))
    assert boxes.tolist() == [[48, 0, 50, 10]]


def test_nothing_likely_nothing_proposed():
    boxes, scores = propose_boxes(torch.rand(6, 4), torch.full((6,), -20.0), torch.zeros(6, 4), (50, 50))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_twelve_thousand_nuclei_are_all_proposed():
    rows, columns = torch.meshgrid(torch.arange(100) * 22.0, torch.arange(120) * 22.0, indexing="ij")
    corners = torch.stack([rows.flatten(), columns.flatten()], dim=1)
    nuclei = torch.cat([corners, corners + 20], dim=1)
    # Each is seen by three anchors.
    anchors = torch.cat([nuclei, nuclei + 1, nuclei - 1]).clamp(min=0)
    scores = torch.linspace(3, 2, len(anchors))
    boxes, _ = propose_boxes(anchors, scores, torch.zeros(len(anchors), 4), (2200, 2640))
    assert torch.equal(boxes, nuclei)
