"""Image files of any kind, and label images."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from platewise.errors import DataError
from platewise.segmentation.pictures import (
    label_path,
    list_pictures,
    read_label,
    read_picture,
    read_planes,
    write_label,
)

GREY = np.arange(35, dtype=np.uint8).reshape(5, 7)
# The same as labels: objects of three pixels.
FLAT = np.repeat(GREY, 3, axis=1)
COLOUR = np.stack([GREY, GREY + 100, GREY[::-1] + 50], axis=2)


def png(path, array, mode=None):
    Image.fromarray(array, mode).save(path) if mode else Image.fromarray(array).save(path)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_grey_images_have_one_plane(tmp_path, suffix):
    path = png(tmp_path / f"a{suffix}", GREY)
    np.testing.assert_array_equal(read_picture(path), GREY[None])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", "uint32"])
def test_tiff_keeps_its_numbers(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(dtype) * 3, compression="zlib")
    found = read_picture(tmp_path / "a.tif")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, GREY.astype(dtype)[None] * 3)


def test_sixteen_bits_of_png_are_kept(tmp_path):
    deep = GREY.astype(np.uint16) * 1871
    np.testing.assert_array_equal(read_picture(png(tmp_path / "a.png", deep)), deep[None])


def test_sixteen_bits_of_colour_are_kept(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    deep = COLOUR.astype(np.uint16) * 257 + 13
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), np.moveaxis(deep, 2, 0))


def test_colour_comes_first_and_transparency_is_left_out(tmp_path):
    transparent = np.dstack([COLOUR, 255 - GREY])
    expected = np.moveaxis(COLOUR, 2, 0)
    for number, path in enumerate(
        (png(tmp_path / "rgb.png", COLOUR), png(tmp_path / "rgba.png", transparent), png(tmp_path / "c.bmp", COLOUR))
    ):
        np.testing.assert_array_equal(read_picture(path), expected, err_msg=str(number))
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", transparent, photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(tmp_path / "c.tif", expected, photometric="rgb", planarconfig="separate")
    for name in "abc":
        np.testing.assert_array_equal(read_picture(tmp_path / f"{name}.tif"), expected, err_msg=name)


def test_grey_with_transparency_is_grey(tmp_path):
    png(tmp_path / "a.png", np.dstack([GREY, GREY]), "LA")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), GREY[None])
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([GREY, GREY]), photometric="minisblack", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), GREY[None])


def test_sixteen_bits_of_grey_with_transparency_are_kept(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    deep = GREY.astype(np.uint16) * 1871
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.dstack([deep, deep])))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), deep[None])


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("channels", [2, 3, 4, 5])
def test_channels_that_are_samples_of_grey_are_all_kept(tmp_path, channels, planar):
    stack = np.stack([GREY + place for place in range(channels)])
    array = np.moveaxis(stack, 0, 2) if planar == "contig" else stack
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", planarconfig=planar)
    np.testing.assert_array_equal(read_planes(tmp_path / "a.tif"), stack)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif", channels - 1), stack[-1:])
    with pytest.raises(DataError, match=f"holds {channels} channels or pages"):
        read_picture(tmp_path / "a.tif")


def test_palettes_become_colours_and_bits_become_numbers(tmp_path):
    palette = Image.fromarray(COLOUR).quantize(35)
    palette.save(tmp_path / "p.png")
    expected = np.moveaxis(np.asarray(palette.convert("RGB")), 2, 0)
    np.testing.assert_array_equal(read_picture(tmp_path / "p.png"), expected)
    Image.fromarray(GREY > 9).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "bits.png"), (GREY > 9)[None].astype(np.uint8))


def test_jpeg_is_read(tmp_path):
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(tmp_path / "a.JPG")
    found = read_picture(tmp_path / "a.JPG")
    assert found.shape == (3, 16, 16)
    assert abs(int(found.mean()) - 90) <= 2


@pytest.mark.parametrize("channels", [2, 3, 7])
def test_several_channels_need_a_choice(tmp_path, channels):
    stack = np.stack([GREY + number for number in range(channels)]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    with pytest.raises(DataError, match=rf"a\.tif: holds {channels} channels or pages.*--channel"):
        read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif", 1), stack[1:2])
    np.testing.assert_array_equal(read_planes(tmp_path / "a.tif"), stack)
    with pytest.raises(DataError, match=f"has no channel {channels}; it holds {channels}"):
        read_picture(tmp_path / "a.tif", channels)


def test_one_colour_can_be_chosen(tmp_path):
    np.testing.assert_array_equal(read_picture(png(tmp_path / "a.png", COLOUR), 2), COLOUR[None, :, :, 2])


def test_pages_that_differ_in_size_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(GREY)
        tiff.write(GREY[:3])
    with pytest.raises(DataError, match="holds 2 images of different sizes"):
        read_picture(tmp_path / "a.tif")


def test_complex_numbers_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.complex64))
    with pytest.raises(DataError, match="pixels of type complex64"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_broken_files_are_named(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for broken in (content[: len(content) // 2], content[:10], b"", b"no image at all"):
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(DataError, match=f"{name}: .*Hint: write the file anew"):
            read_picture(tmp_path / name)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"{name}: cannot be read"):
        read_picture(tmp_path / name)


def test_files_are_listed_by_name(tmp_path):
    for name in ("b.png", "a.TIF", "c.txt", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "d.png").mkdir()
    assert list_pictures(tmp_path) == {"a": tmp_path / "a.TIF", "b": tmp_path / "b.png"}
    assert list_pictures(tmp_path / "b.png") == {"b": tmp_path / "b.png"}


def test_names_that_differ_in_the_suffix_only_are_refused(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "a.tif").touch()
    with pytest.raises(DataError, match=r"a\.tif: has the same name as a\.png, but for the suffix"):
        list_pictures(tmp_path)


def test_nothing_to_list_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no image\. Hint: name an image, or a folder"):
        list_pictures(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        list_pictures(tmp_path / "gone")


@pytest.mark.parametrize("largest", [0, 255, 256, 65_535])
def test_labels_are_sixteen_bit_png(tmp_path, largest):
    label = np.zeros((4, 6), np.int32)
    label[1, 2] = largest
    path = write_label(tmp_path, "a", label)
    assert path == label_path(tmp_path, "a") == tmp_path / "a.png"
    with Image.open(path) as image:
        assert image.mode == "I;16"
    np.testing.assert_array_equal(read_label(path), label)
    assert read_label(path).dtype == np.int32


def test_more_objects_than_sixteen_bits_hold_make_a_tiff(tmp_path):
    label = np.repeat(np.arange(70_000, dtype=np.int32), 3).reshape(250, 840)
    write_label(tmp_path, "a", label[:10])
    path = write_label(tmp_path, "a", label)
    assert path == label_path(tmp_path, "a") == tmp_path / "a.tif"
    np.testing.assert_array_equal(read_label(path), label)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tif"], "the older PNG is gone"


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint32", "int64", "bool"])
def test_labels_of_any_whole_numbers_are_read(tmp_path, dtype):
    label = (FLAT % 5).astype(dtype)
    if dtype == "int64":
        tifffile.imwrite(tmp_path / "a.tif", label)
    else:
        tifffile.imwrite(tmp_path / "a.tif", label, compression="zlib")
    np.testing.assert_array_equal(read_label(tmp_path / "a.tif"), label.astype(np.int32))


def test_labels_with_a_page_axis_and_objects_of_a_pixel_are_labels(tmp_path):
    dots = np.zeros((1, 6, 6), np.uint16)
    dots[0, 2, 2:4] = 1, 2
    tifffile.imwrite(tmp_path / "a.tif", dots, photometric="minisblack", metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_label(tmp_path / "a.tif"), dots[0])


def test_numbers_of_a_palette_are_the_labels(tmp_path):
    palette = Image.fromarray((FLAT % 3).astype(np.uint8), "P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    palette.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_label(tmp_path / "a.png"), FLAT % 3)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (COLOUR, r"found shape \(5, 7, 3\) of type uint8, which is no label image"),
        (GREY.astype(np.float32), "of type float32, which is no label image"),
        (GREY.astype(np.int32) - 3, "found numbers from -3 to 31"),
        (GREY.astype(np.uint32) + 2**31, "found numbers from 2147483648"),
        (GREY, "looks like an image, not like labels: neighbouring pixels differ"),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path, array, words):
    tifffile.imwrite(tmp_path / "a.tif", array)
    with pytest.raises(DataError, match=words):
        read_label(tmp_path / "a.tif")
