"""The list of exported images: what a person works through, and what is known of each when it comes back."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from platewise.errors import DataError, Problem, ProblemsError

QUEUE = "queue.csv"
YES, NO = ("yes", "y", "x", "true", "1", "done"), ("no", "n", "false", "0")


@dataclass(frozen=True)
class Exported:
    """One row of the queue, all of it text.

    Attributes
    ----------
    rank
        1 is to be annotated first.
    name
        Of the files ``images/NAME.tif``, ``labels/NAME.tif``, ``outlines/NAME.geojson`` and ``unsure/NAME.csv``.
    uncertainty
        Of the image, 0 to 1.
    objects
        How many were found.
    group
        What the image must not be parted from in a split: its plate, or the folder that it came from.
    image_class
        Kind of image, for scores by kind.
    source, source_sha256
        Where it came from, and the checksum of a single source file.
    image_sha256, label_hash, outlines_sha256
        What was exported: the image file, the pixels of the label, the file of outlines.
    done
        For the person: ``yes`` takes the pair even if nothing was changed, ``no`` leaves it out even if something was.
    """

    rank: str
    name: str
    uncertainty: str
    objects: str
    group: str
    image_class: str
    source: str
    source_sha256: str
    image_sha256: str
    label_hash: str
    outlines_sha256: str
    done: str = ""


COLUMNS = tuple(field.name for field in fields(Exported))


def write_queue(folder: Path, rows: Sequence[Exported]) -> None:
    """Write the queue of an export into its folder."""
    with (folder / QUEUE).open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_queue(folder: Path) -> list[Exported]:
    """Read the queue of an export, as it is after a person and perhaps a spreadsheet program had it.

    Raises
    ------
    DataError
        If it is missing, or lacks columns.
    ProblemsError
        If a row has an unknown mark in ``done``, a name that leads out of the folder or that another row has, or lacks
        a group or class.
    """
    path = folder / QUEUE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}). Hint: name a folder that `platewise annotate export` made."
        ) from error
    # Spreadsheet programs of many countries save with semicolons.
    head = text.partition("\n")[0]
    reader = csv.DictReader(text.splitlines(), delimiter=";" if head.count(";") > head.count(",") else ",")
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise DataError(
            f"{path}: the columns {', '.join(missing)} are missing. Hint: restore the file's first line; only the "
            "columns group, image_class and done are yours to change."
        )
    rows, problems = [], []
    for line, raw in enumerate(reader, 2):
        row = Exported(**{name: (raw[name] or "").strip() for name in COLUMNS})
        place = f"{path}, row {line}"
        if Path(row.name).name != row.name or row.name in ("", ".", "..") or "\\" in row.name:
            problems.append(Problem(f"{place}, column name", repr(row.name), "a name of a file", "restore the row"))
        elif row.name in {other.name for other in rows}:
            problems.append(
                Problem(f"{place}, column name", repr(row.name), "each name once", "remove one of the rows")
            )
        for column in ("group", "image_class"):
            if not getattr(row, column):
                problems.append(Problem(f"{place}, column {column}", "an empty cell", "a value", "fill the cell"))
        if row.done.lower() not in ("", *YES, *NO):
            problems.append(
                Problem(f"{place}, column done", repr(row.done), "yes, no or nothing", "write one of these, or nothing")
            )
        rows.append(replace(row, done=row.done.lower()))
    if problems:
        raise ProblemsError(problems, "the annotations cannot be brought back")
    return rows


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file of an export, or of the source of one.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}). Hint: put it back, or take its row out of {QUEUE}."
        ) from error
