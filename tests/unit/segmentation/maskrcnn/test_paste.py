import numpy as np

from platewise.segmentation.maskrcnn.paste import paste_masks


def full(count, size=28):
    return np.ones((count, size, size), dtype=np.float32)


def test_a_full_mask_is_its_box():
    label = paste_masks(full(1), np.array([[2, 3, 8, 10]], dtype=np.float32), (12, 14))
    expected = np.zeros((12, 14), dtype=np.int32)
    expected[2:8, 3:10] = 1
    np.testing.assert_array_equal(label, expected)


def test_where_masks_overlap_the_first_wins():
    label = paste_masks(full(2), np.array([[0, 0, 4, 6], [0, 4, 4, 10]], dtype=np.float32), (4, 10))
    assert label[0].tolist() == [1] * 6 + [2] * 4


def test_what_is_more_than_half_covered_is_left_out():
    boxes = np.array([[0, 0, 4, 6], [0, 1, 4, 7], [0, 6, 4, 10]], dtype=np.float32)
    label = paste_masks(full(3), boxes, (4, 10))
    # The second has a sixth of its pixels left; the third has all of its own.
    assert label[0].tolist() == [1] * 6 + [3] * 4


def test_a_disk_is_drawn_at_any_size():
    middle = np.arange(28) + 0.5 - 14
    soft = 1 / (1 + np.exp(np.hypot(middle[:, None], middle[None, :]) - 14))[None]
    for side in (10, 33, 120):
        label = paste_masks(soft.astype(np.float32), np.array([[5, 5, 5 + side, 5 + side]], np.float32), (140, 140))
        axis = np.arange(140) + 0.5 - 5 - side / 2
        truth = np.hypot(axis[:, None], axis[None, :]) <= side / 2
        shared = (truth & (label == 1)).sum() / (truth | (label == 1)).sum()
        assert shared > 0.97, side


def test_masks_at_the_border_are_cut():
    label = paste_masks(full(1), np.array([[0, 6, 3, 10]], dtype=np.float32), (3, 8))
    assert label.sum() == 6
    assert label[:, 6:].all()


def test_an_empty_mask_and_an_empty_box_draw_nothing():
    masks = np.concatenate([np.zeros_like(full(1)), full(1)])
    boxes = np.array([[0, 0, 5, 5], [2, 2, 2, 6]], dtype=np.float32)
    assert paste_masks(masks, boxes, (6, 6)).max() == 0


def test_no_masks():
    assert paste_masks(full(0), np.zeros((0, 4), dtype=np.float32), (3, 4)).tolist() == [[0] * 4] * 3
