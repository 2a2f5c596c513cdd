"""Image files of any kind, and label images: what people hand over, where a campaign has an inventory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from platewise.errors import DataError
from platewise.files import whole_file
from platewise.readers.images import ImageError, check_length

Planes = npt.NDArray[np.generic]
Label = npt.NDArray[np.int32]
Read = TypeVar("Read")

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
_TIFF = (".tif", ".tiff")
_ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
# Labels are flat: a camera's image changes from nearly every pixel to the next.
_FLAT = 0.5
# Pairs of neighbours that it takes to tell: objects of a few pixels touch, too.
_ENOUGH = 20
# The largest number that a 16-bit PNG can hold.
MOST_OBJECTS = 65_535
# Places in a PNG's first chunk, which every PNG has: bits a sample, and whether it is in colour.
_PNG_BITS, _PNG_COLOUR = 24, 25
# PNGs with 16 bits a sample, in colour or with transparency, and how many of their samples count.
_PNG_CUT = {b"\x10\x02": 3, b"\x10\x06": 3, b"\x10\x04": 1}


def list_pictures(path: Path) -> dict[str, Path]:
    """Return the image files of a folder, or one file, by their names without suffix, in order.

    Raises
    ------
    DataError
        If there is none, or two of them differ in the suffix only: their results would have one name.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if _is_picture(file))
    else:
        files = [path] if path.is_file() else []
    if not files:
        found = "no image" if path.is_dir() else "no such file or folder"
        raise DataError(f"{path}: {found}. Hint: name an image, or a folder of images ({', '.join(SUFFIXES)}).")
    pictures: dict[str, Path] = {}
    for file in files:
        if file.stem in pictures:
            raise DataError(
                f"{file}: has the same name as {pictures[file.stem].name}, but for the suffix. "
                "Hint: rename one of them: what is made from them would have one name."
            )
        pictures[file.stem] = file
    return pictures


def read_picture(path: Path, channel: int | None = None) -> Planes:
    """Read an image, grey or in colour.

    Parameters
    ----------
    path
        PNG, TIFF, JPEG or BMP.
    channel
        Which channel or page to take, from 0. None: the file is grey or in colour.

    Returns
    -------
    image
        (c, y, x) in the numbers of the file; c is 1, or 3 for red, green, blue. Transparency is left out.

    Raises
    ------
    DataError
        If the file is missing, damaged or no image, holds several channels and none is chosen, or lacks the chosen.
    """
    planes, colour = _reading(path, lambda: _read(path))
    if channel is None:
        if len(planes) == 1 or colour:
            return planes
        raise DataError(
            f"{path}: holds {len(planes)} channels or pages; one of them, or one picture in colour, is expected. "
            "Hint: choose one with --channel, counted from 0."
        )
    if not 0 <= channel < len(planes):
        raise DataError(
            f"{path}: has no channel {channel}; it holds {len(planes)}, counted from 0. Hint: correct --channel."
        )
    return planes[channel : channel + 1]


def read_planes(path: Path) -> Planes:
    """Read all channels and pages of a file: (c, y, x), in its numbers.

    Raises
    ------
    DataError
        If the file is missing, damaged or no image.
    """
    return read_any(path)[0]


def read_any(path: Path) -> tuple[Planes, bool]:
    """Read all channels and pages as `read_planes` does, and tell whether they are one picture in colour."""
    return _reading(path, lambda: _read(path))


def read_label(path: Path) -> Label:
    """Read a label image: (y, x) int32, 0 for background.

    Parameters
    ----------
    path
        PNG or TIFF of whole numbers, one plane. The numbers of a picture with a palette are the labels.

    Raises
    ------
    DataError
        If the file is missing, damaged, in colour, or holds negative or broken numbers, or larger ones than int32 can;
        or if it looks like an image of a camera, whose every grey level would be taken for an object.
    """
    label = _reading(path, lambda: _read_label(path))
    if label.ndim == 3 and label.shape[0] == 1:
        label = label[0]
    hint = "Hint: a label image is one grey plane of whole numbers, 0 for background."
    if label.ndim != 2 or label.dtype.kind not in "ui":
        raise DataError(f"{path}: found shape {label.shape} of type {label.dtype}, which is no label image. {hint}")
    if label.size and (label.min() < 0 or label.max() > np.iinfo(np.int32).max):
        raise DataError(f"{path}: found numbers from {label.min()} to {label.max()}. {hint}")
    inside = (label[:, 1:] > 0) & (label[:, :-1] > 0)
    if np.count_nonzero(inside) >= _ENOUGH and (label[:, 1:] != label[:, :-1])[inside].mean() > _FLAT:
        raise DataError(
            f"{path}: looks like an image, not like labels: neighbouring pixels differ. Hint: a label image holds one "
            "number for each object. Nuclei can be given as images: --nuclei-are images."
        )
    return label.astype(np.int32)


