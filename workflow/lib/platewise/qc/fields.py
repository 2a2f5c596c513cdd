"""Quality of one field, measured while its pixels are in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import fft

from platewise.errors import DataError

# Below four rings there is no line to fit.
_LEAST_SIDE = 16
_RINGS = 24


def field_quality(image: np.ndarray, channels: Sequence[str], saturation_level: float = 65535.0) -> dict[str, float]:
    """Measure brightness, focus and saturation of every channel of a field.

    Parameters
    ----------
    image
        (channel, y, x), raw camera units. Dividing illumination out moves full pixels off the camera's limit, so the
        saturated share is exact for raw pixels only.
    channels
        The name of each channel of ``image``, in order.
    saturation_level
        Camera value at which a pixel is full.

    Returns
    -------
    quality
        ``Mean_{channel}`` (camera units), ``Focus_{channel}`` (slope of the power spectrum, see `focus_slope`),
        ``Saturated_{channel}`` (share of pixels, 0 to 1).

    Raises
    ------
    DataError
        If the number of channels differs from the number of names.
    """
    if image.ndim != 3 or len(image) != len(channels):
        raise DataError(
            f"field_quality: the image has the shape {image.shape}; expected (channel, y, x) with the channels "
            f"{', '.join(channels)}. Hint: list every channel of the images in the config, in their order."
        )
    quality: dict[str, float] = {}
    for name, plane in zip(channels, image, strict=True):
        quality[f"Mean_{name}"] = float(plane.mean(dtype=np.float64))
        quality[f"Focus_{name}"] = focus_slope(plane)
        quality[f"Saturated_{name}"] = float(np.mean(plane >= saturation_level))
    return quality


def focus_slope(plane: np.ndarray) -> float:
    """Slope of log power against log spatial frequency: the more negative, the blurrier.

    The measure that Bray et al. (2012, J. Biomol. Screen. 17:266) found best at telling out-of-focus fields of a
    screen apart; it does not depend on the brightness of the image. The power is averaged over rings of equal width
    in log frequency, from 4 periods a side (slower changes are illumination and crowding) to a quarter of the sampling
    rate (faster ones are camera noise), after a Hann window (an image is not periodic).

    Parameters
    ----------
    plane
        (y, x), any unit, finite.

    Returns
    -------
    slope
        About -3 for sharp images of cells; a Gaussian blur of 1 pixel takes off 0.3, of 2 pixels 1.2. NaN for a
        constant image or one with a side under 16 pixels.
    """
    height, width = plane.shape
    if min(height, width) < _LEAST_SIDE or plane.min() == plane.max():
        return float("nan")
    pixels = plane.astype(np.float32)
    pixels -= pixels.mean()
    pixels *= np.hanning(height)[:, None].astype(np.float32) * np.hanning(width)[None, :].astype(np.float32)
    power = np.abs(fft.rfft2(pixels)) ** 2
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None, :])
    edges = np.geomspace(4 / min(height, width), 0.25, _RINGS + 1)
    ring = np.digitize(frequency.ravel(), edges) - 1
    inside = (ring >= 0) & (ring < _RINGS)
    count = np.bincount(ring[inside], minlength=_RINGS)
    total = np.bincount(ring[inside], weights=power.ravel()[inside], minlength=_RINGS)
    used = (count > 0) & (total > 0)
    if used.sum() < 4:
        return float("nan")
    middle = np.sqrt(edges[:-1] * edges[1:])
    return float(np.polyfit(np.log(middle[used]), np.log(total[used] / count[used]), 1)[0])
