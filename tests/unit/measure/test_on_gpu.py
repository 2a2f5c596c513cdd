"""A field measured with a device: the same table, to the tolerance that config and docs state."""

import numpy as np
import pandas as pd
import pytest
import torch

from platewise.config.measure import FullRange, MeasureConfig, TextureGroup
from platewise.errors import DataError
from platewise.measure.field import measure_field
from platewise.measure.groups import GROUPS
from platewise.measure.torch_channels import in_batches

CHANNELS = ["DNA", "ER"]


def fields():
    """Fields of scattered pieces and lines; zero, saturated, negative and fractional pixels, a constant channel."""
    rng = np.random.default_rng(0)
    for number in range(20):
        shape = rng.integers(1, 40, 2)
        cells = rng.integers(0, 5, (shape + 5) // 6).repeat(6, axis=0).repeat(6, axis=1)[: shape[0], : shape[1]]
        cells = cells.astype(np.int32)
        nuclei = np.where(rng.random(shape) < 0.6, cells, 0).astype(np.int32)
        image = rng.choice([0, 1, 5, 1000.5, 65535, -3], (2, *shape)).astype(np.float32)
        if number % 4 == 0:
            image[1] = 700
        yield image, {"nuclei": nuclei, "cells": cells}


@pytest.mark.parametrize("texture", [TextureGroup(), TextureGroup(levels=256, range=FullRange(), directions="each")])
def test_a_field_is_measured_the_same(device, texture):
    config = MeasureConfig(groups=[{"group": "Intensity"}, texture, {"group": "Granularity", "steps": 6}])
    for image, labels in fields():
        by_numba = measure_field(image, labels, CHANNELS, config)
        by_torch = measure_field(image, labels, CHANNELS, config, device)
        pd.testing.assert_frame_equal(by_torch, by_numba, rtol=1e-6, atol=1e-7)


def test_the_groups_that_take_half_the_time_have_a_path_for_a_gpu():
    assert {name for name, group in GROUPS.items() if group.on_gpu} == {"Texture", "Granularity"}


def test_pixels_that_are_not_finite_are_refused_there_too(device):
    image, labels = next(fields())
    image[1, 0, 0] = np.nan
    with pytest.raises(DataError, match="channel ER: 1 pixels are not finite"):
        measure_field(image, labels, CHANNELS, MeasureConfig(), device)


def test_channels_are_taken_together_as_far_as_memory_goes(caplog):
    caplog.set_level("INFO")
    tried = []

    def work(chosen):
        tried.append(chosen)
        if chosen.stop - chosen.start > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return list(range(5))[chosen]

    assert in_batches(work, 5, "Texture") == [[0, 1], [2, 3], [4]]
    assert tried[0] == slice(0, 5)
    assert "Texture: the GPU's memory takes 2 of 5 channels at a time" in caplog.text
