import numpy as np
import pytest

from platewise.errors import DataError
from platewise.measure.objects import compartments, list_objects, touches_border, under


def test_pixels_are_listed_by_object_in_raster_order():
    objects = list_objects(np.array([[7, 0, 3], [7, 7, 3]], np.int32), np.array([3, 7]))
    assert objects.areas.tolist() == [2, 3]
    assert list(zip(objects.rows, objects.cols, strict=True)) == [(0, 2), (1, 2), (0, 0), (1, 0), (1, 1)]
    assert objects.labels.tolist() == [[2, 0, 1], [2, 2, 1]]


def test_an_id_without_pixels_is_an_empty_object():
    objects = list_objects(np.array([[5, 5]], np.int32), np.array([4, 5, 6]))
    assert objects.areas.tolist() == [0, 2, 0]


def test_values_lie_beside_their_pixels():
    objects = list_objects(np.array([[0, 2], [1, 2]], np.int32), np.array([1, 2]))
    image = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], np.float32)
    assert under(objects, image, 1.0).values.tolist() == [[3, 2, 4], [7, 6, 8]]


def test_cytoplasm_is_the_cell_without_its_own_nucleus():
    cells = np.array([[2, 2, 2, 9], [2, 2, 2, 9]], np.int32)
    nuclei = np.array([[0, 2, 0, 9], [0, 0, 0, 9]], np.int32)
    ids, objects = compartments({"nuclei": nuclei, "cells": cells})
    assert ids.tolist() == [2, 9]
    assert objects["Nuclei"].areas.tolist() == [1, 2]
    assert objects["Cells"].areas.tolist() == [6, 2]
    assert objects["Cytoplasm"].areas.tolist() == [5, 0]


def test_objects_on_each_border_are_flagged():
    labels = np.zeros((7, 7), np.int32)
    labels[0, 3], labels[3, 0], labels[6, 3], labels[3, 6], labels[3, 3] = 1, 2, 3, 4, 5
    assert touches_border(list_objects(labels, np.arange(1, 7))).tolist() == [True, True, True, True, False, False]


def test_a_nucleus_without_cell_is_refused():
    nuclei, cells = np.array([[1, 4, 6]], np.int32), np.array([[1, 0, 0]], np.int32)
    with pytest.raises(DataError, match=r"nucleus 4 and 1 more have no cell.*paired"):
        compartments({"nuclei": nuclei, "cells": cells})


def test_missing_labels_are_refused():
    with pytest.raises(DataError, match=r"no 'cells' among \['nuclei'\]"):
        compartments({"nuclei": np.zeros((2, 2), np.int32)})


def test_labels_of_two_sizes_are_refused():
    with pytest.raises(DataError, match=r"nuclei have shape \(2, 2\), cells \(2, 3\)"):
        compartments({"nuclei": np.zeros((2, 2), np.int32), "cells": np.zeros((2, 3), np.int32)})
