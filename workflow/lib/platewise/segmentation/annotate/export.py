"""Write the images most worth annotating as pairs that napari and QuPath open."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from platewise.errors import DataError
from platewise.files import whole_folder
from platewise.segmentation.annotate.geojson import UNSURE, write_outlines
from platewise.segmentation.annotate.guide import GUIDE
from platewise.segmentation.annotate.queue import Exported, hash_file, write_queue
from platewise.segmentation.pictures import MOST_OBJECTS
from platewise.segmentation.ranking import UnsureObject
from platewise.store.fields import hash_label

Planes = npt.NDArray[np.generic]
Label = npt.NDArray[np.int32]

# More places than this are not looked at one by one.
LISTED = 50


@dataclass(frozen=True)
class Content:
    """What is exported of an image: its pixels (c, y, x), the label (y, x), and its objects, the most unsure first."""

    image: Planes
    label: Label
    unsure: Sequence[UnsureObject]


@dataclass(frozen=True)
class Candidate:
    """An image to annotate, read when its turn comes.

    Attributes
    ----------
    name
        Name of its files, one of its own.
    group, image_class, source
        See `queue.Exported`; ``source`` is a file, or words that name the field of a campaign.
    uncertainty
        0 to 1.
    read
        Returns its content.
    """

    name: str
    group: str
    image_class: str
    source: str
    uncertainty: float
    read: Callable[[], Content]


def export_queue(candidates: Iterable[Candidate], folder: Path) -> int:
    """Write candidates, the one to annotate first in front, with the guide and the queue.

    Parameters
    ----------
    candidates
        In order of rank.
    folder
        Made whole or not at all. It must not be there, or be empty: what a person has edited is never replaced.

    Returns
    -------
    count
        Images written.

    Raises
    ------
    DataError
        If the folder is in use, two candidates have one name, or an image has too many objects for an editor.
    """
    check_new(folder)
    rows: list[Exported] = []
    with whole_folder(folder) as temporary:
        for part in ("images", "labels", "outlines", "unsure"):
            (temporary / part).mkdir()
        for rank, candidate in enumerate(candidates, 1):
            if any(row.name == candidate.name for row in rows):
                raise DataError(f"{candidate.source}: another image has the name {candidate.name}. Hint: rename one.")
            rows.append(_write_pair(temporary, rank, candidate))
        write_queue(temporary, rows)
        (temporary / "README.txt").write_text(GUIDE, encoding="utf-8")
    return len(rows)


def check_new(folder: Path) -> None:
    """Refuse a folder that holds anything.

    Raises
    ------
    DataError
        If it does, or is a file.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise DataError(f"{folder}: is there already, and may hold edits. Hint: name a new folder.")


def editable(image: Planes) -> Planes:
    """Return an image (c, y, x) in numbers that editors show: 8 or 16 bits a grey pixel, 8 bits a colour.

    What has other numbers is stretched to all of the range, by one factor for all channels. Engines scale by
    percentiles, so that it makes no difference to them beyond rounding.
    """
    if image.dtype == np.uint8 or (image.dtype == np.uint16 and len(image) != 3):
        return image
    kind = np.uint8 if len(image) == 3 else np.uint16
    low, high = float(image.min()), float(image.max())
    factor = np.iinfo(kind).max / (high - low) if high > low else 0.0
    return np.rint((image.astype(np.float64) - low) * factor).astype(kind)


def _write_pair(folder: Path, rank: int, candidate: Candidate) -> Exported:
    content = candidate.read()
    if content.label.max(initial=0) > MOST_OBJECTS:
        raise DataError(
            f"{candidate.source}: {content.label.max()} objects are more than {MOST_OBJECTS}, which a label image for "
            "training can hold. Hint: cut the image into pieces and export those."
        )
    name = candidate.name
    places = [item for item in content.unsure if item.uncertainty >= UNSURE][:LISTED]
    image, label, outlines, listed = (
        folder / "images" / f"{name}.tif",
        folder / "labels" / f"{name}.tif",
        folder / "outlines" / f"{name}.geojson",
        folder / "unsure" / f"{name}.csv",
    )
    _write_image(image, editable(content.image))
    # napari takes 32-bit whole numbers for labels, and shorter ones for an image.
    tifffile.imwrite(label, content.label.astype(np.int32), compression="zlib", metadata=None)
    write_outlines(outlines, content.label, content.unsure)
    _write_places(listed, places)
    source = Path(candidate.source)
    return Exported(
        rank=str(rank),
        name=name,
        uncertainty=f"{candidate.uncertainty:.4f}",
        objects=str(np.count_nonzero(np.unique(content.label))),
        group=candidate.group,
        image_class=candidate.image_class,
        source=candidate.source,
        source_sha256=hash_file(source) if source.is_file() else "",
        image_sha256=hash_file(image),
        label_hash=hash_label(content.label),
        outlines_sha256=hash_file(outlines),
    )


def _write_image(path: Path, image: Planes) -> None:
    if len(image) == 3:
        pixels, kind = np.moveaxis(image, 0, 2), "rgb"
    else:
        pixels, kind = image if len(image) > 1 else image[0], "minisblack"
    tifffile.imwrite(path, pixels, photometric=kind, compression="zlib", metadata=None)


def _write_places(path: Path, places: Sequence[UnsureObject]) -> None:
    """Write the places as napari writes points; nothing without any, since napari reads no empty table."""
    if not places:
        return
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("index", "axis-0", "axis-1", "object", "uncertainty"))
        for index, item in enumerate(places):
            writer.writerow((index, f"{item.y:.2f}", f"{item.x:.2f}", item.number, f"{item.uncertainty:.4f}"))
