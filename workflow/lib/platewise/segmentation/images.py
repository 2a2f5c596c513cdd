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
# Where this percentile is at most so many standard deviations of the noise from the middle (of a normal distribution:
# 2.3), all but a few pixels are ground. So many pixels, so many standard deviations away at least, are an object.
_GROUND, _NOISE, _FAR, _FEW = 99.0, 4.0, 10.0, 50
# Side of the blocks whose means tell noise from structure (1/8 of the spread is left of white noise), how many it takes
# to tell, and how many standard deviations from the others no mean of noise lies (one of a million: 4.9).
_BLOCK, _FEWEST_BLOCKS, _STRUCTURE, _OUTSTANDING = 8, 100, 0.16, 6.0
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
    return check_finite(array, name)


def check_finite(image: npt.NDArray[np.generic], name: str = "image") -> Image:
    """Return an image of any shape as float32, or refuse it with a `DataError` if a value is NaN or infinite."""
    array = np.ascontiguousarray(image, dtype=np.float32)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise DataError(f"{name}: {bad} pixels are NaN or infinite. Hint: write the image anew from its source.")
    return array


def standardise(image: Image) -> Image:
    """Scale every channel from its `brightness_range` to 0..1; a grey image becomes three equal channels.

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
    """Return the darkest and brightest level that count in a (y, x) image.

    They are its 1st and 99.8th percentile (of an even sample where it is large), unless what stands out is so rare that
    they are those of the ground: the last nuclei of a field cover less of it. Then the end of the range is the level
    that nine in ten of the pixels that stand out from the ground do not exceed.
    """
    step = max(1, int(np.sqrt(channel.size / _SAMPLE)))
    at = (LOW, 15.87, 50, 84.13, HIGH, _GROUND)
    low, below, middle, above, high, ground = np.percentile(channel[::step, ::step], at).tolist()
    # Half of the ground's pixels lie on the far side of its middle: their spread is its noise, objects or none.
    if ground - middle <= _NOISE * (middle - below):
        high = _rare_level(channel - middle, _FAR * (middle - below), high - middle) + middle
    if middle - low <= _NOISE * (above - middle):
        low = middle - _rare_level(middle - channel, _FAR * (above - middle), middle - low)
    # On a ground without any noise, and with less on it, everything counts.
    return (low, high) if high > low else (float(channel.min()), float(channel.max()))


def _rare_level(heights: Image, far: float, otherwise: float) -> float:
    """Return the level of the pixels that are higher than ``far``, if they are enough for an object."""
    rare = heights[heights > far]
    return float(np.percentile(rare, 90)) if rare.size >= _FEW else otherwise


def shows_something(image: Image) -> bool:
    """Tell whether a standardised (c, y, x) image is more than noise that each pixel has by itself.

    Such noise averages out: means of 8 x 8 pixels have an eighth of its spread, and none is far from the others. Scaled
    to full contrast, as an empty field is, a network would see nuclei in it.
    """
    return any(channel.any() and not _is_noise(channel) for channel in image)


def _is_noise(channel: Image) -> bool:
    height, width = (side // _BLOCK for side in channel.shape)
    if height * width < _FEWEST_BLOCKS:
        return False
    cut = np.clip(channel[: height * _BLOCK, : width * _BLOCK], -1, 2)
    means = cut.reshape(height, _BLOCK, width, _BLOCK).mean(axis=(1, 3))
    low, middle, high = np.percentile(means, (15.87, 50, 84.13))
    farthest = max(means.max() - middle, middle - means.min())
    return bool(means.std() < _STRUCTURE * cut.std() and farthest < _OUTSTANDING * (high - low) / 2)
