"""Small composite pictures of fields, with the outlines that segmentation found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from skimage.segmentation import find_boundaries
from skimage.transform import resize

from platewise.report.colours import COMPOSITE, rgb
from platewise.report.pngs import encode_png

NUCLEI_OUTLINE = "#ffffff"
CELLS_OUTLINE = "#f0e442"
_PALETTE = 128


def thumbnail(
    image: np.ndarray,
    labels: Mapping[str, np.ndarray],
    channels: Mapping[int, str],
    size: int,
    limits: Mapping[int, tuple[float, float]] | None = None,
) -> bytes:
    """Draw a field as a PNG: channels in their colours added up, outlines on top.

    Parameters
    ----------
    image
        (channel, y, x), any unit.
    labels
        ``nuclei`` and ``cells`` as (y, x) label images, each optional; 0 is background.
    channels
        Index of a channel to its colour, ``#rrggbb``.
    size
        Longer side of the picture in pixels; a smaller image is not enlarged.
    limits
        Index of a channel to the values drawn black and full; without, `display_limits` of this image.

    Returns
    -------
    png
        Bytes of the picture. The same input gives the same bytes.
    """
    small, small_labels = shrink(image, labels, size)
    limits = limits or display_limits([small], channels)
    return encode_png(_draw_outlines(compose(small, channels, limits), small_labels), colours=_PALETTE)


def default_colours(names: Sequence[str], nuclei_channel: str = "") -> dict[str, str]:
    """Colour up to three channels: the nuclei's blue and first, the others in their order."""
    first = [nuclei_channel] if nuclei_channel in names else []
    return dict(zip([*first, *(name for name in names if name not in first)], COMPOSITE, strict=False))


def cut_middle(image: np.ndarray, share: float) -> np.ndarray:
    """Return the middle of an image whose last axes are (y, x): ``share`` of its height and of its width."""
    height, width = image.shape[-2:]
    tall, wide = max(round(height * share), 1), max(round(width * share), 1)
    top, left = (height - tall) // 2, (width - wide) // 2
    return image[..., top : top + tall, left : left + wide]


def shrink(image: np.ndarray, labels: Mapping[str, np.ndarray], size: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Reduce image (averaged) and labels (nearest) until the longer side is ``size`` pixels at most."""
    height, width = image.shape[-2:]
    factor = size / max(height, width)
    if factor >= 1:
        return image.astype(np.float32), {name: np.asarray(label) for name, label in labels.items()}
    shape = (max(round(height * factor), 1), max(round(width * factor), 1))
    small = np.stack([resize(plane.astype(np.float32), shape, order=1, anti_aliasing=True) for plane in image])
    # Labels are sampled, never averaged: a mean of two numbers is a third cell.
    rows = ((np.arange(shape[0]) + 0.5) * height / shape[0]).astype(int)
    columns = ((np.arange(shape[1]) + 0.5) * width / shape[1]).astype(int)
    return small.astype(np.float32), {name: np.asarray(label)[np.ix_(rows, columns)] for name, label in labels.items()}


def display_limits(images: Sequence[np.ndarray], channels: Mapping[int, str]) -> dict[int, tuple[float, float]]:
    """Values drawn black and full for each channel: percentiles 1 and 99.7 over all images together.

    One pair for a whole plate keeps its pictures comparable.
    """
    limits = {}
    for index in channels:
        values = np.concatenate([image[index].ravel() for image in images])
        low, high = np.percentile(values, [1, 99.7])
        limits[index] = (float(low), float(high))
    return limits


def compose(image: np.ndarray, channels: Mapping[int, str], limits: Mapping[int, tuple[float, float]]) -> np.ndarray:
    """Add up channels of (channel, y, x) in their colours, each between its limits; return (y, x, 3) uint8."""
    picture = np.zeros((*image.shape[1:], 3), np.float32)
    for index, colour in channels.items():
        low, high = limits[index]
        share = np.clip((image[index] - low) / max(high - low, 1e-6), 0, 1)
        # A gamma below 1 lifts dim cytoplasm beside bright nuclei.
        picture += (share**0.7)[..., None] * (np.array(rgb(colour), np.float32) * 0.8)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _draw_outlines(picture: np.ndarray, labels: Mapping[str, np.ndarray]) -> np.ndarray:
    for name, colour in (("cells", CELLS_OUTLINE), ("nuclei", NUCLEI_OUTLINE)):
        if name in labels:
            picture[find_boundaries(labels[name], mode="inner")] = rgb(colour)
    return picture
