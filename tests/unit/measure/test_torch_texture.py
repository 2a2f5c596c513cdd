"""Textures by torch are those by numba, to rounding."""

import numpy as np
import pytest

from platewise.config.measure import FixedRange, FullRange, TextureGroup
from platewise.measure import texture, torch_texture
from platewise.measure.objects import list_objects, under

# What is promised is 1e-6. InfoMeas2 is a root: of what rounding leaves of 0 it makes 1e-8.
TOLERANCE = {"rtol": 1e-8, "atol": 1e-7}
SETTINGS = {
    "default": TextureGroup(),
    "jump": TextureGroup(scales=(3, 5, 10), directions="each", levels=256, range=FullRange()),
    "two levels": TextureGroup(scales=(1,), directions="each", levels=2),
    "fixed": TextureGroup(levels=32, range=FixedRange(ranges=dict.fromkeys("ABCD", (1000, 50000)))),
    "farther than the field": TextureGroup(scales=(2, 500)),
}


def assert_alike(parts, settings, device):
    channels = list("ABCD")[: len(next(iter(parts.values())).image)]
    by_numba = texture.measure(parts, channels, settings)
    by_torch = torch_texture.measure(parts, channels, settings, device)
    assert list(by_torch) == list(by_numba)
    for name, expected in by_numba.items():
        assert by_torch[name].dtype == expected.dtype
        np.testing.assert_allclose(by_torch[name], expected, **TOLERANCE)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_features_are_the_same(blob_compartment, settings, device):
    assert_alike({"Cells": blob_compartment}, settings, device)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_what_hardly_is_a_cell_is_measured_the_same(odd_parts, settings, device):
    assert_alike(odd_parts, settings, device)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_no_objects_give_no_rows(stains, settings, device):
    nothing = under(list_objects(np.zeros((90, 110), np.int32), np.zeros(0, np.int64)), stains, 65535.0)
    assert_alike({"Cells": nothing}, settings, device)


def test_nearly_even_objects_keep_their_digits(compartment_of, device):
    """One pixel of another level among 10,000: the variance is what two large numbers differ by."""
    image = np.full((100, 100), 0.9)
    image[50, 50] = 0.2
    parts = {"Cells": compartment_of(np.ones((100, 100), int), image)}
    assert_alike(parts, SETTINGS["jump"], device)
    assert_alike(parts, SETTINGS["default"], device)


def test_fewer_channels_at_a_time_change_nothing(blob_compartment, device, monkeypatch):
    given = ({"Cells": blob_compartment}, ["A", "B", "C"], SETTINGS["jump"], device)
    whole = torch_texture.measure(*given)["Cells"]
    alone = lambda work, channels, group: [work(slice(at, at + 1)) for at in range(channels)]  # noqa: E731
    monkeypatch.setattr(torch_texture, "in_batches", alone)
    np.testing.assert_array_equal(torch_texture.measure(*given)["Cells"], whole)
