"""Brightness, focus and saturation of a field with known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from platewise.errors import DataError
from platewise.qc.fields import field_quality, focus_slope


def cells(seed: int = 0, sharpness: float = 1.5) -> np.ndarray:
    """Return random bright disks on a noisy background, (y, x)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    image = np.zeros((256, 256))
    for row, column in rng.uniform(10, 246, (40, 2)):
        image += 1000.0 * (np.hypot(y - row, x - column) < 8)
    return gaussian_filter(image, sharpness) + rng.normal(100, 3, image.shape)


def power_law(slope: float, seed: int = 0, side: int = 256) -> np.ndarray:
    """Return noise whose power falls as frequency ** slope."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.normal(0, 1, (side, side))) * frequency ** (slope / 2)
    return np.fft.irfft2(spectrum, (side, side))


def test_mean_and_saturation_are_exact():
    image = np.zeros((2, 20, 20), np.float32)
    image[0] = 10
    image[1, :5] = 4095  # a quarter of the rows
    image[1, 10:] = 1

    quality = field_quality(image, ["DNA", "ER"], saturation_level=4095)

    assert quality["Mean_DNA"] == 10
    assert quality["Mean_ER"] == (5 * 4095 + 10 * 1) / 20
    assert quality["Saturated_DNA"] == 0
    assert quality["Saturated_ER"] == 0.25
    assert np.isnan(quality["Focus_DNA"])
    assert list(quality) == [f"{kind}_{name}" for name in ("DNA", "ER") for kind in ("Mean", "Focus", "Saturated")]


@pytest.mark.parametrize("slope", [-1.0, -2.0, -3.0])
def test_slope_of_a_known_spectrum(slope):
    found = [focus_slope(power_law(slope, seed)) for seed in range(5)]

    assert np.mean(found) == pytest.approx(slope, abs=0.1)


def test_blur_lowers_the_slope_step_by_step():
    image = cells()
    slopes = [focus_slope(gaussian_filter(image, sigma) if sigma else image) for sigma in (0, 1, 2, 4)]

    assert slopes == sorted(slopes, reverse=True)
    assert slopes[0] - slopes[2] > 0.5  # a blur of two pixels is above the default threshold


def test_brightness_does_not_change_the_slope():
    image = cells()

    assert focus_slope(image * 7 + 300) == pytest.approx(focus_slope(image), abs=1e-4)


def test_tiny_and_constant_images_have_no_slope():
    assert np.isnan(focus_slope(np.zeros((8, 8))))
    assert np.isnan(focus_slope(np.full((64, 64), 3.0)))


def test_channels_that_do_not_fit_the_image_are_named():
    with pytest.raises(DataError, match=r"shape \(2, 20, 20\).*DNA, ER, RNA.*Hint"):
        field_quality(np.zeros((2, 20, 20)), ["DNA", "ER", "RNA"])
