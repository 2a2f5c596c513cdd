import numpy as np

from platewise.config.measure import FixedRange, FullRange, LogRange
from platewise.measure.grey_levels import full_levels, grey_levels, linear_levels, log_levels


def test_log_levels_are_steps_of_equal_ratio():
    # 4 levels over 4 octaves: one a halving, the last from 1/2 to 1.
    image = np.array([1.0, 0.99, 0.5, 0.49, 0.25, 0.125, 0.0624, 1e-6, 0.0, -1.0, 2.0], np.float32)
    assert log_levels(image, 4, 4).tolist() == [4, 4, 4, 3, 3, 2, 1, 1, 1, 1, 4]


def test_a_brighter_plate_moves_all_log_levels_by_the_same_step():
    image = np.random.default_rng(1).uniform(0.05, 0.2, 500).astype(np.float32)
    assert set(log_levels(4 * image, 64, 8) - log_levels(image, 64, 8)) == {16}


def test_linear_levels_are_steps_of_equal_width():
    image = np.array([0.0, 0.1, 0.149, 0.151, 0.25, 0.3, 0.9], np.float32)
    assert linear_levels(image, 4, 0.1, 0.3).tolist() == [1, 1, 1, 2, 4, 4, 4]


def test_full_levels_round_as_an_8_bit_image_does():
    image = np.array([0, 0.4, 0.6, 1.6, 254.6, 255], np.float32) / np.float32(255)
    assert full_levels(image, 256).tolist() == [0, 0, 1, 2, 255, 255]
    assert full_levels(np.array([-1.0, 2.0], np.float32), 256).tolist() == [0, 255]


def test_the_configured_scaling_is_used_and_ranges_are_camera_counts():
    image = np.array([0.25, 0.5], np.float32)
    assert grey_levels(image, "DNA", 4, LogRange(octaves=4), 1000).tolist() == [3, 4]
    assert grey_levels(image, "DNA", 5, FullRange(), 1000).tolist() == [1, 2]
    assert grey_levels(image, "DNA", 4, FixedRange(ranges={"DNA": (200, 600)}), 1000).tolist() == [1, 4]
