"""The table of a set of annotated images: what they are, and which fold each is in."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.config.annotations import AnnotationColumns
from platewise.errors import DataError
from platewise.plan.segmenters import ALL
from platewise.segmentation.annotations import Annotation, load_pair, read_index
from platewise.segmentation.evaluation import Annotated
from platewise.segmentation.folds import grouped_folds
from platewise.tables import write_table

COLUMNS = (
    "Name",
    "Image",
    "Label",
    "Group",
    "Class",
    "Fold",
    "Channels",
    "Height",
    "Width",
    "Objects",
    "Digest",
)
# More images than this that cannot be used are counted, not listed.
_NAMED = 20


def inventory_annotations(
    index: str | Path, target: str | Path, columns: AnnotationColumns, folds: int, seed: int
) -> None:
    """Read every annotated image of an index, deal the groups to folds, and write the table (``COLUMNS``).

    ``Digest`` tells images and labels apart by their pixels: an edited label changes the table, and with it what is
    made from it.

    Parameters
    ----------
    index
        The index, with its columns named as in ``columns``.
    target
        The table.
    folds, seed
        See ``grouped_folds``.

    Raises
    ------
    ConfigError
        If the index is wrong.
    DataError
        If images or labels cannot be used; all of them are named.
    """
    annotations = read_index(index, columns)
    numbers = grouped_folds([one.group for one in annotations], [one.image_class for one in annotations], folds, seed)
    rows, wrong = [], []
    for annotation, fold in zip(annotations, numbers, strict=True):
        try:
            rows.append(_row(annotation, int(fold)))
        except DataError as error:
            wrong.append(str(error))
    if wrong:
        listed = "\n  ".join(wrong[:_NAMED])
        more = f"\n  and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise DataError(
            f"{index}: {len(wrong)} of {len(annotations)} annotated images cannot be used.\n  {listed}{more}"
        )
    facts = {"stage": "annotations", "algorithm": ALGORITHMS["annotations"], "folds": folds, "seed": seed}
    write_table(pd.DataFrame(rows, columns=list(COLUMNS)), target, facts, versioned=False)


def learned_from(table: pd.DataFrame, fold: str, classes: Collection[str] = ()) -> pd.DataFrame:
    """Return the rows that a segmenter may learn from.

    Parameters
    ----------
    table
        As ``inventory_annotations`` writes it.
    fold
        The number of the fold that it must not see, or ``all``.
    classes
        Images of these classes only; empty for all.

    Raises
    ------
    DataError
        If none is left.
    """
    kept = np.ones(len(table), bool) if fold == ALL else (table["Fold"] != int(fold)).to_numpy()
    if classes:
        kept = kept & table["Class"].isin(list(classes)).to_numpy()
    if not kept.any():
        raise DataError(
            f"segmenters: no annotated image of {', '.join(classes) or 'any class'} outside of fold {fold}. Hint: "
            "annotate images of more groups, or leave `classes` out."
        )
    return table[kept].reset_index(drop=True)


def validation_rows(table: pd.DataFrame, share: float, seed: int) -> np.ndarray:
    """Choose whole groups to look at during a training: (n,) bool, about ``share`` of the images of each class.

    None where the share is 0, or where nothing would be left to learn from.
    """
    if share == 0:
        return np.zeros(len(table), bool)
    # Other draws than those of the folds, which would always take the next fold's images together.
    held = grouped_folds(list(table["Group"]), list(table["Class"]), round(1 / share), seed + 1) == 0
    return np.zeros(len(table), bool) if held.all() else held


def digest_of(table: pd.DataFrame) -> str:
    """Return a digest of the images and labels of a table, whatever their order."""
    lines = sorted(table["Name"] + "\n" + table["Digest"])
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def load_annotated(table: pd.DataFrame) -> Iterator[Annotated]:
    """Read the images of a table one by one: (c, y, x) float32, with their labels (y, x) int32.

    Raises
    ------
    DataError
        If an image is not the one that the table was made from.
    """
    for row in table.to_dict("records"):
        annotation = Annotation(row["Name"], Path(row["Image"]), Path(row["Label"]), row["Group"], row["Class"])
        image, label = load_pair(annotation)
        if _digest(image, label) != row["Digest"]:
            raise DataError(
                f"{annotation.image}: the image or its label has changed since the annotated images were read. Hint: "
                "read them again with --forcerun inventory_annotations."
            )
        yield Annotated(row["Name"], image.astype(np.float32), label, row["Group"], row["Class"], int(row["Fold"]))


def _row(annotation: Annotation, fold: int) -> dict[str, object]:
    image, label = load_pair(annotation)
    return {
        "Name": annotation.name,
        "Image": str(annotation.image),
        "Label": str(annotation.label),
        "Group": annotation.group,
        "Class": annotation.image_class,
        "Fold": fold,
        "Channels": len(image),
        "Height": image.shape[1],
        "Width": image.shape[2],
        "Objects": int(label.max(initial=0)),
        "Digest": _digest(image, label),
    }


def _digest(image: np.ndarray, label: np.ndarray) -> str:
    digest = hashlib.sha256(f"{image.dtype}{image.shape}".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    digest.update(np.ascontiguousarray(label).tobytes())
    # Enough to tell thousands of images apart.
    return digest.hexdigest()[:16]
