"""Files and folders that are there whole or not at all.

Each is written under a temporary name beside its place, flushed to disk and renamed. The temporary name tells host and
process of the writer, so that what a killed one left behind is known for what it is and removed.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

from platewise.errors import DataError

_OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
# What writers on another host left is kept for this long: they may still live.
_FOREIGN_AGE_S = 24 * 3600
_TRIES = 10

Kept = TypeVar("Kept")


@contextmanager
def whole_file(path: str | Path, flush: bool = True) -> Iterator[Path]:
    """Yield a temporary name to write a file under; a clean end renames it to ``path``, an error removes it.

    Parameters
    ----------
    path
        Target; its folder is made. A reader never sees half a file, and an older file stays until the rename.
    flush
        Bring the content to the disk before the rename. Without, a crash of the machine can leave an empty file:
        only for what is made again without being asked.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        if flush:
            _flush_file(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder; a clean end flushes and renames it to ``path``, an error removes it.

    Parameters
    ----------
    path
        Target; the folder it lies in is made. An older folder of that name stays until the rename and then steps
        aside. What killed writers of ``path`` left is removed first.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    clean_leftovers(path.parent, path.name)
    temporary = temporary_path(path)
    try:
        temporary.mkdir()
        yield temporary
        flush_folder(temporary)
        put_in_place(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_in_place(temporary: Path, target: Path, find_valid: Callable[[], Kept | None] = lambda: None) -> Kept | None:
    """Rename a folder to ``target``; what is there steps aside, unless it is valid.

    Parameters
    ----------
    temporary
        A flushed folder beside ``target``.
    target
        Its place.
    find_valid
        Returns what lies at ``target`` if it may stay (another writer was faster), else None.

    Returns
    -------
    kept
        What ``find_valid`` returned, then ``temporary`` is still there; None when it was renamed.

    Raises
    ------
    DataError
        If others put something there again and again.
    """
    for _ in range(_TRIES):
        try:
            temporary.rename(target)
            _flush_entries(target.parent)
            return None
        except OSError as error:
            if error.errno not in _OCCUPIED:
                raise
        # Somebody has been here: a rename onto a folder that holds something fails.
        kept = find_valid()
        if kept is not None:
            return kept
        move_away(target)
    raise DataError(f"{target}: could not be replaced in {_TRIES} tries. Hint: end other runs of this campaign first.")


def move_away(target: Path) -> None:
    """Remove a folder, if it is there, in one step first, so that nobody sees half of it."""
    away = temporary_path(target)
    try:
        target.rename(away)
    except FileNotFoundError:
        return
    shutil.rmtree(away, ignore_errors=True)


def temporary_path(path: Path) -> Path:
    """Return a new name beside ``path`` that tells a later job whether the writer still lives."""
    return path.with_name(f".{path.name}@{_host()}@{os.getpid()}@{uuid.uuid4().hex}.tmp")


def clean_leftovers(folder: Path, name: str = "") -> None:
    """Remove what writers that are gone left in ``folder``: for the target ``name`` only, or for any.

    What cannot be listed or removed is left alone: it hides nothing and is in nobody's way.
    """
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    for leftover in entries:
        if not (leftover.name.startswith(".") and leftover.suffix == ".tmp"):
            continue
        target, host, pid, *_ = [*leftover.name.rsplit("@", 3), "", "", ""]
        if name and target != f".{name}":
            continue
        gone = not psutil.pid_exists(int(pid)) if host == _host() and pid.isdigit() else _age(leftover) > _FOREIGN_AGE_S
        if gone and leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        elif gone:
            with suppress(OSError):
                leftover.unlink()


def flush_folder(folder: Path) -> None:
    """Bring every file below ``folder`` to the disk, so that a rename cannot come before the content."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            _flush_file(Path(parent) / name)
        _flush_entries(Path(parent))


def _host() -> str:
    return socket.gethostname().replace("@", "_").replace("/", "_")


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _flush_file(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _flush_entries(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
