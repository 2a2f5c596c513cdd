import numpy as np
from skimage.segmentation import find_boundaries

from platewise.measure.outline import inner_boundary, outline


def test_the_inner_boundary_is_that_of_skimage(blob_objects):
    expected = find_boundaries(blob_objects.labels, mode="inner")
    assert (inner_boundary(blob_objects) == expected[blob_objects.rows, blob_objects.cols]).all()


def test_the_outline_sees_diagonals_and_the_border(objects_of):
    labels = np.zeros((6, 6), int)
    labels[1:6, 1:6] = 1
    labels[1, 1] = 0
    # Pixel (2, 2) touches the missing corner only diagonally; row and column 5 lie on the border.
    assert outline(objects_of(labels)).tolist() == [True] * 4 + [True, True, False, False, True] + [
        True, False, False, False, True,
    ] * 2 + [True] * 5  # fmt: skip
    assert not inner_boundary(objects_of(labels))[5]


def test_two_touching_objects_have_an_outline_between_them(objects_of):
    labels = np.repeat([[1, 1, 1, 2, 2, 2]], 5, axis=0)
    assert inner_boundary(objects_of(labels)).reshape(2, 5, 3)[:, 2].tolist() == [
        [False, False, True],
        [True, False, False],
    ]
