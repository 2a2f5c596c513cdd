import numpy as np
import pytest
import torch

from platewise.segmentation.flips import TURNS
from platewise.segmentation.maskrcnn.targets import boxes_of
from platewise.segmentation.maskrcnn.turns import boxes_back, masks_back, turn_boxes, turned_shape

LABEL = np.zeros((9, 14), dtype=np.int32)
LABEL[1:3, 2:8] = 1
LABEL[4:9, 10:13] = 2
BOXES = torch.from_numpy(boxes_of(LABEL)[0])


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_turned_boxes_are_the_boxes_of_the_turned_image(turn):
    turned = np.ascontiguousarray(turn.lay(LABEL))
    assert turned_shape(LABEL.shape, turn) == turned.shape
    expected = torch.from_numpy(boxes_of(turned)[0])
    assert torch.equal(turn_boxes(BOXES, turn, LABEL.shape), expected)
    assert torch.equal(boxes_back(expected, turn, LABEL.shape), BOXES)


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_turned_masks_come_back(turn):
    mask = torch.arange(16.0).reshape(1, 4, 4)
    turned = torch.from_numpy(np.ascontiguousarray(turn.lay(mask.numpy())))
    assert torch.equal(masks_back(turned, turn), mask)
