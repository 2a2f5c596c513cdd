"""Opera Phenix and Operetta exports of the Harmony software.

The index (``Index.idx.xml``, or ``Index.xml`` from Harmony 6 on) is followed where there is one; else the file names
``rRRcCCfFFpPP-chNskTfkXflY.tiff`` are: row, column, field, plane, channel, time point, fast repeat, lifetime.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from platewise.errors import DataError
from platewise.plan.wells import ROW_NAMES, well_name
from platewise.readers.listing import IMAGE_SUFFIXES, Folder, Found, kept_inside

INDEX_NAMES = ("Index.idx.xml", "Index.xml")
_FILE = re.compile(
    r"^r(?P<row>\d+)c(?P<column>\d+)f(?P<field>\d+)p(?P<plane>\d+)-ch(?P<channel>\d+)"
    r"sk(?P<time>\d+)fk(?P<fast>\d+)fl(?P<flim>\d+)\.tiff?$",
    re.IGNORECASE,
)
_SUBFOLDERS = ("", "Images", "images")


def find_phenix(folder: Path) -> Folder:
    """List the images of a Harmony export.

    Parameters
    ----------
    folder
        The export, or its ``Images`` subfolder.

    Returns
    -------
    Folder
        Channels are called ``ch5``, ``5`` and, where an index tells it, by name (``Alexa 488``). Time points count
        from 1, as ``sk`` in the file names does (the index counts from 0).

    Raises
    ------
    DataError
        If there is neither an index nor a file named as above, the index cannot be parsed, or names a file outside
        the folder.
    """
    roots = [folder / name if name else folder for name in _SUBFOLDERS]
    for root in roots:
        for name in INDEX_NAMES:
            if (root / name).is_file():
                return _from_index(root, root / name)
    for root in roots:
        found = _from_names(root) if root.is_dir() else Folder()
        if found.images:
            return found
    raise DataError(
        f"{folder}: found no image of an Opera Phenix or Operetta; expected {' or '.join(INDEX_NAMES)}, or files such "
        "as r01c01f01p01-ch1sk1fk1fl1.tiff, here or in Images/. Hint: correct the folder or the reader in the plate "
        "sheet."
    )


def _from_names(root: Path) -> Folder:
    result = Folder()
    for path in sorted(root.iterdir()):
        match = _FILE.match(path.name)
        reason = "its name is not rRRcCCfFFpPP-chNskTfkXflY.tiff" if match is None else _passed_over(match)
        if match is not None and not reason:
            result.images.append(
                Found(
                    path=path,
                    well=well_name(int(match["row"]) - 1, int(match["column"]) - 1),
                    site=int(match["field"]),
                    channel=f"ch{int(match['channel'])}",
                    aliases=(f"ch{int(match['channel'])}", str(int(match["channel"]))),
                    plane=int(match["plane"]),
                    timepoint=int(match["time"]),
                )
            )
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            result.ignored.append((path, reason))
    return result


def _passed_over(match: re.Match[str]) -> str:
    if not _on_a_plate(int(match["row"]), int(match["column"])):
        return f"row {match['row']}, column {match['column']} is on no plate"
    if int(match["fast"]) != 1 or int(match["flim"]) != 1:
        return "a fast repeat or a lifetime image"
    return ""


def _on_a_plate(row: int, column: int) -> bool:
    return 1 <= row <= len(ROW_NAMES) and 1 <= column <= 99


def _from_index(root: Path, index: Path) -> Folder:
    result = Folder()
    entries, names = _parse_index(index)
    for entry in entries:
        found = _found(root, index, entry, names)
        if isinstance(found, Found):
            result.images.append(found)
        else:
            result.ignored.append((index, found))
    listed = {found.path for found in result.images}
    for path in sorted(root.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES and path not in listed:
            result.ignored.append((path, f"{index.name} does not list it"))
    return result


def _parse_index(index: Path) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Return the entry of each image (tag: text) and channel names by channel number."""
    entries, names = [], {}
    try:
        for tag, element in _elements(index):
            if tag == "Image" and element.find("{*}URL") is not None:
                entries.append({_bare(child.tag): (child.text or "").strip() for child in element})
            elif tag == "Entry" and element.get("ChannelID"):
                # Harmony 6 names a channel here and no longer with each image.
                name = element.findtext("{*}ChannelName")
                if name:
                    names[element.get("ChannelID")] = name.strip()
    except (ElementTree.ParseError, DefusedXmlException) as error:
        raise DataError(
            f"{index}: cannot be read as an index of images ({error}). Hint: the export is cut short or was edited; "
            "copy it again from the microscope, or remove the index to go by the file names."
        ) from error
    return entries, names


def _elements(index: Path) -> Iterator[tuple[str, Any]]:
    # Element by element: the index of a 384-well plate is tens of megabytes and most of it is of no use here.
    for _, element in ElementTree.iterparse(index, events=("end",), forbid_dtd=True):
        tag = _bare(element.tag)
        yield tag, element
        if tag in ("Image", "Entry"):
            element.clear()


def _bare(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _found(root: Path, index: Path, entry: dict[str, str], names: dict[str, str]) -> Found | str:
    """Return the image of one entry, or the reason why it is passed over."""
    label = entry.get("id") or entry.get("URL") or "an image without id"
    url = entry.get("URL", "")
    if not url:
        return f"{label}: the index names no file for it"
    path = kept_inside(root, url, index)
    row, column = _integer(index, entry, "Row"), _integer(index, entry, "Col")
    if not _on_a_plate(row, column):
        return f"{label}: row {row}, column {column} is on no plate"
    if entry.get("FlimID", "1") not in ("", "1"):
        return f"{label}: a lifetime image"
    channel = str(_integer(index, entry, "ChannelID"))
    name = entry.get("ChannelName") or names.get(channel, "")
    state = entry.get("State", "Ok")
    return Found(
        path=path,
        well=well_name(row - 1, column - 1),
        site=_integer(index, entry, "FieldID"),
        channel=f"ch{channel}",
        aliases=(f"ch{channel}", channel, *([name] if name else [])),
        plane=_integer(index, entry, "PlaneID", default=1),
        timepoint=_integer(index, entry, "TimepointID", default=0) + 1,
        problem="" if state.lower() in ("", "ok") else f"the microscope marked it {state!r}",
    )


def _integer(index: Path, entry: dict[str, str], key: str, default: int | None = None) -> int:
    text = entry.get(key, "")
    if not text and default is not None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise DataError(
            f"{index}: image {entry.get('id') or entry.get('URL')}: found {key} {text!r}; expected a whole number. "
            "Hint: copy the index again from the microscope, or remove it to go by the file names."
        )
    return int(text)
