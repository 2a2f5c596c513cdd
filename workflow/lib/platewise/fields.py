"""Reading one field: all channels of one site as one array, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from platewise.columns import SITE, WELL
from platewise.errors import DataError, PlatewiseError
from platewise.readers.images import ImageError, read_pixels, read_unchanged

MISSING = "the file is missing now"
# Returns the content of an image file, given its path, size and time of change: `read_unchanged`, or from a copy of it.
ReadFile = Callable[[str, int, int], bytes]


class BadFieldError(PlatewiseError):
    """A field cannot be used; ``reason`` says why, in words. It is left out and the campaign goes on."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def read_field(
    rows: pd.DataFrame, channels: Sequence[str], flat: np.ndarray | None = None, read_file: ReadFile = read_unchanged
) -> np.ndarray:
    """Read one field and divide the illumination out.

    Parameters
    ----------
    rows
        The field's rows of the inventory, in any order; other channels than those asked for may be among them.
    channels
        The channels wanted, in the order wanted.
    flat
        (channel, y, x) float32, mean 1 a channel, channels as in ``channels``; None leaves the images as they are.
    read_file
        Where the files' contents come from.

    Returns
    -------
    numpy.ndarray
        (channel, y, x) float32, in raw camera units.

    Raises
    ------
    BadFieldError
        If the inventory found a channel bad, or its file changed size since, cannot be decoded, or is all zero or
        not finite.
    DataError
        If ``rows`` are not one field, lack a channel, or ``flat`` has another shape.
    """
    by_channel = _by_channel(rows, channels)
    image = np.stack([read_channel(by_channel[channel], read_file) for channel in channels])
    if flat is not None:
        if flat.shape != image.shape:
            raise DataError(
                f"{rows['Path'].iloc[0]}: the illumination has shape {flat.shape}, the field {image.shape}. "
                "Hint: remove the plate's illumination.zarr and run again; it will be made anew."
            )
        np.divide(image, flat, out=image)
    return image


def read_channel(row: pd.Series, read_file: ReadFile = read_unchanged) -> np.ndarray:
    """Read the image of one inventory row as (y, x) float32, in raw camera units.

    Raises
    ------
    BadFieldError
        As ``read_field``.
    """
    channel, path = row["Channel"], row["Path"]
    if row["Status"] != "ok":
        raise BadFieldError(f"{channel}: {row['Reason']}")
    try:
        pixels = read_pixels(path, read_file(path, int(row["Size"]), int(row["MtimeNs"])))
    except FileNotFoundError as error:
        raise BadFieldError(f"{channel}: {MISSING}") from error
    except ImageError as error:
        raise BadFieldError(f"{channel}: {error.reason}") from error
    return _checked(pixels, row)


def _checked(pixels: np.ndarray, row: pd.Series) -> np.ndarray:
    channel = row["Channel"]
    if pixels.shape != (row["Height"], row["Width"]):
        expected = f"{row['Height']} x {row['Width']}"
        raise BadFieldError(f"{channel}: {pixels.shape[0]} x {pixels.shape[1]} pixels; the inventory says {expected}")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise BadFieldError(f"{channel}: {int((~np.isfinite(pixels)).sum())} pixels are not finite numbers")
    if not pixels.any():
        raise BadFieldError(f"{channel}: every pixel is 0")
    return pixels.astype(np.float32)


def _by_channel(rows: pd.DataFrame, channels: Sequence[str]) -> dict[str, pd.Series]:
    fields = rows[[WELL, SITE]].drop_duplicates()
    if len(fields) != 1:
        raise DataError(f"rows of {len(fields)} fields were given where one is read. Hint: select one well and site.")
    well, site = fields.iloc[0]
    found = {}
    for channel in channels:
        own = rows[rows["Channel"] == channel]
        if len(own) != 1:
            raise DataError(
                f"{well} site {site}: found {len(own)} inventory rows of channel {channel}; expected one. Hint: remove "
                "the plate's inventory and run again; it will be made anew."
            )
        found[channel] = own.iloc[0]
    return found
