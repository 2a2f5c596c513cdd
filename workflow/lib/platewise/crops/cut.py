"""Small images cut around nuclei."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from platewise.crops.choose import list_objects
from platewise.errors import DataError


def cut_crops(
    image: np.ndarray,
    labels: dict[str, np.ndarray],
    size: int,
    objects: Sequence[int] | np.ndarray | None = None,
    *,
    keep_border: bool = False,
    mask: Literal["none", "cell"] = "none",
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a square around the nucleus of each cell.

    The pixel that holds the nucleus' centroid (mean of its pixels' coordinates, halves rounded up) lies at index
    ``size // 2`` of both axes. What lies outside the image is zero in every channel.

    Parameters
    ----------
    image
        Image (channel, y, x), float32, illumination-corrected camera units.
    labels
        ``nuclei`` and ``cells``, (y, x) integer label images with paired numbers.
    size
        Side of a crop in pixels.
    objects
        Numbers of the cells to cut, in the order wanted. By default, all that ``list_objects`` returns.
    keep_border
        With ``objects`` left out: cut cells that touch the border too.
    mask
        ``cell`` sets pixels outside the cell to zero; ``none`` keeps them.

    Returns
    -------
    crops : numpy.ndarray
        (n, channel, size, size) uint16: rounded to the nearest integer (halves to even), clipped to 0..65535.
    object_numbers : numpy.ndarray
        (n,) int32, the label value of each crop.

    Raises
    ------
    DataError
        If shapes differ, an object is missing from the nuclei or from the cells, or a pixel is not a finite number.
    """
    nuclei, cells = labels["nuclei"], labels["cells"]
    if nuclei.shape != image.shape[1:] or cells.shape != image.shape[1:]:
        raise DataError(
            f"crops: image {image.shape[1:]}, nuclei {nuclei.shape} and cells {cells.shape} differ in (y, x). "
            "Hint: labels and image are of different fields, or the images changed; run the segmentation again."
        )
    numbers = list_objects(cells, keep_border) if objects is None else np.asarray(objects, dtype=np.int32)
    _require(numbers, cells, "cells")
    centres = _centres(nuclei, numbers)
    crops = np.zeros((len(numbers), image.shape[0], size, size), dtype=np.uint16)
    for crop, number, (y, x) in zip(crops, numbers, centres, strict=True):
        window = _window(y - size // 2, x - size // 2, size, cells.shape)
        pixels = image[:, window.rows, window.columns]
        if mask == "cell":
            pixels = pixels * (cells[window.rows, window.columns] == number)
        crop[:, window.crop_rows, window.crop_columns] = _to_uint16(pixels, y, x)
    return crops, numbers


def _centres(nuclei: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the pixel (y, x) that holds the centroid of each nucleus."""
    _require(numbers, nuclei, "nuclei")
    if not len(numbers):
        return np.empty((0, 2), dtype=np.int64)
    y, x = np.nonzero(nuclei)
    label = nuclei[y, x]
    length = int(label.max()) + 1
    area = np.bincount(label, minlength=length)[numbers]
    sums = np.stack([np.bincount(label, weights=axis, minlength=length)[numbers] for axis in (y, x)], axis=1)
    return np.floor(sums / area[:, None] + 0.5).astype(np.int64)


def _require(numbers: np.ndarray, labels: np.ndarray, name: str) -> None:
    missing = np.setdiff1d(numbers, labels[labels > 0])
    if len(missing):
        raise DataError(
            f"crops: object(s) {', '.join(map(str, missing[:10]))} are not in the {name} labels. "
            "Hint: nuclei and cells must carry the same numbers; run the segmentation of this field again."
        )


@dataclass(frozen=True)
class _Window:
    """The part of a crop that lies inside the image: where it is in the image, and where in the crop."""

    rows: slice
    columns: slice
    crop_rows: slice
    crop_columns: slice


def _window(top: int, left: int, size: int, shape: tuple[int, ...]) -> _Window:
    rows = slice(max(top, 0), min(top + size, shape[0]))
    columns = slice(max(left, 0), min(left + size, shape[1]))
    return _Window(
        rows, columns, slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    )


def _to_uint16(pixels: np.ndarray, y: int, x: int) -> np.ndarray:
    if not np.isfinite(pixels).all():
        raise DataError(
            f"crops: pixels around y={y}, x={x} are not finite numbers. "
            "Hint: the illumination function of the plate is probably zero or broken there; estimate it again."
        )
    return np.clip(np.rint(pixels), 0, np.iinfo(np.uint16).max).astype(np.uint16)


def crop_statistics(crops: np.ndarray) -> np.ndarray:
    """Return mean and standard deviation of each channel of each crop.

    Parameters
    ----------
    crops
        (n, channel, y, x) uint16. Pixels that are zero in every channel lie outside the image (or the mask) and do not
        count; a crop without any other pixel has mean and deviation 0.

    Returns
    -------
    numpy.ndarray
        (n, 2, channel) float32: means, then standard deviations, in camera units.
    """
    statistics = np.empty((len(crops), 2, crops.shape[1]), dtype=np.float32)
    for row, crop in zip(statistics, crops, strict=True):
        pixels = crop[:, crop.any(axis=0)]
        row[:] = (pixels.mean(axis=1), pixels.std(axis=1)) if pixels.size else 0
    return statistics
