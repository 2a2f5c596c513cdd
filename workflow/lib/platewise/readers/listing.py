"""What a reader finds in a folder, before channels and planes are chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from platewise.errors import DataError

IMAGE_SUFFIXES = (".tif", ".tiff", ".png")


@dataclass(frozen=True)
class Found:
    """One image file as its reader understands it.

    Parameters
    ----------
    path
        The file, below the folder as the user wrote it. An index may name a file that does not exist.
    well
        ``A01``.
    site
        Number of the field in its well, as the microscope counts.
    channel
        The microscope's first name of the channel; one channel has one.
    aliases
        Every name by which the config may call the channel, ``channel`` among them.
    plane, timepoint
        As the files number them; None where they do not.
    problem
        What the microscope itself says is wrong with the image, in words; empty when nothing.
    """

    path: Path
    well: str
    site: int
    channel: str
    aliases: tuple[str, ...]
    plane: int | None = None
    timepoint: int | None = None
    problem: str = ""


@dataclass
class Folder:
    """All that a reader found: images, and what it passed over with the reason in words."""

    images: list[Found] = field(default_factory=list)
    ignored: list[tuple[Path, str]] = field(default_factory=list)


def kept_inside(folder: Path, relative: str, source: Path) -> Path:
    """Return ``folder / relative``, refusing names that lead out of ``folder``.

    The check is on the name alone: links that a user put into the folder are the user's choice.

    Raises
    ------
    DataError
        If ``relative`` is absolute, has a drive or scheme, or contains ``..``. ``source`` is named.
    """
    parts = PurePosixPath(relative.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:", parts[0]):
        raise DataError(
            f"{source}: found the image {relative!r}; expected a name below {folder}. Hint: an index may only name "
            "files of its own export; export the plate again, or remove the entry if you do not know where it is from."
        )
    return folder.joinpath(*parts)
