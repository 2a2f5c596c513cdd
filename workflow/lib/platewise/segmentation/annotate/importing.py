"""Bring corrected images back as training pairs with an index."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from platewise.config.annotations import AnnotationColumns
from platewise.errors import DataError, PlatewiseError, Problem, ProblemsError
from platewise.files import whole_file
from platewise.plan.sheets import read_sheet
from platewise.segmentation.annotate.geojson import read_outlines
from platewise.segmentation.annotate.queue import NO, YES, Exported, hash_file, read_queue
from platewise.segmentation.numbering import without_gaps
from platewise.segmentation.pictures import MOST_OBJECTS, label_path, read_label, read_planes, write_label
from platewise.segmentation.pieces import number_pieces
from platewise.store.fields import hash_label

Label = npt.NDArray[np.int32]
Source = Literal["labels", "outlines"]

COLUMNS = AnnotationColumns()
HEADER = (COLUMNS.image, COLUMNS.label, COLUMNS.group, COLUMNS.image_class)


@dataclass(frozen=True)
class Correction:
    """An image that comes back.

    Attributes
    ----------
    row
        Its row of the queue.
    source
        What was corrected, None if nothing was.
    label
        (y, x) int32; numbers are those of the file, but of pieces that were parted.
    notes
        What a person should know, in words.
    """

    row: Exported
    source: Source | None
    label: Label
    notes: tuple[str, ...] = ()


@dataclass
class Report:
    """What an import did, image by image: names of the new, the replaced, those left out; and what to know of some."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def import_corrections(
    folder: Path, index: Path, accept_unchanged: bool = False, prefer: Source | None = None
) -> Report:
    """Add the corrected images of an exported folder to an index of annotated images.

    All images are read and checked before anything is written. What is there already under the same name is replaced
    if it is of the same image.

    Parameters
    ----------
    folder
        Made by `export_queue`, edited since.
    index
        CSV; made if it is not there. Images and labels are put beside it, in ``images`` and ``labels``.
    accept_unchanged
        Take images of which nothing was changed, as if each were marked ``yes``.
    prefer
        Which to take where both the label and the outlines of an image were changed.

    Raises
    ------
    DataError
        With everything that is wrong with the files, if anything is; or if the queue cannot be read.
    ProblemsError
        If the queue or the index cannot be used.
    """
    rows = read_queue(folder)
    known = _read_rows(index)
    report, corrections, problems = Report(), [], []
    for row in rows:
        if row.done in NO:
            report.unfinished.append(row.name)
            continue
        try:
            correction = read_correction(folder, row, prefer)
            _check_place(folder, index, row, known)
        except PlatewiseError as error:
            problems.append(error)
            continue
        if correction.source is None and not accept_unchanged and row.done not in YES:
            report.untouched.append(row.name)
        else:
            corrections.append(correction)
    if problems:
        raise DataError("\n".join(["the annotations cannot be brought back:", *(f"  {error}" for error in problems)]))
    for correction in corrections:
        entry = _write_pair(folder, index, correction)
        listed = report.replaced if entry[COLUMNS.image] in known else report.added
        listed.append(correction.row.name)
        known[entry[COLUMNS.image]] = known.get(entry[COLUMNS.image], {}) | entry
        if correction.notes:
            report.notes[correction.row.name] = correction.notes
    if corrections:
        _write_rows(index, known)
    return report


def read_correction(folder: Path, row: Exported, prefer: Source | None = None) -> Correction:
    """Read what a person made of an image.

    Raises
    ------
    DataError
        If a file is missing or unreadable, the image was changed, the label has another size than it or too many
        objects, or both label and outlines were changed and neither is preferred.
    """
    image, label_file, outlines_file = (
        folder / "images" / f"{row.name}.tif",
        folder / "labels" / f"{row.name}.tif",
        folder / "outlines" / f"{row.name}.geojson",
    )
    if hash_file(image) != row.image_sha256:
        raise DataError(
            f"{image}: is not the image that was exported. Hint: put it back from a fresh export; corrections are "
            "saved under labels/ or outlines/."
        )
    shape = read_planes(image).shape[1:]
    label = read_label(label_file)
    if label.shape != shape:
        raise DataError(
            f"{label_file}: found {label.shape[0]} x {label.shape[1]} pixels; expected the size of its image, "
            f"{shape[0]} x {shape[1]}. Hint: save the labels layer itself, uncut and unscaled."
        )
    changed: list[Source] = []
    if hash_label(label) != row.label_hash:
        changed.append("labels")
    if hash_file(outlines_file) != row.outlines_sha256:
        changed.append("outlines")
    if len(changed) == 2 and prefer is None:
        raise DataError(
            f"{label_file}: both this and {outlines_file} were changed. Hint: say which to take, with --prefer labels "
            "or --prefer outlines."
        )
    source = prefer if len(changed) == 2 else next(iter(changed), None)
    notes: list[str] = []
    if source == "outlines":
        label, notes = _from_outlines(outlines_file, shape)
    label, parted = part_pieces(label)
    if parted:
        notes.append(f"objects in several pieces, each now an object: {_listed(parted)}")
    count = np.count_nonzero(np.unique(label))
    if count > MOST_OBJECTS:
        raise DataError(
            f"{label_file}: holds {count} objects, more than {MOST_OBJECTS}. Hint: cut the image in pieces."
        )
    return Correction(row, source, _within_16_bits(label), tuple(notes))


