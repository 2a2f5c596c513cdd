"""Crops of a tiny field whose every pixel is known."""

from __future__ import annotations

import numpy as np
import pytest

from platewise.crops.choose import list_objects
from platewise.crops.cut import crop_statistics, cut_crops
from platewise.errors import DataError


@pytest.fixture
def field():
    """A 40x50 field: cell 3 in the middle, 5 near the top left corner, 8 touching the right border.

    Channel 0 counts the pixels (row * 50 + column + 1), channel 1 is 1 in cell 3 and 2 elsewhere.
    """
    nuclei, cells = np.zeros((2, 40, 50), np.int32)
    cells[15:26, 18:31] = 3
    nuclei[19:22, 22:27] = 3  # centroid 20, 24
    cells[1:8, 1:8] = 5
    nuclei[2:4, 3:6] = 5  # centroid 2.5, 4: the pixel is 3, 4
    cells[30:36, 44:50] = 8
    nuclei[32:34, 46:48] = 8
    count = np.arange(1, 2001, dtype=np.float32).reshape(40, 50)
    image = np.stack([count, np.where(cells == 3, 1, 2).astype(np.float32)])
    return image, {"nuclei": nuclei, "cells": cells}


def test_cells_that_touch_the_border_are_left_out_unless_asked_for(field):
    _, labels = field
    assert list_objects(labels["cells"]).tolist() == [3, 5]
    assert list_objects(labels["cells"], keep_border=True).tolist() == [3, 5, 8]


def test_a_crop_is_centred_on_the_nucleus(field):
    image, labels = field
    crops, numbers = cut_crops(image, labels, size=8)
    assert numbers.tolist() == [3, 5]
    assert crops.dtype == np.uint16
    assert crops.shape == (2, 2, 8, 8)
    # Centroid (20, 24) lies at index 4, 4: the crop begins at row 16, column 20.
    assert np.array_equal(crops[0, 0], image[0, 16:24, 20:28])
    assert crops[0, 0, 4, 4] == 20 * 50 + 24 + 1


def test_what_lies_outside_the_image_is_zero(field):
    image, labels = field
    crops, _ = cut_crops(image, labels, size=16, objects=[5])
    # Centre pixel (3, 4): the crop begins at row -5, column -4.
    assert not crops[0, :, :5].any()
    assert not crops[0, :, :, :4].any()
    assert np.array_equal(crops[0, :, 5:, 4:], image[:, 0:11, 0:12])


def test_a_crop_may_be_larger_than_the_image(field):
    image, labels = field
    crops, _ = cut_crops(image, labels, size=200, objects=[3])
    assert crops[0, 0].sum() == image[0].sum()
    assert crops[0, 0, 100, 100] == 20 * 50 + 24 + 1


def test_objects_are_cut_in_the_order_asked_for(field):
    image, labels = field
    crops, numbers = cut_crops(image, labels, size=4, objects=[8, 3])
    assert numbers.tolist() == [8, 3]
    assert crops[:, 0, 2, 2].tolist() == [33 * 50 + 47 + 1, 20 * 50 + 24 + 1]


def test_a_masked_crop_holds_the_cell_only(field):
    image, labels = field
    crops, _ = cut_crops(image, labels, size=16, objects=[3], mask="cell")
    rows, columns = slice(12, 28), slice(16, 32)
    inside = labels["cells"][rows, columns] == 3
    assert np.array_equal(crops[0, 0], image[0, rows, columns] * inside)
    assert inside.sum() == 11 * 13


def test_pixels_are_rounded_half_to_even_and_clipped():
    labels = dict.fromkeys(("nuclei", "cells"), np.pad(np.full((1, 1), 1, np.int32), 2))
    image = np.zeros((1, 5, 5), np.float32)
    image[0, 2] = [0, 0.5, 1.5, 70_000, 0]
    image[0, 1] = [0, -3, 2.49, 2.51, 0]
    crops, _ = cut_crops(image, labels, size=4)
    assert crops[0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 2, 3], [0, 0, 2, 65535], [0, 0, 0, 0]]


def test_a_field_without_cells_gives_no_crops():
    empty = np.zeros((20, 20), np.int32)
    crops, numbers = cut_crops(np.ones((3, 20, 20), np.float32), {"nuclei": empty, "cells": empty}, 8)
    assert crops.shape == (0, 3, 8, 8)
    assert numbers.shape == (0,)


def test_unpaired_labels_are_named(field):
    image, labels = field
    labels["nuclei"] = np.where(labels["nuclei"] == 5, 0, labels["nuclei"])
    with pytest.raises(DataError, match=r"object\(s\) 5 are not in the nuclei labels.*segmentation"):
        cut_crops(image, labels, 8)
    with pytest.raises(DataError, match=r"object\(s\) 77 are not in the cells labels"):
        cut_crops(image, labels, 8, objects=[77])


def test_labels_of_another_field_are_refused(field):
    image, labels = field
    with pytest.raises(DataError, match=r"differ in \(y, x\)"):
        cut_crops(image[:, 1:], labels, 8)


def test_pixels_that_are_no_numbers_are_refused(field):
    image, labels = field
    image[1, 20, 24] = np.nan
    with pytest.raises(DataError, match=r"around y=20, x=24 are not finite.*illumination"):
        cut_crops(image, labels, 8)


def test_statistics_leave_out_what_lies_outside_the_image():
    crops = np.zeros((3, 2, 4, 4), np.uint16)
    crops[0, 0, 1:] = [[1, 3, 1, 3]]
    crops[0, 1, 1] = 6  # 0 in the rows below, which are inside: channel 0 is not 0 there
    crops[1] = 500
    statistics = crop_statistics(crops)
    assert statistics[0].tolist() == [[2, 2], [1, pytest.approx(8**0.5)]]
    assert statistics[1:].tolist() == [[[500, 500], [0, 0]], [[0, 0], [0, 0]]]
