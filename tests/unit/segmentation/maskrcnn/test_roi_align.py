import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from platewise.segmentation.maskrcnn import roi_align as roi_align_module
from platewise.segmentation.maskrcnn.roi_align import align_here, roi_align


def naive(features, box, stride, size):
    """He 2017 word by word: every cell, every sample, every corner."""
    channels, height, width = features.shape
    y0, x0, y1, x1 = (value / stride - 0.5 for value in box)
    result = np.zeros((channels, size, size))
    for i in range(size):
        for j in range(size):
            for a in range(2):
                for b in range(2):
                    y = min(max(y0 + (y1 - y0) * (i + (a + 0.5) / 2) / size, 0), height - 1)
                    x = min(max(x0 + (x1 - x0) * (j + (b + 0.5) / 2) / size, 0), width - 1)
                    for row in {math.floor(y), min(math.floor(y) + 1, height - 1)}:
                        for column in {math.floor(x), min(math.floor(x) + 1, width - 1)}:
                            share = (1 - abs(y - row)) * (1 - abs(x - column))
                            result[:, i, j] += share * features[:, row, column] / 4
    return result


def random_boxes(count, height, width, seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.sort(rng.uniform(0, height, (count, 2))), np.sort(rng.uniform(0, width, (count, 2)))
    boxes = np.stack([rows[:, 0], columns[:, 0], rows[:, 1], columns[:, 1]], axis=1)
    boxes[0] = 0, 0, height, width
    return torch.tensor(boxes, dtype=torch.float32)


def test_as_a_double_loop():
    features = torch.randn(3, 9, 14, generator=torch.Generator().manual_seed(0))
    boxes = random_boxes(12, 36, 56, seed=1)
    found = align_here(features, boxes, stride=4, size=5).numpy()
    expected = np.stack([naive(features.double().numpy(), box, 4, 5) for box in boxes.double().numpy()])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_ramp_gives_the_middle_of_each_cell():
    """Features that are the row, and the column, of their own middle in the image: a cell's value is where it lies."""
    rows, columns = np.meshgrid((np.arange(10) + 0.5) * 4, (np.arange(12) + 0.5) * 4, indexing="ij")
    features = torch.tensor(np.stack([rows, columns]), dtype=torch.float32)
    cells = align_here(features, torch.tensor([[8.0, 10.0, 24.0, 18.0]]), stride=4, size=2)[0]
    np.testing.assert_allclose(cells[0], [[12, 12], [20, 20]], atol=1e-4)
    np.testing.assert_allclose(cells[1], [[12, 16], [12, 16]], atol=1e-4)


def test_a_box_of_one_pixel_gives_that_pixel():
    features = torch.arange(20, dtype=torch.float32).reshape(1, 4, 5)
    cells = align_here(features, torch.tensor([[4.0, 6.0, 6.0, 8.0]]), stride=2, size=1)
    # Samples at a quarter from the middle to each side: their mean is the pixel's own value on this ramp.
    assert cells.item() == pytest.approx(13, abs=1e-4)


def test_features_of_a_single_pixel():
    cells = align_here(torch.full((2, 1, 1), 7.0), torch.tensor([[0.0, 0.0, 2.0, 2.0]]), stride=2, size=3)
    assert cells.tolist() == [[[[7.0] * 3] * 3] * 2]


def test_no_boxes():
    assert align_here(torch.zeros(4, 8, 8), torch.zeros(0, 4), stride=2, size=7).shape == (0, 4, 7, 7)


def test_the_gradient_falls_on_the_features_inside_the_box():
    features = torch.zeros(1, 8, 8, requires_grad=True)
    align_here(features, torch.tensor([[4.0, 4.0, 12.0, 12.0]]), stride=2, size=4).sum().backward()
    assert features.grad.sum().item() == pytest.approx(16)
    touched = torch.nonzero(features.grad[0])
    # Samples lie up to a quarter of a pixel from the box's edge, between the middles of pixels 1 and 2, and 5 and 6.
    assert (touched.min(), touched.max()) == (1, 6)


def test_as_torchvision():
    ops = pytest.importorskip(
        "torchvision.ops", reason="torchvision is not installed, or does not work", exc_type=Exception
    )
    features = torch.randn(6, 20, 30, generator=torch.Generator().manual_seed(3))
    boxes = random_boxes(50, 80, 120, seed=4)
    theirs = ops.roi_align(features[None], [boxes[:, [1, 0, 3, 2]]], 7, 0.25, 2, aligned=True)
    torch.testing.assert_close(align_here(features, boxes, 4, 7), theirs, atol=1e-4, rtol=1e-4)


def test_torchvision_is_used_where_it_works_but_never_to_train(monkeypatch):
    asked = []

    def theirs(features, boxes, size, scale, samples, aligned):
        asked.append((features.shape, boxes[0].tolist(), size, scale, samples, aligned))
        return torch.zeros(1, 2, size, size)

    monkeypatch.setattr(roi_align_module, "torchvision_operators", lambda: SimpleNamespace(roi_align=theirs))
    features, boxes = torch.ones(2, 8, 9), torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert roi_align(features, boxes, stride=4, size=3).sum() == 2 * 9
    assert asked == []
    with torch.no_grad():
        assert roi_align(features, boxes, stride=4, size=3).sum() == 0
    assert asked == [((1, 2, 8, 9), [[2, 1, 4, 3]], 3, 0.25, 2, True)]