def part_pieces(label: Label) -> tuple[Label, list[int]]:
    """Give every piece of an object a number of its own; the largest keeps the object's.

    Pixels that touch at a corner are one piece, as an eraser may leave them. Where int32 does not hold the new numbers,
    all are counted anew, in their order.

    Parameters
    ----------
    label
        (y, x); numbers may have gaps.

    Returns
    -------
    parted, numbers
        The label image, and the numbers of objects that were in pieces.
    """
    pieces, count = number_pieces(label)
    owners = np.zeros(count + 1, dtype=np.int64)
    owners[pieces.ravel()] = label.ravel()
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    # By owner, its largest piece first; the background, piece 0, is alone with owner 0.
    order = np.lexsort((-areas, owners))
    further = order[1:][np.diff(owners[order]) == 0]
    numbers = owners.copy()
    numbers[further] = int(label.max(initial=0)) + 1 + np.arange(further.size)
    if numbers.max() > np.iinfo(np.int32).max:
        numbers = without_gaps(numbers)[0]
    return numbers[pieces].astype(np.int32), np.unique(owners[further]).tolist()


def _from_outlines(path: Path, shape: tuple[int, ...]) -> tuple[Label, list[str]]:
    outlines = read_outlines(path, (shape[0], shape[1]))
    notes = []
    if outlines.added:
        notes.append(f"new objects: {_listed(outlines.added)}")
    if outlines.lost:
        notes.append(f"hidden by others or without a pixel, and left out: {_listed(outlines.lost)}")
    if outlines.contested:
        notes.append(f"{outlines.contested} pixels lie in several objects; each went to the smallest")
    if outlines.passed_over:
        notes.append(f"{outlines.passed_over} features that are no areas were passed over")
    return outlines.label, notes


def _listed(items: list[int] | tuple[int | str, ...]) -> str:
    shown = ", ".join(str(item) for item in items[:10])
    return shown if len(items) <= 10 else f"{shown} and {len(items) - 10} more"


def _within_16_bits(label: Label) -> Label:
    """Keep the numbers, unless one is too large for a 16-bit image: then count anew, in their order."""
    return label if label.max(initial=0) <= MOST_OBJECTS else without_gaps(label)[0]


def _check_place(folder: Path, index: Path, row: Exported, known: dict[str, dict[str, str]]) -> None:
    """Refuse to replace another image, or the label of another image, that happens to have the same name."""
    remedy = f"Hint: import into an index in another folder, or rename {row.name} in the queue and its files."
    if index.parent.resolve() == folder.resolve():
        raise DataError(f"{index}: lies in the queue's own folder, whose labels it would replace. {remedy}")
    image = index.parent / "images" / f"{row.name}.tif"
    if image.is_file() and hash_file(image) != row.image_sha256:
        raise DataError(f"{image}: another image of this name is there. {remedy}")
    if f"images/{image.name}" not in known and (label := label_path(index.parent / "labels", row.name)) is not None:
        raise DataError(f"{label}: is there already, and is not the label of {image}. {remedy}")


def _write_pair(folder: Path, index: Path, correction: Correction) -> dict[str, str]:
    """Put image and label beside the index; return the row of the index."""
    name = correction.row.name
    image = index.parent / "images" / f"{name}.tif"
    with whole_file(image) as temporary:
        shutil.copyfile(folder / "images" / f"{name}.tif", temporary)
    label = write_label(index.parent / "labels", name, correction.label)
    paths = (f"images/{image.name}", f"labels/{label.name}")
    return dict(zip(HEADER, (*paths, correction.row.group, correction.row.image_class), strict=True))


def _read_rows(index: Path) -> dict[str, dict[str, str]]:
    """Read an index, whatever columns it has besides, by the column of images."""
    problems: list[Problem] = []
    if index.suffix.lower() != ".csv":
        problems.append(Problem(str(index), f"the suffix {index.suffix!r}", ".csv", "name a CSV file"))
    rows = read_sheet(str(index), list(HEADER), "INDEX", problems) if index.exists() and not problems else []
    if problems:
        raise ProblemsError(problems, "the annotations cannot be added")
    return {row[COLUMNS.image]: row for _, row in rows}


def _write_rows(index: Path, rows: dict[str, dict[str, str]]) -> None:
    names = list(dict.fromkeys([*HEADER, *(name for row in rows.values() for name in row)]))
    with whole_file(index) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, names, restval="")
        writer.writeheader()
        writer.writerows(rows.values())
