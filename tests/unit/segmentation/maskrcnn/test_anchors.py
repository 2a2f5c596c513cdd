import torch

from platewise.segmentation.maskrcnn.anchors import make_anchors
from platewise.segmentation.maskrcnn.boxes import pairwise_iou
from platewise.segmentation.maskrcnn.network import ANCHOR_SIZES, STRIDES

CPU = torch.device("cpu")


def test_anchors_lie_in_the_middle_of_their_places():
    boxes = make_anchors((2, 3), 4, (2.0, 8.0), CPU)
    assert boxes.shape == (12, 4)
    # Row 1, column 2: the middle of pixels 4..8 and 8..12 is (6, 10).
    assert boxes[-2:].tolist() == [[5, 9, 7, 11], [2, 6, 10, 14]]
    # Sizes first, then columns, then rows.
    assert boxes[:4].tolist() == [[1, 1, 3, 3], [-2, -2, 6, 6], [1, 5, 3, 7], [-2, 2, 6, 10]]
    assert boxes[6].tolist() == [5, 1, 7, 3]


def test_every_square_from_8_to_64_has_an_anchor_like_it():
    shape = (160, 160)
    levels = [
        make_anchors((shape[0] // stride, shape[1] // stride), stride, sizes, CPU)
        for stride, sizes in zip(STRIDES, ANCHOR_SIZES, strict=True)
    ]
    rng = torch.Generator().manual_seed(0)
    for size in range(8, 65):
        middle = 80 + 16 * torch.rand(20, 2, generator=rng)
        truth = torch.cat([middle - size / 2, middle + size / 2], dim=1)
        best = pairwise_iou(truth, torch.cat(levels)).max(dim=1).values
        # 0.7 where sizes alone differ; places differ by half a step on top.
        assert best.min() > 0.4, size
        assert best.mean() > 0.55, size
