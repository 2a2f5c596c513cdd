"""Annotated images: an index with a row an image, and the pairs of image and label that it names.

Needs nothing but numpy and the readers of image files, so that a training runs where the workflow does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from platewise.config.annotations import AnnotationColumns
from platewise.errors import ConfigError, DataError, Problem
from platewise.plan.sheets import read_sheet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Annotation:
    """An annotated image: its name (as the index has it), the files, what it must not be parted from, its kind."""

    name: str
    image: Path
    label: Path
    group: str
    image_class: str


def read_index(
    path: str | Path, columns: AnnotationColumns | None = None, place: str = "index of annotated images"
) -> list[Annotation]:
    """Read the index of a set of annotated images; the images themselves are not looked at.

    Parameters
    ----------
    path
        A CSV (``.csv``) or TSV file with a header. Paths in it count from its folder.
    columns
        How it spells the columns.
    place
        Who asks for it, for messages.

    Returns
    -------
    annotations
        In the order of the rows.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks a column, has no row, an empty cell, or the same image twice.
    """
    path, columns = Path(path), columns or AnnotationColumns()
    names = list(columns.model_dump().values())
    problems: list[Problem] = []
    rows = read_sheet(str(path), names, place, problems)
    found: dict[Path, int] = {}
    annotations = []
    for line, row in rows:
        empty = [name for name in names if not row[name]]
        image = path.parent / row[columns.image]
        if empty:
            where = f"{path}, row {line}, column {empty[0]}"
            problems.append(Problem(where, "an empty cell", "a value", "fill the cell, or remove the row"))
        elif image in found:
            where, again = (
                f"{path}, row {line}, column {columns.image}",
                f"{row[columns.image]!r}, as in row {found[image]}",
            )
            problems.append(Problem(where, again, "each image once", "remove one of the rows"))
        found.setdefault(image, line)
        label = path.parent / row[columns.label]
        annotations.append(Annotation(row[columns.image], image, label, row[columns.group], row[columns.image_class]))
    if not rows and not problems:
        problems.append(Problem(str(path), "no row", "a row for each annotated image", "add images to the index"))
    if problems:
        raise ConfigError(problems, "the annotated images cannot be used")
    return annotations


def load_pair(annotation: Annotation) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.int32]]:
    """Read an image and its label.

    Returns
    -------
    image, label
        (c, y, x) in the type of the file, with 1 channel (grey), 2 (nuclei and cells) or 3 (red, green, blue); and
        (y, x) int32 with objects numbered from 1 without gaps, in the order of the numbers in the file.

    Raises
    ------
    DataError
        If a file is missing or unreadable, the label is no image of whole numbers, the two differ in size, or the
        image has another number of channels.
    """
    # Planning reads indices, and does without the readers of images.
    from platewise.segmentation.numbering import without_gaps
    from platewise.segmentation.pictures import read_label, read_planes

    image, label = read_planes(annotation.image), read_label(annotation.label)
    if image.shape[1:] != label.shape:
        raise DataError(
            f"{annotation.label}: found a label of {label.shape[0]} x {label.shape[1]} pixels; expected the size of "
            f"its image {annotation.image}, {image.shape[1]} x {image.shape[2]}. Hint: export the label again at the "
            "image's full size."
        )
    if len(image) > 3:
        raise DataError(
            f"{annotation.image}: found {len(image)} channels; expected 1 (grey), 2 (nuclei and cells) or 3 (red, "
            "green, blue). Hint: save the channels that a segmenter shall see."
        )
    return image, without_gaps(label)[0]
