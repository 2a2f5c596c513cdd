import numpy as np
import torch

from platewise.segmentation.maskrcnn.targets import NOTHING, UNSURE, boxes_of, mask_targets, match, sample


def test_boxes_of_a_label_image_with_gaps():
    label = np.zeros((6, 8), dtype=np.int32)
    label[1:4, 2:7] = 5
    label[5, 0] = 2
    label[0, 7] = 9
    boxes, numbers = boxes_of(label)
    assert numbers.tolist() == [2, 5, 9]
    assert boxes.tolist() == [[5, 0, 6, 1], [1, 2, 4, 7], [0, 7, 1, 8]]
    assert boxes.dtype == np.float32


def test_no_objects_no_boxes():
    boxes, numbers = boxes_of(np.zeros((4, 4), dtype=np.int32))
    assert boxes.shape == (0, 4)
    assert numbers.shape == (0,)


# Overlaps with the two objects: 1 and 0; 0.5 and 0; 0.2 and 0.2 (of two of them); nothing.
TRUTH = torch.tensor([[0.0, 0, 10, 10], [0, 20, 10, 30]])
BOXES = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 20], [0, 10, 10, 30], [0, 8, 10, 18], [50, 50, 60, 60]])


def test_matching_by_hand():
    # Overlaps with the first: 1, 1/2, 0, 2/18, 0; with the second: 0, 0, 1/2, 0, 0.
    assert match(BOXES, TRUTH, 0.3, 0.6, rescue=False).tolist() == [0, UNSURE, UNSURE, NOTHING, NOTHING]
    assert match(BOXES, TRUTH, 0.3, 0.5, rescue=False).tolist() == [0, 0, 1, NOTHING, NOTHING]


def test_an_object_that_no_box_fits_gets_its_best_one():
    assert match(BOXES, TRUTH, 0.3, 0.6, rescue=True).tolist() == [0, UNSURE, 1, NOTHING, NOTHING]
    small = torch.tensor([[52.0, 52, 54, 54]])
    assert match(BOXES, small, 0.3, 0.6, rescue=True).tolist() == [NOTHING] * 4 + [0]


def test_an_object_that_nothing_touches_gets_none():
    away = torch.tensor([[90.0, 90, 95, 95]])
    assert match(BOXES, away, 0.3, 0.6, rescue=True).tolist() == [NOTHING] * 5


def test_of_two_that_overlap_alike_the_first_owns_the_box():
    truth = torch.tensor([[0.0, 0, 10, 10], [0, 10, 10, 20]])
    assert match(torch.tensor([[0.0, 0, 10, 20]]), truth, 0.3, 0.5, rescue=False).tolist() == [0]


def test_without_objects_all_is_nothing():
    assert match(BOXES, torch.zeros(0, 4), 0.3, 0.6, rescue=True).tolist() == [NOTHING] * 5
    assert match(torch.zeros(0, 4), TRUTH, 0.3, 0.6, rescue=True).tolist() == []


def test_drawing_fills_up_with_nothing():
    owner = torch.tensor([NOTHING, 0, UNSURE, 1, 1, NOTHING, NOTHING, 2, NOTHING, UNSURE])
    objects, nothing = sample(owner, 6, 0.5, np.random.default_rng(0))
    assert len(objects) == 3
    assert len(nothing) == 3
    assert set(objects.tolist()) < {1, 3, 4, 7}
    assert set(nothing.tolist()) < {0, 5, 6, 8}
    objects, nothing = sample(owner, 100, 0.5, np.random.default_rng(0))
    assert (objects.tolist(), nothing.tolist()) == ([1, 3, 4, 7], [0, 5, 6, 8])
    objects, nothing = sample(torch.tensor([UNSURE, NOTHING]), 6, 0.5, np.random.default_rng(0))
    assert (objects.tolist(), nothing.tolist()) == ([], [1])


def test_drawing_follows_the_seed():
    owner = torch.tensor([0, NOTHING] * 50)
    first, again, other = (sample(owner, 20, 0.5, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_a_mask_shows_its_own_object_only():
    label = np.zeros((8, 8), dtype=np.int32)
    label[2:6, 2:4] = 3
    label[2:6, 4:6] = 7
    box = np.array([[2, 2, 6, 6]], dtype=np.float32)
    expected = np.zeros((4, 4), dtype=np.float32)
    expected[:, :2] = 1
    np.testing.assert_array_equal(mask_targets(label, np.array([3]), box, 4)[0], expected)
    np.testing.assert_array_equal(mask_targets(label, np.array([7]), box, 4)[0], 1 - expected)


def test_a_mask_pixel_on_the_rim_is_a_share():
    label = np.zeros((4, 4), dtype=np.int32)
    label[:3, :3] = 1
    masks = mask_targets(label, np.array([1]), np.array([[0, 0, 4, 4]], dtype=np.float32), 2)
    assert masks[0].tolist() == [[1, 0.5], [0.5, 0.25]]


def test_a_box_at_the_last_pixel():
    label = np.zeros((5, 5), dtype=np.int32)
    label[4, 4] = 1
    assert (mask_targets(label, np.array([1]), np.array([[4, 4, 5, 5]], dtype=np.float32), 28) == 1).all()
