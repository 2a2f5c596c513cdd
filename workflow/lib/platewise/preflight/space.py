"""Whether there is room for the results: the file system's, and the user's quota where there is one."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platewise.preflight.findings import Finding, error, warning

_TIMEOUT_S = 20
_KIB = 1024


@dataclass(frozen=True)
class Room:
    """Free bytes and files (inodes) under one limit; None where there is no such limit. ``limit`` names it."""

    limit: str
    bytes: float | None
    files: float | None


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def file_system_room(folder: Path) -> Room:
    """Return what the file system of ``folder`` has left for this user."""
    status = os.statvfs(existing(folder))
    # Some file systems make inodes as they need them, and say 0 of 0.
    files = float(status.f_favail) if status.f_files else None
    return Room(f"the file system of {existing(folder)}", float(status.f_bavail * status.f_frsize), files)


def quota_room(folder: Path) -> Room | None:
    """Return what the user's quota on the file system of ``folder`` leaves; None without a quota that can be asked."""
    device, kind = mount_of(existing(folder))
    if kind == "lustre" and shutil.which("lfs"):
        text = _ask("lfs", "quota", "-q", "-u", getpass.getuser(), str(existing(folder)))
        return parse_quota(text, None)
    if shutil.which("quota"):
        # Numbers in columns that are always there, no line broken.
        return parse_quota(_ask("quota", "--no-wrap", "--raw-grace"), device)
    return None


def mount_of(folder: Path, mounts: Path = Path("/proc/mounts")) -> tuple[str, str]:
    """Return device and type of the file system that ``folder`` lies on; empty where the system does not tell."""
    best = ("", "", "")
    try:
        lines = mounts.read_text(encoding="utf-8").splitlines()
    except OSError:
        return "", ""
    place = folder.resolve()
    for line in lines:
        device, point, kind, *_ = line.split()
        point = point.replace("\\040", " ")
        if place.is_relative_to(point) and len(point) >= len(best[1]):
            best = (device, point, kind)
    return best[0], best[2]


def parse_quota(text: str, device: str | None) -> Room | None:
    """Read a line of `quota` or `lfs quota`: file system, then used, soft limit, limit and grace of KiB and of files.

    Parameters
    ----------
    text
        What the command printed. A long name of the file system may stand on a line of its own.
    device
        Only the line of this file system counts; None for whichever comes first.

    Returns
    -------
    Room or None
        None if there is no such line, or no limit on it.
    """
    for name, numbers in _quota_lines(text):
        if device not in (None, name):
            continue
        left = []
        for used, soft, hard in (numbers[:3], numbers[3:]):
            limit = min((value for value in (soft, hard) if value > 0), default=None)
            left.append(None if limit is None else max(0.0, limit - used))
        if left != [None, None]:
            return Room(f"the quota on {name}", None if left[0] is None else left[0] * _KIB, left[1])
    return None


def _quota_lines(text: str) -> Iterator[tuple[str, list[float]]]:
    tokens: list[str] = []
    for line in text.splitlines():
        # A line that begins a file system's entry, or continues one whose name filled its line.
        tokens = [*tokens, *line.split()] if len(tokens) == 1 else line.split()
        if len(tokens) != 9:
            continue
        # Grace periods are in the fifth and ninth column; a star marks a limit that is exceeded.
        numbers = [token.rstrip("*").strip("[]") for token in (*tokens[1:4], *tokens[5:8])]
        try:
            yield tokens[0], [float(number) for number in numbers]
        except ValueError:
            continue


def check_room(rooms: list[Room], place: str, disk: float, files: float, factor: float) -> Iterator[Finding]:
    """Hold what a campaign needs against what is left.

    Parameters
    ----------
    rooms
        Limits, each of which holds.
    place
        The results folder, for messages.
    disk, files
        Forecast bytes, and files and folders.
    factor
        How far off the forecast may be: what fails at the forecast is an error, at its upper end a warning.
    """
    from platewise.preflight.printing import size

    for room in rooms:
        for what, need, left in (("", disk, room.bytes), (" files and folders", files, room.files)):
            if left is None or need * factor <= left:
                continue
            show = size if not what else lambda number: f"{number:,.0f}"
            found = f"{show(left)}{what} left by {room.limit}"
            expected = f"about {show(need)} (up to {show(need * factor)}){what}"
            remedy = "make room, ask for a larger quota, or set `results:` to a larger file system"
            yield (error if need > left else warning)(place, found, expected, remedy)


def _ask(*command: str) -> str:
    # Above its limit a user's quota command fails and prints all the same.
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
