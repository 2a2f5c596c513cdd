"""From an image of any kind to what every network sees: three channels, of comparable brightness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from platewise.errors import DataError

Image = npt.NDArray[np.float32]

# Share of pixels below and above which brightness is cut off, in percent.
LOW, HIGH = 1.0, 99.8
# Percentiles of large images are taken from a sample of this many pixels.
_SAMPLE = 200_000
# Beyond the percentiles the values are kept, but a hot pixel must not blow up the network.
_LIMIT = 3.0


def check_image(image: npt.NDArray[np.generic], name: str = "image") -> Image:
    """Return a (c, y, x) float32 image, or refuse it.

    Parameters
    ----------
    image
        (y, x) grey, (c, y, x) or (y, x, c) with c of 1 or 3; any number type.
    name
        What to call it in errors.

    Raises
    ------
    DataError
        If it holds no pixels, has another number of channels, or holds values that are not finite.
    """
    array = np.asarray(image)
    if array.ndim == 2:
        array = array[None]
    elif array.ndim == 3 and array.shape[0] not in (1, 3) and array.shape[2] in (1, 3):
        array = np.moveaxis(array, 2, 0)
    if array.size == 0:
        raise DataError(f"{name}: holds no pixels (shape {np.shape(image)}). Hint: leave it out.")
    if array.ndim != 3 or array.shape[0] not in (1, 3):
        raise DataError(
            f"{name}: found an array of shape {np.shape(image)}; nuclei are found in images with 1 channel (grey) or 3 "
            "(red, green, blue). Hint: hand over the channel that shows the nuclei."
        )
    array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise DataError(f"{name}: {bad} pixels are NaN or infinite. Hint: write the image anew from its source.")
    return array


def standardise(image: Image) -> Image:
    """Scale every channel from its 1st and 99.8th percentile to 0..1; a grey image becomes three equal channels.

    Scaling each channel by itself also takes away most of a stain's or lamp's colour cast. A channel without contrast
    becomes 0.

    Parameters
    ----------
    image
        (c, y, x) with c of 1 or 3, finite.

    Returns
    -------
    standard
        (3, y, x) float32, cut off at -3 and 3.
    """
    scaled = standardise_channels(image)
    return np.repeat(scaled, 3, axis=0) if len(image) == 1 else scaled


def standardise_channels(image: Image) -> Image:
    """Scale every channel of a (c, y, x) image as `standardise` does; c may be any number and stays what it is."""
    scaled = np.zeros(image.shape, dtype=np.float32)
    for number, channel in enumerate(image):
        low, high = brightness_range(channel)
        if high > low:
            scaled[number] = np.clip((channel - low) / (high - low), -_LIMIT, _LIMIT)
    return scaled


def brightness_range(channel: Image) -> tuple[float, float]:
    """Return the 1st and 99.8th percentile of a (y, x) image, of an even sample of it where it is large."""
    step = max(1, int(np.sqrt(channel.size / _SAMPLE)))
    low, high = np.percentile(channel[::step, ::step], (LOW, HIGH))
    return float(low), float(high)
