import numpy as np
import pytest
import tifffile
from PIL import Image

from platewise.errors import DataError
from platewise.readers import images
from platewise.readers.images import ImageError, read_header, read_pixels, read_unchanged

PIXELS = np.arange(1, 30 * 40 + 1, dtype=np.uint16).reshape(30, 40)


def read(path):
    return read_pixels(path, path.read_bytes())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
def test_tiff_header_and_pixels(tmp_path, dtype, compression):
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, PIXELS.astype(dtype), compression=compression, rowsperstrip=7)
    header = read_header(path)
    assert (header.dtype, header.height, header.width) == (dtype, 30, 40)
    assert (header.size, header.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    np.testing.assert_array_equal(read(path), PIXELS.astype(dtype))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_png_header_and_pixels(tmp_path, dtype):
    path = tmp_path / "a.PNG"
    Image.fromarray(PIXELS.astype(dtype)).save(path)
    header = read_header(path)
    assert (header.dtype, header.height, header.width) == (dtype, 30, 40)
    pixels = read(path)
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, PIXELS.astype(dtype))


def test_the_header_is_read_without_the_pixels(tmp_path, monkeypatch):
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, PIXELS)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_, **__: pytest.fail("pixels were read"))
    assert read_header(path).height == 30


def test_a_tiled_tiff_with_a_thumbnail_is_one_image(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(PIXELS, tile=(16, 16))
        writer.write(PIXELS[::4, ::4], subfiletype=1)
    np.testing.assert_array_equal(read(path), PIXELS)


def write_cut(path, keep):
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 2**16, (64, 64), dtype=np.uint16), compression="zlib")
    path.write_bytes(path.read_bytes()[:keep])


def write_pages(path):
    tifffile.imwrite(path, np.stack([PIXELS, PIXELS]))


def write_colour(path):
    tifffile.imwrite(path, np.zeros((30, 40, 3), np.uint8), photometric="rgb")


def write_complex(path):
    tifffile.imwrite(path, PIXELS.astype(np.complex64))


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("a.tiff", lambda path: None, "the file is missing"),
        ("a.tiff", lambda path: path.touch(), "the file is empty"),
        ("a.tiff", lambda path: path.write_text("no image"), "cannot be read as TIFF"),
        ("a.tiff", lambda path: write_cut(path, 4000), "the file is cut short: 4000 bytes of [0-9]{4}"),
        ("a.tiff", lambda path: write_cut(path, 100), "cannot be read as TIFF"),
        ("a.tiff", write_pages, "the TIFF holds 2 pages; one is expected"),
        ("a.tiff", write_colour, r"has shape \(30, 40, 3\); one grey plane"),
        ("a.tiff", write_complex, "pixels of type complex64 cannot be measured"),
        ("a.png", lambda path: path.write_text("no image"), "cannot be read as PNG"),
        ("a.png", lambda path: Image.new("RGB", (40, 30)).save(path), "the PNG is of mode RGB"),
        ("a.png", lambda path: Image.new("1", (40, 30)).save(path), "the PNG is of mode 1"),
    ],
)
def test_every_bad_header_has_its_words(tmp_path, name, write, reason):
    path = tmp_path / name
    write(path)
    with pytest.raises(ImageError, match=reason) as caught:
        read_header(path)
    assert str(path) not in caught.value.reason
    if path.exists():
        with pytest.raises(ImageError, match=reason) as caught:
            read(path)
        assert str(path) not in caught.value.reason


def test_a_cut_png_is_found_without_decoding_it(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ImageError, match="cut short: it lacks the PNG's closing chunk"):
        read_header(path)


@pytest.mark.parametrize("name", ["a.tiff", "a.png"])
def test_damaged_pixel_data_pass_the_header_and_fail_on_reading(tmp_path, name):
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 2**16, (64, 64), dtype=np.uint16)
    if name == "a.png":
        Image.fromarray(noise).save(path)
    else:
        tifffile.imwrite(path, noise, compression="zlib")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    assert read_header(path).height == 64
    with pytest.raises(ImageError, match="the pixels cannot be read"):
        read(path)


def facts(path):
    return path.stat().st_size, path.stat().st_mtime_ns


def test_a_file_is_read_whole_if_it_is_the_one_expected(tmp_path):
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, PIXELS)
    size, mtime_ns = facts(path)
    assert read_unchanged(path, size, mtime_ns) == path.read_bytes()
    for other in ((size - 1, mtime_ns), (size, mtime_ns + 1)):
        with pytest.raises(ImageError, match="changed after the inventory; run again with --forcerun inventory_plate"):
            read_unchanged(path, *other)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_unchanged(path, size, mtime_ns)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, PIXELS)
    expected = facts(path)
    seen = iter([expected, (expected[0], expected[1] + 1)])
    monkeypatch.setattr(images, "_facts", lambda _: next(seen))
    with pytest.raises(ImageError, match="changed after the inventory"):
        read_unchanged(path, *expected)


def test_a_folder_that_is_not_mounted_is_no_fault_of_the_image(tmp_path):
    with pytest.raises(DataError, match=r"the folder of images is not there.*Hint: is the share mounted"):
        read_unchanged(tmp_path / "share" / "a.tiff", 1, 1)


def test_a_failing_file_system_is_no_fault_of_the_image(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read now.*Is a directory.*Hint: look after the file system"):
        read_unchanged(tmp_path, 0, 0)
