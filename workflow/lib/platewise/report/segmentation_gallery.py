"""Pictures of images on which an engine does badly, and as usual, with the outlines of truth and prediction."""

from __future__ import annotations

import numpy as np
import pandas as pd
from PIL import Image as Pictures
from skimage.segmentation import find_boundaries

from platewise.report.colours import rgb
from platewise.report.pngs import encode_png

TRUE_OUTLINE, FOUND_OUTLINE, BOTH_OUTLINE = "#56b4e9", "#ff7a00", "#ffffff"
WORST, USUAL = "worst", "median"
# Longest side of a cut-out in the image's pixels; smaller images are shown whole and enlarged.
_WINDOW = 384
_STEP = 32
_PALETTE = 96


def choose_examples(rows: pd.DataFrame, engine: str, measure: str = "f1@0.7") -> pd.DataFrame:
    """Choose the worst and the median image of each class.

    Parameters
    ----------
    rows
        As ``evaluation.score_images`` makes them.
    engine
        Whose images.
    measure
        Score by which they are ordered; ties are broken by ``mean_f1``, then by name.

    Returns
    -------
    examples
        Those rows, class by class, the worst first, with a column ``Which``. A class of one image has its worst only.
    """
    mine = rows[rows["Engine"] == engine].sort_values([measure, "mean_f1", "Image"], ignore_index=True)
    chosen = []
    for _, part in mine.groupby("Class", sort=True):
        chosen.append(part.iloc[[0]].assign(Which=WORST))
        if len(part) > 1:
            chosen.append(part.iloc[[len(part) // 2]].assign(Which=USUAL))
    return pd.concat(chosen, ignore_index=True)


def draw_example(image: np.ndarray, true: np.ndarray, found: np.ndarray) -> bytes:
    """Draw an image as a PNG, cut to where truth and prediction differ most, with both outlines.

    Parameters
    ----------
    image
        (c, y, x), any unit; 3 channels are red, green, blue, of any other number the first is drawn in grey.
    true, found
        (y, x) label images.

    Returns
    -------
    png
        Bytes of the picture. The same input gives the same bytes.
    """
    place = _window(true, found)
    picture = _display(image[(slice(None), *place)])
    labels = [np.ascontiguousarray(label[place]) for label in (true, found)]
    # Outlines are a pixel wide: on an enlarged image they hide less of it.
    factor = max(1, round(_WINDOW / max(picture.shape[:2])))
    if factor > 1:
        size = (picture.shape[1] * factor, picture.shape[0] * factor)
        picture = np.asarray(Pictures.fromarray(picture).resize(size, Pictures.Resampling.BILINEAR)).copy()
        labels = [label.repeat(factor, axis=0).repeat(factor, axis=1) for label in labels]
    outlines = [find_boundaries(label, mode="inner") for label in labels]
    for colour, mask in zip((TRUE_OUTLINE, FOUND_OUTLINE), outlines, strict=True):
        picture[mask] = rgb(colour)
    picture[outlines[0] & outlines[1]] = rgb(BOTH_OUTLINE)
    return encode_png(picture, colours=_PALETTE)


def _display(image: np.ndarray) -> np.ndarray:
    """Return (y, x, 3) uint8: the 1st and 99.7th percentile of all channels together become black and full."""
    planes = image[:3] if len(image) == 3 else image[:1]
    low, high = np.percentile(planes, [1, 99.7])
    share = np.clip((planes.astype(np.float32) - low) / max(float(high - low), 1e-6), 0, 1)
    return np.ascontiguousarray(
        np.broadcast_to(np.round(share * 225), (3, *share.shape[1:])).transpose(1, 2, 0)
    ).astype(np.uint8)


def _window(true: np.ndarray, found: np.ndarray) -> tuple[slice, slice]:
    """Where the outlines of truth and prediction differ most: a cut-out of at most ``_WINDOW`` pixels a side."""
    height, width = true.shape
    wrong = find_boundaries(true, mode="inner") ^ find_boundaries(found, mode="inner")
    total = np.pad(wrong.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    tall, wide = min(height, _WINDOW), min(width, _WINDOW)
    tops, lefts = (np.arange(0, most + 1, _STEP) for most in (height - tall, width - wide))
    top, left = tops[:, None], lefts[None, :]
    inside = total[top + tall, left + wide] - total[top, left + wide] - total[top + tall, left] + total[top, left]
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    return slice(tops[row], tops[row] + tall), slice(lefts[column], lefts[column] + wide)
