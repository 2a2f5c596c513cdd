# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Labels from the size at which they were found to the size of the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from platewise.jit import kernel

Label = npt.NDArray[np.int32]
Map = npt.NDArray[np.float32]


def resize_label(label: Label, foreground: Map, shape: tuple[int, int], threshold: float = 0.5) -> Label:
    """Bring a label image to another size, its outlines as smooth as the foreground map.

    Each new pixel lies among four old ones, which have weights as in bilinear interpolation. It goes to the object with
    the largest weight, if the interpolated foreground is above the threshold or that object has all the weight (holes
    that a decoder filled stay filled). So outlines follow the foreground between the old pixels, and objects that touch
    are parted by a line without the old pixels' steps.

    Parameters
    ----------
    label
        (y, x) label image with the numbers 1..n, at most as many as ``shape`` has pixels.
    foreground
        (y, x) probability that the pixel lies in an object.
    shape
        (y, x) to come; its corners are the old image's corners.
    threshold
        That of the decoder.

    Returns
    -------
    label
        int32 of ``shape`` with the same numbers. An object that falls between the new pixels has one of them.
    """
    resized = _resample(
        np.ascontiguousarray(label, np.int32), np.ascontiguousarray(foreground, np.float32), *shape, threshold
    )
    lost = np.setdiff1d(label[label > 0], resized)
    if lost.size:
        _restore(resized, label, lost)
    return resized


def _restore(resized: Label, label: Label, lost: npt.NDArray[np.integer]) -> None:
    """Give each lost object the nearest pixel to its centre that is free or can be spared, in place."""
    areas = np.bincount(resized.ravel(), minlength=int(label.max()) + 1)
    scale = np.divide(resized.shape, label.shape)
    centres = (np.array(ndi.center_of_mass(label > 0, label, lost)) + 0.5) * scale - 0.5
    rows, cols = np.indices(resized.shape, sparse=True)
    for number, (y, x) in zip(lost, centres, strict=True):
        reach = 2
        while True:
            window = (
                slice(max(int(y) - reach, 0), int(y) + reach + 2),
                slice(max(int(x) - reach, 0), int(x) + reach + 2),
            )
            owners = resized[window]
            to_spare = (owners == 0) | (areas[owners] > 1)
            if to_spare.any():
                break
            reach *= 2
        square = (rows[window[0]] - y) ** 2 + (cols[:, window[1]] - x) ** 2
        place = np.unravel_index(np.where(to_spare, square, np.inf).argmin(), owners.shape)
        areas[owners[place]] -= 1
        owners[place] = number
        areas[number] = 1


@kernel
def _resample(label, foreground, height, width, threshold):
    old_height, old_width = label.shape
    out = np.zeros((height, width), np.int32)
    numbers, weights = np.empty(4, np.int32), np.empty(4)
    for row in range(height):
        y = min(max((row + 0.5) * old_height / height - 0.5, 0.0), old_height - 1.0)
        top = int(y)
        bottom, down = min(top + 1, old_height - 1), y - top
        for col in range(width):
            x = min(max((col + 0.5) * old_width / width - 0.5, 0.0), old_width - 1.0)
            left = int(x)
            right, across = min(left + 1, old_width - 1), x - left
            numbers[0], weights[0] = label[top, left], (1 - down) * (1 - across)
            numbers[1], weights[1] = label[top, right], (1 - down) * across
            numbers[2], weights[2] = label[bottom, left], down * (1 - across)
            numbers[3], weights[3] = label[bottom, right], down * across
            most, owner = 0.0, 0
            for k in range(4):
                if numbers[k] == 0:
                    continue
                weight = 0.0
                for other in range(4):
                    if numbers[other] == numbers[k]:
                        weight += weights[other]
                if weight > most:
                    most, owner = weight, numbers[k]
            if owner == 0:
                continue
            probability = (
                foreground[top, left] * weights[0]
                + foreground[top, right] * weights[1]
                + foreground[bottom, left] * weights[2]
                + foreground[bottom, right] * weights[3]
            )
            if probability > threshold or most > 1 - 1e-6:
                out[row, col] = owner
    return out
