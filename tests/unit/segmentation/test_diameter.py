import numpy as np
import pytest

from platewise.segmentation.diameter import object_diameter


def test_the_median_object_as_a_disk():
    # Areas of 1, 16 and 100 pixels, and a number that is missing.
    label = np.zeros((20, 20), np.int32)
    label[0, 0], label[2:6, 2:6], label[8:18, 8:18] = 1, 2, 4
    assert object_diameter(label) == pytest.approx(2 * np.sqrt(16 / np.pi))


def test_nothing_has_no_diameter():
    assert np.isnan(object_diameter(np.zeros((4, 4), np.int32)))
