"""The store is OME-Zarr that other tools open, and it has few files."""

import numpy as np
import pytest

from platewise.store.commit import commit_field
from platewise.store.paths import field_path
from platewise.store.plate import prepare_store

LABELS = {name: np.pad(np.ones((20, 20), dtype=np.int32), ((10, 11), (5, 6))) for name in ("nuclei", "cells")}
IMAGE = np.arange(2 * 41 * 31, dtype=np.uint16).reshape(2, 41, 31)


@pytest.fixture
def store(tmp_path):
    store = tmp_path / "plate.zarr"
    prepare_store(store, "P1", {"A01": [1], "B11": [1, 2]})
    commit_field(store, "A01", 1, LABELS, "d", {})
    commit_field(store, "B11", 1, LABELS, "d", {}, IMAGE, ["DNA", "ER"], 0.6, 3)
    commit_field(store, "B11", 2, LABELS, "d", {}, IMAGE, ["DNA", "ER"], 0.6, 3)
    return store


def test_ngio_opens_plate_image_and_labels(store):
    from ngio import open_ome_zarr_plate

    plate = open_ome_zarr_plate(store)
    assert plate.rows == ["A", "B"]
    image = plate.get_image("B", "11", "2")
    assert image.levels == 3
    assert image.list_labels() == ["nuclei", "cells"]
    np.testing.assert_array_equal(image.get_image().get_as_numpy(), IMAGE)
    label = image.get_label("nuclei")
    np.testing.assert_array_equal(label.get_as_numpy(), LABELS["nuclei"])
    assert (label.pixel_size.y, label.pixel_size.x) == (0.6, 0.6)


def test_the_models_of_the_specification_accept_a_store_with_images(tmp_path):
    import zarr
    from ome_zarr_models.v05 import HCS

    prepare_store(tmp_path / "plate.zarr", "P1", {"A01": [1]})
    commit_field(tmp_path / "plate.zarr", "A01", 1, LABELS, "d", {}, IMAGE, ["DNA", "ER"], 0.6, 3)
    hcs = HCS.from_zarr(zarr.open_group(tmp_path / "plate.zarr", mode="r"))
    assert [well.path for well in hcs.ome_attributes.plate.wells] == ["A/01"]


def test_few_files_a_field(store):
    def count(well):
        return sum(path.is_file() for path in field_path(store, well, 1).rglob("*"))

    assert count("A01") <= 10
    assert count("B11") <= 24


def test_a_pyramid_level_is_the_mean_of_four_pixels(store):
    import zarr

    level = zarr.open_array(field_path(store, "B11", 1) / "1", mode="r")
    assert level.shape == (2, 21, 16)
    assert level[0, 0, 0] == round(np.mean([0, 1, 31, 32]))


def test_more_wells_keep_the_fields(store):
    prepare_store(store, "P1", {"A01": [1], "B11": [1, 2], "C02": [1]})
    from ngio import open_ome_zarr_plate

    assert open_ome_zarr_plate(store).rows == ["A", "B", "C"]
    assert field_path(store, "B11", 2).is_dir()
