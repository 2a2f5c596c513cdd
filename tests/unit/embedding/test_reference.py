"""A plate's brightness is summed up once for all its blocks, to the last bit."""

import numpy as np
import pytest

from platewise.crops.store import read_crops
from platewise.embedding.reference import plate_reference, read_reference, reference_of_stores, reference_plate
from platewise.errors import DataError
from platewise.tables import read_table


def test_the_written_reference_is_that_of_the_stores(toy, tmp_path):
    reference_plate(toy.stores["P2"], tmp_path / "r.parquet")
    channels, reference = read_reference(tmp_path / "r.parquet")
    stores = [read_crops(path) for path in toy.stores["P2"]]
    assert channels == ("DNA", "ER")
    assert np.array_equal(reference, reference_of_stores(stores))
    assert reference.dtype == np.float32
    pixels = np.concatenate([store.statistics for store in stores])
    assert np.array_equal(reference, np.median(pixels, axis=0).astype(np.float32))
    assert list(read_table(tmp_path / "r.parquet").columns) == ["Channel", "Centre", "Scale"]


def test_a_plate_without_crops_has_none():
    with pytest.raises(DataError, match=r"plate without crops has no brightness.*Hint"):
        plate_reference(np.empty((0, 2, 3)))
