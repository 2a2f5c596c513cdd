"""Image files themselves: what the header promises, and the pixels."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from platewise.errors import DataError, PlatewiseError

# Where a header is read from: the file itself, or the whole of it in memory.
_Source = str | Path | io.BytesIO

_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
# Grey images of whole bytes; anything else is a picture for people, not a measurement.
_PNG_DTYPES = {"L": "uint8", "I;16": "uint16", "I;16B": "uint16", "I": "int32"}
_EMPTY = "the file is empty"
_CHANGED = "the file was changed after the inventory; run again with --forcerun inventory_plate"


class ImageError(PlatewiseError):
    """One image file cannot be used; ``reason`` says why, in words and without the path."""

    def __init__(self, path: str | Path, reason: str) -> None:
        self.path, self.reason = str(path), reason
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True)
class Header:
    """What a file says about its image, without its pixels.

    Parameters
    ----------
    size, mtime_ns
        Of the file, in bytes and in nanoseconds since 1970.
    dtype
        Numpy's name, such as ``uint16``.
    height, width
        In pixels.
    """

    size: int
    mtime_ns: int
    dtype: str
    height: int
    width: int


def read_header(path: str | Path) -> Header:
    """Read an image's header and check that the file is long enough for the pixels it promises.

    Reads a few kilobytes at most, however large the image. TIFF (one grey page) and PNG (grey) are understood.

    Raises
    ------
    ImageError
        If the file is missing, empty, cut short, not an image, or not one grey plane.
    """
    try:
        status = Path(path).stat()
    except OSError as error:
        raise ImageError(path, _missing(error)) from error
    if status.st_size == 0:
        raise ImageError(path, _EMPTY)
    dtype, height, width = _header(path, path, status.st_size)
    return Header(status.st_size, status.st_mtime_ns, dtype, height, width)


def read_unchanged(path: str | Path, size: int, mtime_ns: int) -> bytes:
    """Read a whole file in one go, if it is the one that the inventory saw.

    One opening and one long read are what a shared file system does fastest; the header and the pixels are decoded
    from memory.

    Parameters
    ----------
    path
        The file.
    size, mtime_ns
        Its size in bytes and its time of change in nanoseconds, as the inventory lists them.

    Raises
    ------
    ImageError
        If the file has another size or time, before or after it was read.
    FileNotFoundError
        If it is missing from its folder.
    DataError
        If its folder is missing, or the file system fails: no fault of the image, so the job fails with it and is
        tried again, rather than the field being left out.
    """
    try:
        with Path(path).open("rb") as handle:
            if _facts(handle) != (size, mtime_ns):
                raise ImageError(path, _CHANGED)
            content = handle.read()
            if len(content) != size or _facts(handle) != (size, mtime_ns):
                raise ImageError(path, _CHANGED)
    except FileNotFoundError as error:
        if Path(path).parent.is_dir():
            raise
        raise DataError(
            f"{Path(path).parent}: the folder of images is not there, though the inventory saw it. Hint: is the share "
            "mounted on this node? Run again when it is."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read now, though the inventory could ({error}). Hint: look after the file system and "
            "run again. If this file alone is beyond reading, remove it: its field is then left out, and listed."
        ) from error
    return content


def read_pixels(path: str | Path, content: bytes) -> np.ndarray:
    """Decode an image.

    Parameters
    ----------
    path
        The file's name: its suffix tells the format, and errors name it.
    content
        The whole file, from ``read_unchanged``.

    Returns
    -------
    numpy.ndarray
        (y, x), in the dtype of the file.

    Raises
    ------
    ImageError
        As ``read_header``, and if the pixel data cannot be decoded.
    """
    if not content:
        raise ImageError(path, _EMPTY)
    # Closed, since the decoders' objects refer to each other and would hold the content until they are collected.
    with io.BytesIO(content) as source:
        _, *shape = _header(path, source, len(content))
        source.seek(0)
        try:
            pixels = _png_pixels(source) if _is_png(path) else _tiff_pixels(source)
        except Exception as error:  # decoders raise whatever their format's library raises
            raise ImageError(path, f"the pixels cannot be read ({_words(error)})") from error
    if pixels.shape != tuple(shape):
        raise ImageError(path, f"the pixels have shape {pixels.shape}, the header says {shape[0]}, {shape[1]}")
    return pixels


def _is_png(path: str | Path) -> bool:
    return Path(path).suffix.lower() == ".png"


def _facts(handle: io.BufferedReader) -> tuple[int, int]:
    status = os.fstat(handle.fileno())
    return status.st_size, status.st_mtime_ns


def _header(path: str | Path, source: _Source, size: int) -> tuple[str, int, int]:
    return _png_header(path, source, size) if _is_png(path) else _tiff_header(path, source, size)


def _missing(error: OSError) -> str:
    return "the file is missing" if isinstance(error, FileNotFoundError) else f"the file cannot be read ({error})"


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__


def _tiff_header(path: str | Path, source: _Source, size: int) -> tuple[str, int, int]:
    try:
        with tifffile.TiffFile(source) as tiff:
            pages = [page for page in tiff.pages if not page.is_reduced]
            if not pages:
                raise ImageError(path, "the TIFF holds no image")
            if len(pages) > 1:
                raise ImageError(path, f"the TIFF holds {len(pages)} pages; one is expected")
            page = pages[0]
            _check_grey(path, page)
            check_length(path, page, size)
            return page.dtype.name, int(page.shape[0]), int(page.shape[1])
    except ImageError:
        raise
    except Exception as error:  # a damaged header can fail anywhere in the parser
        raise ImageError(path, f"the file cannot be read as TIFF ({_words(error)})") from error


def _check_grey(path: str | Path, page: tifffile.TiffPage) -> None:
    if page.dtype is None or page.dtype.kind not in "uif":
        raise ImageError(path, f"pixels of type {page.dtype} cannot be measured; whole or real numbers are expected")
    if len(page.shape) != 2:
        raise ImageError(path, f"the image has shape {page.shape}; one grey plane (y, x) is expected")


def check_length(path: str | Path, page: tifffile.TiffPage, size: int) -> None:
    """Raise `ImageError` if a file of ``size`` bytes is too short for what a TIFF page promises."""
    counts = page.databytecounts
    if not counts or min(counts) == 0:
        raise ImageError(path, f"{sum(count == 0 for count in counts)} of {len(counts)} strips hold no data")
    end = max(offset + count for offset, count in zip(page.dataoffsets, counts, strict=True))
    if end > size:
        raise ImageError(path, f"the file is cut short: {size} bytes of {end}")


def _tiff_pixels(source: io.BytesIO) -> np.ndarray:
    with tifffile.TiffFile(source) as tiff:
        page = next(page for page in tiff.pages if not page.is_reduced)
        return page.asarray(maxworkers=1)


def _png_header(path: str | Path, source: _Source, size: int) -> tuple[str, int, int]:
    try:
        with Image.open(source, formats=["PNG"]) as image:
            mode, (width, height) = image.mode, image.size
        end = _last_bytes(source, size, len(_PNG_END))
    except UnidentifiedImageError as error:
        raise ImageError(path, "the file cannot be read as PNG (its beginning is not a PNG's)") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(path, f"the file cannot be read as PNG ({_words(error)})") from error
    if mode not in _PNG_DTYPES:
        raise ImageError(path, f"the PNG is of mode {mode}; a grey image of 8 or 16 bits is expected")
    if end != _PNG_END:
        raise ImageError(path, "the file is cut short: it lacks the PNG's closing chunk")
    return _PNG_DTYPES[mode], height, width


def _last_bytes(source: _Source, size: int, count: int) -> bytes:
    if isinstance(source, io.BytesIO):
        return source.getvalue()[-count:]
    with Path(source).open("rb") as handle:
        handle.seek(max(0, size - count))
        return handle.read()


def _png_pixels(source: io.BytesIO) -> np.ndarray:
    with Image.open(source, formats=["PNG"]) as image:
        return np.asarray(image)
