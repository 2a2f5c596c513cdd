import numpy as np
import pytest
import tifffile

from platewise.config.images import PatternReader
from platewise.errors import DataError, PlatewiseError
from platewise.fields import BadFieldError, read_field
from platewise.inventory import inventory_plate

READER = PatternReader(kind="pattern", pattern=r"(?P<well>\w\d\d)_(?P<channel>\w+)\.tif")
CHANNELS = {"DNA": "dna", "ER": "er"}


def image(value, dtype=np.uint16):
    pixels = np.full((8, 10), value, dtype)
    pixels[0, 0] += 5
    return pixels


@pytest.fixture
def field(tmp_path):
    """The rows of A01, where DNA is 100 and ER 40 (and 5 more at the first pixel); A02 keeps the majority sound."""
    for well in ("A01", "A02"):
        tifffile.imwrite(tmp_path / f"{well}_dna.tif", image(100))
        tifffile.imwrite(tmp_path / f"{well}_er.tif", image(40))
    return tmp_path


def rows(folder, well="A01"):
    blocks = {"b": [("A01", None), ("A02", None)]}
    table = inventory_plate(folder, READER, "P", blocks, CHANNELS, max_bad_fields=1)["b"]
    return table[table["Metadata_Well"] == well]


def test_channels_come_in_the_order_asked_for(field):
    read = read_field(rows(field), ["ER", "DNA"])
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, np.stack([image(40), image(100)]).astype(np.float32))
    np.testing.assert_array_equal(read_field(rows(field), ["DNA"])[0], image(100))


def test_illumination_is_divided_out(field):
    flat = np.ones((2, 8, 10), np.float32)
    flat[1, :, :5], flat[1, :, 5:] = 0.5, 1.5
    read = read_field(rows(field), ["DNA", "ER"], flat)
    assert read.dtype == np.float32
    assert (read[0, 1, 1], read[1, 1, 1], read[1, 0, 0]) == (100, 80, 90)
    np.testing.assert_allclose(read[1, :, 5:], 40 / 1.5, rtol=1e-6)


def test_an_illumination_of_another_shape_is_an_error_not_a_bad_field(field):
    with pytest.raises(DataError, match=r"illumination has shape \(2, 4, 4\), the field \(2, 8, 10\)"):
        read_field(rows(field), ["DNA", "ER"], np.ones((2, 4, 4), np.float32))


def damage(path):
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 2**16, (8, 10), dtype=np.uint16), compression="zlib")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (lambda path: path.unlink(), None, "ER: no image of this channel was found"),
        (None, lambda path: path.unlink(), "ER: the file is missing now"),
        (None, lambda path: path.write_bytes(path.read_bytes()[:-9]), "ER: the file was changed after the inventory"),
        (lambda path: tifffile.imwrite(path, np.zeros((8, 10), np.uint16)), None, "ER: every pixel is 0"),
    ],
)
def test_a_bad_field_says_which_channel_and_why(field, before, after, reason):
    path = field / "A01_er.tif"
    if before:
        before(path)
    table = rows(field)
    if after:
        after(path)
    with pytest.raises(BadFieldError) as caught:
        read_field(table, ["DNA", "ER"])
    assert caught.value.reason.startswith(reason)
    assert isinstance(caught.value, PlatewiseError)
    assert read_field(table, ["DNA"]).shape == (1, 8, 10)


def test_numbers_that_are_none_are_counted(field):
    for well in ("A01", "A02"):
        pixels = image(40, np.float32)
        pixels[2, 2:4] = np.nan, np.inf
        tifffile.imwrite(field / f"{well}_er.tif", pixels)
    with pytest.raises(BadFieldError, match="ER: 2 pixels are not finite numbers"):
        read_field(rows(field), ["ER"])


def test_damaged_pixel_data_are_a_bad_field(field):
    path = field / "A01_er.tif"
    damage(path)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        start, count = tiff.pages[0].dataoffsets[0], tiff.pages[0].databytecounts[0]
    data[start : start + count] = bytes(count)
    path.write_bytes(data)
    table = rows(field)
    assert set(table["Status"]) == {"ok"}
    with pytest.raises(BadFieldError, match="ER: the pixels cannot be read"):
        read_field(table, ["ER"])


def test_a_file_replaced_by_one_of_equal_size_and_other_shape_is_found(field):
    table = rows(field)
    tifffile.imwrite(field / "A01_er.tif", image(40).T.copy())
    with pytest.raises(BadFieldError, match="ER: the file was changed after the inventory"):
        read_field(table, ["ER"])


def test_rows_of_two_fields_or_without_a_channel_are_refused(field):
    both = inventory_plate(field, READER, "P", {"b": [("A01", None), ("A02", None)]}, CHANNELS)["b"]
    with pytest.raises(DataError, match="rows of 2 fields were given"):
        read_field(both, ["DNA"])
    with pytest.raises(DataError, match="A01 site 1: found 0 inventory rows of channel AGP"):
        read_field(rows(field), ["AGP"])
