import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.measure import label as connected
from skimage.morphology import h_maxima

from platewise.segmentation.decode.basins import find_basins


@pytest.mark.parametrize("height", [0.0, 0.01, 0.05, 0.2])
def test_hills_are_those_of_h_maxima(height):
    values = ndi.gaussian_filter(np.random.default_rng(1).random((60, 70)), 2).astype(np.float32)
    values /= np.ptp(values)
    basins, peaks = find_basins(values, np.ones(values.shape, bool), height)
    seeds = connected(h_maxima(values, height) if height else ndi.maximum_filter(values, 3) == values, connectivity=2)
    assert seeds.max() == basins.max() > 1
    # Each extended maximum is the top of one hill, above its peak less the height.
    for number in range(1, basins.max() + 1):
        assert len(np.unique(seeds[(basins == number) & (seeds > 0)])) == 1
        assert peaks[number] == values[basins == number].max()


def test_hills_are_numbered_from_the_highest_and_fill_the_mask():
    values = np.array([[1, 5, 1, 0, 2, 9, 2, 0, 7]], np.float32)
    mask = np.array([[1, 1, 1, 1, 1, 1, 1, 0, 1]], bool)
    basins, peaks = find_basins(values, mask, 2)
    np.testing.assert_array_equal(basins, [[3, 3, 3, 1, 1, 1, 1, 0, 2]])
    np.testing.assert_array_equal(peaks, [np.inf, 9, 7, 5])


def test_a_hill_is_kept_if_its_peak_stands_the_height_above_the_pass():
    values = np.array([[3, 1, 9]], np.float32)
    assert find_basins(values, values > 0, 2.0)[0].max() == 2
    assert find_basins(values, values > 0, 2.1)[0].max() == 1


def test_every_part_of_the_mask_has_a_hill_whatever_the_height():
    values = np.zeros((5, 5), np.float32)
    mask = np.zeros((5, 5), bool)
    mask[0, 0] = mask[4, 1:3] = mask[3, 3] = True
    basins, _ = find_basins(values, mask, 1.0)
    np.testing.assert_array_equal(basins > 0, mask)
    np.testing.assert_array_equal(basins[mask], [1, 2, 2, 2])


def test_an_empty_mask_has_none():
    basins, peaks = find_basins(np.ones((2, 3), np.float32), np.zeros((2, 3), bool), 0.1)
    assert not basins.any()
    np.testing.assert_array_equal(peaks, [np.inf])
