"""Granularity by torch is that by numba: images to the last bit, means to rounding."""

import numpy as np
import pytest
import torch

from platewise.config.measure import GranularityGroup
from platewise.measure import granularity, torch_granularity
from platewise.measure.objects import list_objects, under

# What is promised is 1e-6; the second is in percent of an object's mean.
TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}
SAMPLED = [(1, 1), (0.5, 0.5), (0.25, 1), (0.4, 0.7)]


def assert_alike(parts, settings, device):
    channels = ["A"] * len(next(iter(parts.values())).image)
    by_numba = granularity.measure(parts, channels, settings)
    by_torch = torch_granularity.measure(parts, channels, settings, device)
    assert list(by_torch) == list(by_numba)
    for name, expected in by_numba.items():
        assert by_torch[name].dtype == expected.dtype
        np.testing.assert_allclose(by_torch[name], expected, **TOLERANCE)


@pytest.mark.parametrize(("subsample", "background"), SAMPLED)
def test_images_are_the_same_to_the_last_bit(stains, subsample, background, device):
    settings = GranularityGroup(subsample=subsample, background_subsample=background, radius=4, steps=5)
    found = torch_granularity.opened_images(torch.from_numpy(stains).to(device), settings).cpu().numpy()
    expected = [list(granularity.opened_images(plane, settings)) for plane in stains]
    np.testing.assert_array_equal(found, np.stack(expected, axis=1))


@pytest.mark.parametrize(("subsample", "background"), SAMPLED)
def test_features_are_the_same(blob_compartment, subsample, background, device):
    settings = GranularityGroup(subsample=subsample, background_subsample=background, radius=4, steps=5)
    assert_alike({"Cells": blob_compartment}, settings, device)


@pytest.mark.parametrize(("subsample", "background"), SAMPLED)
def test_what_hardly_is_a_cell_is_measured_the_same(odd_parts, subsample, background, device):
    assert_alike(odd_parts, GranularityGroup(subsample=subsample, background_subsample=background), device)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 2), (3, 50)])
def test_images_smaller_than_the_disk_are_measured_the_same(compartment_of, shape, device):
    image = np.random.default_rng(0).random(shape)
    assert_alike({"Cells": compartment_of(np.ones(shape, int), image)}, GranularityGroup(), device)


def test_no_objects_give_no_rows(stains, device):
    nothing = under(list_objects(np.zeros((90, 110), np.int32), np.zeros(0, np.int64)), stains, 1.0)
    assert_alike({"Cells": nothing}, GranularityGroup(steps=2), device)


def test_fewer_channels_at_a_time_change_nothing(blob_compartment, device, monkeypatch):
    given = ({"Cells": blob_compartment}, ["A", "B", "C"], GranularityGroup(steps=3), device)
    whole = torch_granularity.measure(*given)["Cells"]
    alone = lambda work, channels, group: [work(slice(at, at + 1)) for at in range(channels)]  # noqa: E731
    monkeypatch.setattr(torch_granularity, "in_batches", alone)
    np.testing.assert_array_equal(torch_granularity.measure(*given)["Cells"], whole)