def label_path(folder: Path, stem: str) -> Path | None:
    """Return the label image that `write_label` wrote, None if there is none."""
    return next((path for suffix in (".png", ".tif") if (path := folder / f"{stem}{suffix}").is_file()), None)


def write_label(folder: Path, stem: str, label: Label) -> Path:
    """Write a (y, x) label image as a 16-bit PNG, or as a 32-bit TIFF when a number in it is above 65,535.

    Returns
    -------
    path
        The file. It is whole or not there.
    """
    large = label.max(initial=0) > MOST_OBJECTS
    path = folder / f"{stem}{'.tif' if large else '.png'}"
    with whole_file(path) as temporary:
        if large:
            tifffile.imwrite(temporary, label.astype(np.uint32), compression="zlib")
        else:
            Image.fromarray(label.astype(np.uint16)).save(temporary, format="PNG")
    # An older one may be of the other kind.
    (folder / f"{stem}{'.png' if large else '.tif'}").unlink(missing_ok=True)
    return path


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _reading(path: Path, read: Callable[[], Read]) -> Read:
    """Read, and say of every failure which file it was."""
    try:
        return read()
    except ImageError as error:
        reason = error.reason
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
    except Exception as error:  # decoders raise whatever their format's library raises
        reason = f"cannot be read as an image ({type(error).__name__}: {error})"
    raise DataError(f"{path}: {reason}. Hint: write the file anew from its source, or leave it out.")


def _read(path: Path) -> tuple[Planes, bool]:
    planes, colour = _read_tiff(path) if path.suffix.lower() in _TIFF else _read_other(path)
    if planes.dtype.kind == "b":
        planes = planes.astype(np.uint8)
    if planes.dtype.kind not in "uif":
        raise ImageError(path, f"pixels of type {planes.dtype} are not understood; whole or real numbers are expected")
    return planes, colour


def _read_tiff(path: Path) -> tuple[Planes, bool]:
    with tifffile.TiffFile(path) as tiff:
        if len(tiff.series) != 1:
            raise ImageError(path, f"holds {len(tiff.series)} images of different sizes; one is expected")
        series = tiff.series[0]
        page = series.keyframe
        for part in series.pages:
            if part is not None:
                check_length(path, part, path.stat().st_size)
        array, axes = series.asarray(maxworkers=1), series.axes
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return page.colormap[:, array], True
    samples = "S" in axes
    colour = samples and page.photometric == tifffile.PHOTOMETRIC.RGB
    order = [axes.index(axis) for axis in axes if axis not in "YXS"]
    order += [axes.index(axis) for axis in ("SYX" if samples else "YX")]
    array = array.transpose(order)
    # Transparency says nothing of the specimen. Beside three colours one sample more is that, whatever it is called.
    shown = [kind not in _ALPHA and not (colour and len(page.extrasamples) == 1) for kind in page.extrasamples]
    if samples and not all(shown):
        array = array[..., [True] * (array.shape[-3] - len(shown)) + shown, :, :]
    return array.reshape(-1, *array.shape[-2:]), colour and array.ndim == 3 and len(array) == 3


def _read_other(path: Path) -> tuple[Planes, bool]:
    start = path.read_bytes()[: _PNG_COLOUR + 1]
    if path.suffix.lower() == ".png" and start[_PNG_BITS:] in _PNG_CUT:
        # Pillow would cut these to 8 bits.
        from imagecodecs import png_decode

        colours = _PNG_CUT[start[_PNG_BITS:]]
        return np.moveaxis(png_decode(path.read_bytes())[..., :colours], 2, 0), colours == 3
    with Image.open(path) as image:
        bands = image.getbands()
        if len(bands) == 1 and image.mode != "P":
            return np.asarray(image)[None], False
        if image.mode == "LA":
            return np.asarray(image)[None, ..., 0], False
        return np.moveaxis(np.asarray(image.convert("RGB")), 2, 0), True


def _read_label(path: Path) -> Planes:
    if path.suffix.lower() in _TIFF:
        with tifffile.TiffFile(path) as tiff:
            check_length(path, tiff.pages.first, path.stat().st_size)
            label = tiff.asarray(maxworkers=1)
    else:
        with Image.open(path) as image:
            label = np.asarray(image)
    return label.astype(np.uint8) if label.dtype.kind == "b" else label
