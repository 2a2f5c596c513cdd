"""Any export whose file names (or paths) tell well, site and channel through a regular expression."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from platewise.errors import DataError
from platewise.plan.wells import ROW_NAMES, normal_well, well_name
from platewise.readers.listing import IMAGE_SUFFIXES, Folder, Found


def find_pattern(folder: Path, pattern: str) -> Folder:
    """List the images below ``folder`` that ``pattern`` matches.

    Parameters
    ----------
    folder
        Searched with its subfolders; links to folders are not followed.
    pattern
        Regular expression as ``PatternReader.pattern`` describes it. Without a slash it must match the whole file
        name, with one the whole path below ``folder``.

    Raises
    ------
    DataError
        If nothing matches, or a match is not a well or not a number.
    """
    expression = re.compile(pattern)
    result = Folder()
    for path in _image_files(folder):
        relative = path.relative_to(folder).as_posix()
        match = expression.fullmatch(relative if "/" in pattern else path.name)
        if match is None:
            result.ignored.append((path, "the pattern does not match it"))
        else:
            result.images.append(_found(path, match))
    if not result.images:
        examples = ", ".join(str(path.relative_to(folder)) for path, _ in result.ignored[:3]) or "no image at all"
        raise DataError(
            f"{folder}: found {examples}; expected files that match {pattern!r}. Hint: correct the folder in the plate "
            "sheet or the reader's pattern in the config."
        )
    return result


def _image_files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(IMAGE_SUFFIXES):
                yield Path(place) / name


def _found(path: Path, match: re.Match[str]) -> Found:
    groups = {name: text for name, text in match.groupdict().items() if text is not None}
    channel = groups.get("channel", "")
    if not channel:
        raise _error(path, "channel", channel, "some text")
    return Found(
        path=path,
        well=_well(path, groups),
        site=_number(path, groups, "site", default=1),
        channel=channel,
        aliases=(channel,),
        plane=_number(path, groups, "plane" if "plane" in groups else "z"),
        timepoint=_number(path, groups, "time" if "time" in groups else "t"),
    )


def _well(path: Path, groups: dict[str, str]) -> str:
    if "well" in groups:
        try:
            return normal_well(groups["well"])
        except ValueError:
            raise _error(path, "well", groups["well"], "a row letter and a column number, such as A01") from None
    row, column = groups.get("row", ""), _number(path, groups, "column", default=0)
    if row.isdecimal() and 1 <= int(row) <= len(ROW_NAMES):
        number = int(row) - 1
    elif row.upper() in ROW_NAMES:
        number = ROW_NAMES.index(row.upper())
    else:
        raise _error(path, "row", row, "a row letter, or a row number from 1 to 32")
    if not 1 <= column <= 99:
        raise _error(path, "column", groups.get("column", ""), "a column number from 1 to 99")
    return well_name(number, column - 1)


def _number(path: Path, groups: dict[str, str], name: str, default: int | None = None) -> int | None:
    if name not in groups:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", groups[name]):
        raise _error(path, name, groups[name], "a whole number")
    return int(groups[name])


def _error(path: Path, group: str, found: str, expected: str) -> DataError:
    return DataError(
        f"{path}: the pattern's group {group!r} found {found!r}; expected {expected}. Hint: let the group match only "
        "that part of the name, for example (?P<site>[0-9]+) after a literal s."
    )
