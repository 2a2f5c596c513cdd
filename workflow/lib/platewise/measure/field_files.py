"""One field from files that somebody hands over, where a campaign has stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platewise.errors import DataError
from platewise.segmentation.pictures import read_label, read_picture


@dataclass(frozen=True)
class FieldFiles:
    """What the files of a field hold.

    Parameters
    ----------
    image
        ``(channel, y, x)`` float32 in the files' numbers.
    labels
        Label images by name, ``(y, x)`` int32.
    types
        The number types of the image files.
    """

    image: NDArray[np.float32]
    labels: dict[str, NDArray[np.int32]]
    types: frozenset[np.dtype]

    def full_scale(self) -> float:
        """Return the largest number that the image files can hold.

        Raises
        ------
        DataError
            If they are of several types, or of one that has no such number in use (real numbers, 32 bits and more).
        """
        kinds = sorted(map(str, self.types))
        if kinds not in (["uint8"], ["uint16"]):
            raise DataError(
                f"images: hold numbers of type {', '.join(kinds)}, of which the brightest possible is not known. "
                "Hint: give it with --full-scale."
            )
        return float(np.iinfo(kinds[0]).max)


def read_field(channels: Mapping[str, Path], labels: Mapping[str, Path]) -> FieldFiles:
    """Read the images of a field's channels, and its label images.

    Raises
    ------
    DataError
        If a file is missing or damaged, an image is in colour, or one has another shape than the first.
    """
    planes = {}
    for name, path in channels.items():
        picture = read_picture(path)
        if len(picture) > 1:
            raise DataError(f"{path}: is in colour; channel {name} is one grey image. Hint: part its channels.")
        planes[name] = picture[0]
    shape = next(iter(planes.values())).shape
    for name, plane in planes.items():
        if plane.shape != shape:
            raise DataError(
                f"{channels[name]}: has {plane.shape[0]} x {plane.shape[1]} pixels, channel {next(iter(planes))} "
                f"{shape[0]} x {shape[1]}. Hint: the channels must be of the same field."
            )
    image = np.stack([plane.astype(np.float32) for plane in planes.values()])
    return FieldFiles(
        image, {name: read_label(path) for name, path in labels.items()}, frozenset(p.dtype for p in planes.values())
    )
