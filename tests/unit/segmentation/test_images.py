import numpy as np
import pytest
from scipy import ndimage as ndi

from platewise.segmentation.images import brightness_range, shows_something, standardise


def disk(side, radius):
    rows, columns = np.indices((side, side)) - side // 2
    return (np.hypot(rows, columns) <= radius).astype(np.float32)


@pytest.mark.parametrize("radius", [1, 9, 100])
def test_few_objects_on_a_flat_ground_keep_their_contrast(radius):
    """One nucleus in an empty field is less than 0.2 % of its pixels; large fields are looked at in a sample."""
    image = 500 + 3000 * disk(1200, radius)
    standard = standardise(image[None])
    assert standard.shape == (3, 1200, 1200)
    np.testing.assert_allclose(standard[0], disk(1200, radius), atol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 5, 9])
@pytest.mark.parametrize("polarity", [1, -1])
def test_the_last_nuclei_of_a_noisy_field_are_not_lost_in_its_noise(polarity, count):
    """One is 0.04 % of the pixels: the 99.8th percentile is that of the ground, and hot pixels are brighter."""
    rng = np.random.default_rng(0)
    shown = sum(np.roll(disk(1200, 14), (60 * number, -50 * number), (0, 1)) for number in range(count))
    image = 500 + polarity * 300 * ndi.gaussian_filter(shown, 2) + rng.normal(0, 10, (1200, 1200))
    image.ravel()[rng.integers(image.size, size=20)] = 500 + polarity * 60000
    standard = standardise(image[None].astype(np.float32))[0]
    nuclei, ground = standard[ndi.binary_erosion(shown, iterations=3)], standard[ndi.gaussian_filter(shown, 2) < 1e-3]
    assert abs(np.median(nuclei) - np.median(ground)) == pytest.approx(1, abs=0.15)


def test_noise_alone_and_bright_specks_among_nuclei_leave_the_percentiles_alone():
    rng = np.random.default_rng(0)
    noise = rng.normal(500, 10, (600, 600))
    assert brightness_range(noise) == pytest.approx(np.percentile(noise, (1, 99.8)).tolist(), rel=0.01)
    nuclei = noise + 300 * (rng.random((600, 600)) < 0.05)
    nuclei[:20, :20] = 60000
    assert brightness_range(nuclei)[1] < 900


def test_channels_go_from_their_first_to_their_last_percentile():
    rng = np.random.default_rng(0)
    image = rng.normal([[[100]], [[5000]], [[7]]], [[[10]], [[900]], [[1]]], (3, 400, 400)).astype(np.float32)
    for channel in standardise(image):
        assert np.percentile(channel, (1, 99.8)) == pytest.approx([0, 1], abs=0.02)


def test_a_channel_without_contrast_is_nothing():
    assert not standardise(np.full((1, 50, 60), 4095.0, np.float32)).any()


def test_a_hot_pixel_is_cut_off():
    image = np.random.default_rng(0).normal(100, 10, (1, 300, 300)).astype(np.float32)
    image[0, 5, 5] = 1e9
    assert standardise(image).max() == 3


@pytest.mark.parametrize("shape", [(96, 90), (256, 256), (1080, 1080), (40, 3000)])
@pytest.mark.parametrize("draw", ["normal", "poisson"])
def test_noise_shows_nothing(shape, draw):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        noise = rng.normal(300, 10, shape) if draw == "normal" else rng.poisson(30, shape)
        assert not shows_something(standardise(noise[None].astype(np.float32)))


@pytest.mark.parametrize(("count", "height"), [(1, 30), (1, 300), (40, 8), (40, 20), (40, -20)])
def test_nuclei_in_noise_show(count, height):
    """A single one at three times the noise, and many below it."""
    rng = np.random.default_rng(0)
    shown = sum(np.roll(disk(600, 12), (97 * number, 61 * number), (0, 1)) for number in range(count))
    image = 300 + height * np.minimum(shown, 1) + rng.normal(0, 10, (600, 600))
    assert shows_something(standardise(image[None].astype(np.float32)))


def test_a_constant_image_shows_nothing_and_a_tiny_one_may():
    assert not shows_something(np.zeros((3, 50, 50), np.float32))
    assert shows_something(np.random.default_rng(0).random((3, 1, 10_000), np.float32))
    assert shows_something(np.eye(2, dtype=np.float32)[None])
