"""Run an engine over annotated images: scores, seconds and memory, a row an image."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image as Pictures

from platewise.errors import DataError
from platewise.files import whole_file
from platewise.segmentation.cost import measured
from platewise.segmentation.pictures import MOST_OBJECTS, list_pictures, read_label
from platewise.segmentation.scoring import SCORES, overlap, score_overlap

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]

COSTS = ("Objects", "Predicted", "Megapixels", "Seconds", "WallSeconds", "PeakMB")
COLUMNS = ("Engine", "Image", "Class", "Group", "Fold", *SCORES, *COSTS)
# More names than this are counted, not listed.
_NAMED = 3
# ZIP files begin in 1980; a fixed time makes the same labels the same bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Annotated:
    """An image with its true objects.

    Attributes
    ----------
    name
        Unique among the images of an evaluation.
    image
        (c, y, x).
    label
        (y, x), 0 is background.
    group
        Images of one group show the same field, or come from the same source: never parted between training and
        evaluation, and resampled together.
    image_class
        Kind of image, by which scores are told apart.
    fold
        Fold in which it is held out.
    """

    name: str
    image: Image
    label: Label
    group: str
    image_class: str
    fold: int = 0


Predict = Callable[[Annotated], Label]


def score_images(
    predict: Predict, annotated: Iterable[Annotated], engine: str, predictions: Path | None = None
) -> pd.DataFrame:
    """Segment images one by one and score each.

    The first image is segmented once more beforehand, so that compiling and other first times are not counted: rows
    tell what an image costs in a long run.

    Parameters
    ----------
    predict
        From an annotated image to a label image (y, x) of the same shape; its truth is not to be looked at.
    annotated
        Images with their truth; read lazily, each is dropped when its row is made.
    engine
        Name of the contender, for the column ``Engine``.
    predictions
        ZIP file to write, with the predicted labels as 16-bit PNGs; see ``read_prediction``.

    Returns
    -------
    rows
        ``COLUMNS``: the scores of ``scoring.score_overlap``, true ``Objects`` and ``Predicted`` ones, ``Megapixels``,
        and the costs of ``cost.Cost``: CPU ``Seconds``, ``WallSeconds``, ``PeakMB``.

    Raises
    ------
    DataError
        If there is no image, or a label image has another shape than its image.
    """
    rows = []
    with ExitStack() as stack:
        archive = None
        if predictions is not None:
            target = stack.enter_context(whole_file(predictions))
            archive = stack.enter_context(zipfile.ZipFile(target, "w", zipfile.ZIP_STORED))
        for one in annotated:
            if one.label.shape != one.image.shape[-2:]:
                raise DataError(
                    f"{one.name}: the image has {one.image.shape[-2:]} pixels, its label {one.label.shape}. Hint: "
                    "annotate the image at its full size."
                )
            if not rows:
                predict(one)
            with measured() as cost:
                found = predict(one)
            pairs = overlap(one.label, found)
            rows.append(
                {
                    "Engine": engine,
                    "Image": one.name,
                    "Class": one.image_class,
                    "Group": one.group,
                    "Fold": one.fold,
                    **score_overlap(pairs),
                    "Objects": pairs.true_area.size,
                    "Predicted": pairs.predicted_area.size,
                    "Megapixels": one.label.size / 1e6,
                    "Seconds": cost.seconds,
                    "WallSeconds": cost.wall_seconds,
                    "PeakMB": cost.peak_mb,
                }
            )
            if archive is not None:
                _store(archive, one.name, found)
    if not rows:
        raise DataError(
            f"{engine}: no image to evaluate on. Hint: look at the index of annotated images and its folds."
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def score_folders(predicted: Path, true: Path) -> pd.DataFrame:
    """Score the label images of one folder against those of another, paired by name.

    Returns
    -------
    rows
        ``Image``, the scores, ``Objects``, ``Predicted``; in order of name.

    Raises
    ------
    DataError
        If the folders do not hold the same images, one cannot be read, or two partners differ in shape.
    """
    rows = []
    for name, (found, expected) in _paired(predicted, true).items():
        labels = read_label(expected), read_label(found)
        if labels[0].shape != labels[1].shape:
            raise DataError(
                f"{found}: has {labels[1].shape} pixels (height, width), {expected} has {labels[0].shape}. Hint: bring "
                "the prediction back to the size of the image."
            )
        pairs = overlap(*labels)
        rows.append(
            {"Image": name}
            | score_overlap(pairs)
            | {"Objects": pairs.true_area.size, "Predicted": pairs.predicted_area.size}
        )
    return pd.DataFrame(rows, columns=["Image", *SCORES, "Objects", "Predicted"])


def read_prediction(predictions: Path, name: str) -> Label:
    """Read the labels of one image from the ZIP file that ``score_images`` wrote.

    Raises
    ------
    DataError
        If the file is missing or damaged, or does not hold the image.
    """
    try:
        with zipfile.ZipFile(predictions) as archive, Pictures.open(io.BytesIO(archive.read(f"{name}.png"))) as picture:
            return np.asarray(picture).astype(np.int32)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{predictions}: no labels of {name} in it ({error}). Hint: remove the file and run again."
        ) from error


def _paired(predicted: Path, true: Path) -> dict[str, tuple[Path, Path]]:
    """Name to predicted and true label image; the two may differ in the suffix."""
    found, expected = list_pictures(predicted), list_pictures(true)
    lacking = [(expected.keys() - found, true, predicted), (found.keys() - expected, predicted, true)]
    for names, there, missing in lacking:
        if names:
            shown = ", ".join(sorted(names)[:_NAMED])
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            raise DataError(
                f"{missing}: no label image for {shown}{more}, which {there} has. Hint: both folders must hold the "
                "same images, under the same names; the suffix may differ."
            )
    return {name: (found[name], expected[name]) for name in sorted(expected)}


def _store(archive: zipfile.ZipFile, name: str, label: Label) -> None:
    if label.max(initial=0) > MOST_OBJECTS:
        raise DataError(
            f"{name}: {label.max()} objects are more than a 16-bit PNG can number. Hint: evaluate on smaller images."
        )
    buffer = io.BytesIO()
    Pictures.fromarray(label.astype(np.uint16)).save(buffer, format="PNG")
    archive.writestr(zipfile.ZipInfo(f"{name}.png", _NO_TIME), buffer.getvalue())
