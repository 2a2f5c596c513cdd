"""Shrinking, standardising and compressing crops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from platewise.crops.cut import crop_statistics as numpy_statistics
from platewise.embedding.preprocess import compress, crop_statistics, shrink_crops, standardise
from platewise.embedding.reference import plate_reference
from platewise.errors import DataError


def test_shrinking_takes_the_mean_of_squares():
    crop = np.array([[[[1, 3, 10, 10], [5, 7, 10, 11], [0, 0, 2, 2], [1, 1, 2, 2]]]], np.uint16)
    assert shrink_crops(crop + 10, 2)[0, 0].tolist() == [[14, 20], [10, 12]]
    assert shrink_crops(crop, 1) is crop
    assert shrink_crops(crop, 2).dtype == np.uint16


def test_pixels_outside_the_image_do_not_darken_the_border():
    crop = np.zeros((1, 2, 4, 4), np.uint16)
    crop[0, 0, :, 1:] = 300
    crop[0, 1, :, 1:] = 0  # a dark channel: the pixels are inside because channel 0 is not zero
    assert shrink_crops(crop, 2)[0, 0].tolist() == [[300, 300], [300, 300]]
    crop[0, 0, :, :2] = 0
    assert shrink_crops(crop, 2)[0, 0].tolist() == [[0, 300], [0, 300]]


def test_bright_crops_do_not_overflow():
    assert shrink_crops(np.full((1, 1, 8, 8), 65535, np.uint16), 4).tolist() == [[[[65535] * 2] * 2]]


def test_crops_that_cannot_be_shrunk_are_refused():
    with pytest.raises(DataError, match=r"32x32 pixels cannot be shrunk by 5.*downscale"):
        shrink_crops(np.ones((1, 1, 32, 32), np.uint16), 5)


def some_crops(count=6):
    rng = np.random.default_rng(0)
    crops = torch.from_numpy(rng.uniform(100, 900, (count, 3, 12, 12)).astype(np.float32))
    crops[0, :, :4] = 0
    return crops


def test_statistics_leave_out_what_lies_outside_the_image():
    crops = some_crops()
    mean, deviation = crop_statistics(crops)
    inside = crops[0, :, 4:].numpy()
    assert np.allclose(mean[0], inside.mean(axis=(1, 2)), rtol=1e-6)
    assert np.allclose(deviation[0], inside.std(axis=(1, 2)), rtol=1e-5)
    assert np.allclose(deviation[1], crops[1].numpy().std(axis=(1, 2)), rtol=1e-5)


def test_torch_and_numpy_agree_on_the_statistics():
    crops = some_crops().round()
    both = torch.stack(crop_statistics(crops), dim=1).numpy()
    assert np.allclose(both, numpy_statistics(crops.numpy().astype(np.uint16)), rtol=1e-5)


def test_each_channel_of_each_crop_gets_mean_0_and_deviation_1():
    standard = standardise(some_crops())
    assert torch.allclose(standard[1:].mean(dim=(2, 3)), torch.zeros(5, 3), atol=1e-5)
    assert torch.allclose(standard[1:].std(dim=(2, 3), correction=0), torch.ones(5, 3), atol=1e-5)
    assert not standard[0, :, :4].any()


@pytest.mark.parametrize("by_plate", [False, True])
def test_gain_and_offset_of_a_plate_change_nothing(by_plate):
    crops = some_crops()
    inside = crops.any(dim=1, keepdim=True)
    gain = torch.tensor([1.5, 0.6, 2.0])[:, None, None]
    offset = torch.tensor([150.0, 20.0, 400.0])[:, None, None]
    other = (crops * gain + offset) * inside

    def reference(plate):
        # Statistics of the exact values: rounding to camera units is not what is tested here.
        mean, deviation = crop_statistics(plate)
        return torch.stack([mean.median(dim=0).values, deviation.median(dim=0).values])[None]

    one, two = (standardise(plate, reference(plate) if by_plate else None) for plate in (crops, other))
    assert torch.allclose(one, two, atol=1e-4)


def test_a_plate_reference_keeps_brightness_differences_between_cells():
    dim, bright = np.full((3, 1, 4, 4), 100, np.uint16), np.full((1, 1, 4, 4), 300, np.uint16)
    dim[:, :, ::2] = 120
    bright[:, :, ::2] = 320
    reference = plate_reference(numpy_statistics(np.concatenate([dim, bright])))
    assert reference.tolist() == [[110.0], [10.0]]
    standard = standardise(torch.from_numpy(bright).float(), torch.from_numpy(reference)[None])
    assert standard.unique().tolist() == [19.0, 21.0]


def test_a_plate_without_crops_has_no_reference():
    with pytest.raises(DataError, match=r"plate without crops.*QC page"):
        plate_reference(np.empty((0, 2, 3)))


def test_empty_and_flat_crops_stay_finite():
    crops = torch.zeros(2, 1, 4, 4)
    crops[1] = 500
    assert standardise(crops).tolist() == torch.zeros(2, 1, 4, 4).tolist()


def test_compression_is_linear_near_zero_and_logarithmic_far_from_it():
    values = compress(torch.tensor([0.0, 1e-3, -50.0, 100.0]))
    assert values.tolist() == pytest.approx([0, 1e-3, -np.log(100), np.log(200)], rel=1e-4)
