"""A folder of images to a folder of labels, image by image: what is done is kept, what is bad is named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from platewise.ahead import run_ahead
from platewise.errors import DataError, PlatewiseError
from platewise.files import whole_file
from platewise.segmentation.engine import CellsEngine, Image, Label, NucleiEngine
from platewise.segmentation.images import check_finite, check_image, standardise_channels
from platewise.segmentation.numbering import without_gaps
from platewise.segmentation.pictures import (
    label_path,
    read_any,
    read_label,
    read_picture,
    read_planes,
    write_label,
)
from platewise.store.commit import digest_of

Loaded = TypeVar("Loaded")

# What the labels in a folder were made with, so that a second run does not mix them with others.
RECORD = "platewise-segment.json"


@dataclass(frozen=True)
class Outcome:
    """What became of one image: the label's path and its number of objects, or why there is none.

    ``seconds`` is 0 for labels that were there already.
    """

    name: str
    label: Path | None
    count: int
    seconds: float
    error: str = ""

    def words(self, things: str) -> str:
        """Say it in a line; ``things`` are the objects."""
        if self.label is None:
            return self.error
        return f"{self.count} {things}, {f'{self.seconds:.1f} s' if self.seconds else 'there already'}"


@dataclass(frozen=True)
class Work(Generic[Loaded]):
    """How an image is read, and how several that were read are segmented.

    Attributes
    ----------
    sources
        Files by the names of images, a mapping for each kind of file. A label that is older than one of its image's is
        made anew.
    read
        From the name of an image.
    segment
        From what was read of several images to their labels.
    """

    sources: tuple[Mapping[str, Path], ...]
    read: Callable[[str], Loaded]
    segment: Callable[[list[Loaded]], list[Label]]


def nuclei_work(
    engine: NucleiEngine, images: Mapping[str, Path], channel: int | None, together: bool = False
) -> Work[Image]:
    """Find nuclei, or with an engine for nuclei other bright objects, in images.

    Parameters
    ----------
    engine
        Finds them.
    images
        Files by name.
    channel
        Which channel of a file shows them; None where it holds one grey or colour image.
    together
        Add the channels of a file that holds several, each scaled to its range: a cell shows in any of them.
    """

    def read(name: str) -> Image:
        path = images[name]
        if together and channel is None:
            planes, colour = read_any(path)
            if len(planes) > 1 and not colour:
                return standardise_channels(check_finite(planes, str(path))).mean(axis=0, keepdims=True)
        return check_image(read_picture(path, channel), str(path))

    return Work((images,), read, engine.segment)


def cells_work(
    engine: CellsEngine,
    images: Mapping[str, Path],
    channel: int | None,
    nuclei: Mapping[str, Path],
    finder: NucleiEngine | None,
) -> Work[tuple[Image, Image, Label | None]]:
    """Find the cells of given nuclei; cells have the numbers of the nuclei, whatever these are.

    Parameters
    ----------
    engine
        Finds them.
    images
        Files of the cell channels by name; all channels of a file together.
    channel
        Only this one; None takes all.
    nuclei
        Files of nuclei by name: label images, or with ``finder`` images of the nuclear channel.
    finder
        Finds nuclei in images of the nuclear channel; None where their labels are given.
    """

    def read(name: str) -> tuple[Image, Image, Label | None]:
        if name not in nuclei:
            raise DataError(f"{images[name]}: has no nuclei of its name. Hint: --nuclei needs a file for every image.")
        planes = read_planes(images[name]) if channel is None else read_picture(images[name], channel)
        cells = check_finite(planes, str(images[name]))
        if finder is None:
            # Engines count up to the largest number, which may be any that 32 bits can hold.
            shown, numbers = without_gaps(read_label(nuclei[name]))
        else:
            shown = check_finite(read_picture(nuclei[name]), str(nuclei[name])).mean(axis=0)
            numbers = None
        if shown.shape != cells.shape[1:]:
            raise DataError(
                f"{nuclei[name]}: {shown.shape[0]} x {shown.shape[1]} pixels; its image {images[name]} has "
                f"{cells.shape[1]} x {cells.shape[2]}. Hint: the two must show the same field at one size."
            )
        return cells, shown, numbers

    def segment(several: list[tuple[Image, Image, Label | None]]) -> list[Label]:
        cells, shown, numbers = (list(part) for part in zip(*several, strict=True))
        if finder is not None:
            return engine.segment(cells, finder.segment([image[None] for image in shown]), shown)
        # Without an image of the nuclei, their shapes stand for it.
        found = engine.segment(cells, shown, [(label > 0).astype(np.float32) for label in shown])
        return [given[label] for given, label in zip(numbers, found, strict=True)]

    return Work((images, nuclei), read, segment)


def segment_folder(
    images: Mapping[str, Path],
    out: Path,
    work: Work[Any],
    made_with: dict[str, Any],
    overwrite: bool = False,
    group: int = 1,
) -> Iterator[Outcome]:
    """Segment images and write a label image for each; an image that cannot be used is named, and the others go on.

    A label that is newer than the files it was made from is kept, so that a run that was ended goes on where it was.

    Parameters
    ----------
    images
        Files by name, in the order of the work.
    out
        Folder of the labels.
    work
        How to read and segment.
    made_with
        JSON-able facts that the labels of all these images must share.
    overwrite
        Remove the labels of these images that are there first.
    group
        Images that are segmented at a time.

    Yields
    ------
    outcome
        Of each image: those whose labels are there already first, then the others in order.

    Raises
    ------
    DataError
        Before any work: if ``out`` is the folder of the images or nuclei, or holds labels of these images that were
        made otherwise.
    """
    _check_out(images, out, work, made_with, overwrite)
    done = _done(images, out, work)
    for name, (label, count) in done.items():
        yield Outcome(name, label, count, 0.0)
    pending = [name for name in images if name not in done]
    loaded: list[tuple[str, Any]] = []
    for name, reading in run_ahead(work.read, pending, depth=group):
        try:
            loaded.append((name, reading.result()))
        except PlatewiseError as error:
            yield Outcome(name, None, 0, 0.0, str(error))
        if len(loaded) == group or (loaded and name == pending[-1]):
            yield from _segment(loaded, out, work)
            loaded.clear()


def _segment(loaded: list[tuple[str, Any]], out: Path, work: Work[Any]) -> Iterator[Outcome]:
    begin = time.perf_counter()
    try:
        labels = work.segment([image for _, image in loaded])
    except DataError as error:
        # It is one image's, whichever: the others go on.
        if len(loaded) == 1:
            yield Outcome(loaded[0][0], None, 0, 0.0, str(error))
        else:
            for one in loaded:
                yield from _segment([one], out, work)
        return
    seconds = (time.perf_counter() - begin) / len(loaded)
    for (name, _), label in zip(loaded, labels, strict=True):
        yield Outcome(name, write_label(out, name, label), _count(label), seconds)


def _count(label: Label) -> int:
    return int(np.count_nonzero(np.unique(label)))


def _check_out(
    images: Mapping[str, Path], out: Path, work: Work[Any], made_with: dict[str, Any], overwrite: bool
) -> None:
    for source in (path for files in work.sources for path in files.values()):
        if source.parent.resolve() == out.resolve():
            raise DataError(
                f"{out}: is the folder of {source.name}, which is read. Hint: give the labels a folder of their own."
            )
    record = out / RECORD
    settings, made = _read_record(record)
    digest = digest_of(made_with)
    there = {name: label for name in images if (label := label_path(out, name)) is not None}
    if overwrite:
        # Now, not one by one: a run that is ended half-way must not take the rest for its own.
        for label in there.values():
            label.unlink()
    else:
        for name, label in there.items():
            if made.get(name) != digest:
                raise DataError(
                    f"{label}: was made with other weights, settings or nuclei, or by something else. Hint: name "
                    "another folder, or make all labels anew with --overwrite."
                )
    # Of images whose labels are still to come, too: what is found of them later was made by this run, or one like it.
    made |= dict.fromkeys(images, digest)
    settings = {used: facts for used, facts in (settings | {digest: made_with}).items() if used in made.values()}
    with whole_file(record) as temporary:
        content = {"settings": settings, "labels": made}
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _read_record(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what labels of a folder were made with, by digest, and the digest of each label."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return dict(content["settings"]), dict(content["labels"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}, {}


def _done(images: Mapping[str, Path], out: Path, work: Work[Any]) -> dict[str, tuple[Path, int]]:
    """Return the labels that need not be made, and their numbers of objects; a damaged one is made anew."""
    done = {}
    for name in images:
        label = label_path(out, name)
        if label is not None and _is_newest(label, name, work):
            with suppress(DataError):
                done[name] = (label, _count(read_label(label)))
    return done


def _is_newest(label: Path, name: str, work: Work[Any]) -> bool:
    sources = [files.get(name) for files in work.sources]
    # Without one of its files an image is read again, which says what is missing.
    return all(source is not None and label.stat().st_mtime_ns >= source.stat().st_mtime_ns for source in sources)
