"""The one place that knows all readers: by name to settings, by settings to a table of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from platewise.columns import SITE, WELL
from platewise.config.images import PatternReader, PhenixReader, ReaderConfig
from platewise.errors import ConfigError, DataError, Problem
from platewise.plan.wells import parse_well
from platewise.readers.listing import Folder, Found
from platewise.readers.pattern import find_pattern
from platewise.readers.phenix import find_phenix

_BUILT_IN: dict[str, ReaderConfig] = {"phenix": PhenixReader(kind="phenix")}
_FINDERS: dict[type, Callable[[Path, ReaderConfig], Folder]] = {
    PhenixReader: lambda folder, _: find_phenix(folder),
    PatternReader: lambda folder, reader: find_pattern(folder, reader.pattern),
}


@dataclass(frozen=True)
class Listing:
    """The images of one plate's folder.

    Parameters
    ----------
    images
        ``Metadata_Well``, ``Metadata_Site`` (int), ``Channel`` (the config's name), ``Path``, ``Problem`` (what the
        microscope says is wrong, else empty). Sorted by well, site, channel in the config's order, path. A file named
        by an index need not exist, and a field and channel may have several rows: both are for the inventory to judge.
    ignored
        ``Path`` and ``Reason``: files (or index entries) that belong to no image asked for.
    """

    images: pd.DataFrame
    ignored: pd.DataFrame


def resolve_reader(name: str, readers: Mapping[str, ReaderConfig]) -> ReaderConfig:
    """Return the settings of the reader that the plate sheet calls ``name``.

    Raises
    ------
    ConfigError
        If ``name`` is neither built in nor in ``readers`` (the config's ``images.readers``).
    """
    known = {**_BUILT_IN, **readers}
    if name not in known:
        raise ConfigError(
            [
                Problem(
                    place="plate sheet, column reader",
                    found=repr(name),
                    expected=f"one of {', '.join(sorted(known))}",
                    remedy="correct the name, or describe the reader under `images: readers:` in the config",
                )
            ]
        )
    return known[name]


def list_images(folder: str | Path, reader: ReaderConfig, channels: Mapping[str, str]) -> Listing:
    """List the images of one plate.

    Parameters
    ----------
    folder
        The plate's folder; paths in the result start with it as it was written.
    reader
        See ``resolve_reader``.
    channels
        The config's names to the microscope's, in the order wanted. Case does not matter in the latter.

    Raises
    ------
    DataError
        If the folder is missing or holds no image, a channel is not there or its identifier fits several, or there
        are several planes or time points and none was chosen.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"{folder}: found no such folder; expected the plate's images. Hint: correct the folder in the plate "
            "sheet, and check that variables in it (such as ${PLATEWISE_DATA}) are set."
        )
    found = _FINDERS[type(reader)](folder, reader)
    names = _channel_names(folder, found.images, channels)
    ignored = list(found.ignored)
    images = [image for image in found.images if image.channel in names]
    ignored += [
        (image.path, f"channel {image.channel} is not in the config")
        for image in found.images
        if image.channel not in names
    ]
    for key, chosen in (("plane", reader.plane), ("timepoint", reader.timepoint)):
        images, passed = _choose(folder, images, key, chosen)
        ignored += passed
    return Listing(
        _image_table(images, names, list(channels)), pd.DataFrame(ignored, columns=["Path", "Reason"], dtype=str)
    )


def _channel_names(folder: Path, images: Sequence[Found], channels: Mapping[str, str]) -> dict[str, str]:
    """Return the config's name by the microscope's first name, for the channels asked for."""
    aliases: dict[str, set[str]] = {}
    for image in images:
        aliases.setdefault(image.channel, set()).update(alias.casefold() for alias in image.aliases)
    names: dict[str, str] = {}
    for name, identifier in channels.items():
        fits = sorted(channel for channel, known in aliases.items() if identifier.strip().casefold() in known)
        if len(fits) != 1 or fits[0] in names:
            raise DataError(_channel_problem(folder, images, name, identifier, fits, names))
        names[fits[0]] = name
    return names


def _channel_problem(
    folder: Path, images: Sequence[Found], name: str, identifier: str, fits: list[str], names: dict[str, str]
) -> str:
    there = sorted({" / ".join(image.aliases) for image in images})
    if not fits:
        what = f"found no channel {identifier!r} (channel {name} of the config)"
    elif len(fits) > 1:
        what = f"{identifier!r} (channel {name} of the config) fits several channels: {', '.join(fits)}"
    else:
        what = f"{identifier!r} (channel {name} of the config) is the channel already used for {names[fits[0]]}"
    return f"{folder}: {what}; there are {'; '.join(there)}. Hint: correct `images: channels: {name}:` in the config."


def _choose(
    folder: Path, images: list[Found], key: str, chosen: int | None
) -> tuple[list[Found], list[tuple[Path, str]]]:
    """Keep one plane or time point; files that name none belong to every one."""
    present = sorted({getattr(image, key) for image in images} - {None})
    words = {"plane": "z planes", "timepoint": "time points"}[key]
    listed = ", ".join(str(number) for number in present)
    if chosen is None and len(present) > 1:
        raise DataError(
            f"{folder}: found the {words} {listed}; expected one. Hint: choose one with `{key}:` in the reader's entry "
            "under `images: readers:` in the config."
        )
    if chosen is not None and chosen not in present:
        raise DataError(
            f"{folder}: found no {key} {chosen}, which the reader's entry in the config asks for; there are: "
            f"{listed or 'none, the files do not number them'}. Hint: correct or remove `{key}:`."
        )
    wanted = chosen if chosen is not None else (present[0] if present else None)
    kept = [image for image in images if getattr(image, key) in (wanted, None)]
    passed = [
        (image.path, f"{key} {getattr(image, key)} was not chosen")
        for image in images
        if getattr(image, key) not in (wanted, None)
    ]
    return kept, passed


def _image_table(images: Sequence[Found], names: Mapping[str, str], order: list[str]) -> pd.DataFrame:
    rows = [(image.well, image.site, names[image.channel], str(image.path), image.problem) for image in images]
    rows.sort(key=lambda row: (parse_well(row[0]), row[1], order.index(row[2]), row[3]))
    table = pd.DataFrame(rows, columns=[WELL, SITE, "Channel", "Path", "Problem"])
    return table.astype({WELL: str, SITE: "int64", "Channel": str, "Path": str, "Problem": str})
