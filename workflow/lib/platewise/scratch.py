"""Reading the fields of a block ahead of the work, through the node's own disk where the user asked for that.

The next field is always read while this one is worked on. With scratch, many more are copied to the node's disk ahead
of their use, so that the work goes on when the shared file system stalls. Each image is copied at most once, checked as
if it had been read in its place, and removed when it was used. Whatever is recorded names the original.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import NoReturn, TypeVar

import pandas as pd

from platewise.ahead import run_ahead
from platewise.errors import DataError, Problem, ProblemsError
from platewise.fields import ReadFile
from platewise.files import clean_leftovers, temporary_path
from platewise.inventory import OK
from platewise.readers.images import ImageError, read_unchanged

log = logging.getLogger(__name__)

# What a job holds on scratch at most: two minutes of work on large fields.
LOOK_AHEAD_BYTES = 2**30
# Beside the copies ahead: the field being read and the one before it.
_IN_USE = 2
_FULL = (errno.ENOSPC, errno.EDQUOT)

Named = TypeVar("Named")
Result = TypeVar("Result")


class Scratch:
    """A job's own folder on its node.

    Parameters
    ----------
    folder
        Exists; nobody else writes there.
    limit
        Bytes that are held there at most.
    """

    def __init__(self, folder: Path, limit: int = LOOK_AHEAD_BYTES) -> None:
        self.folder, self._limit = folder, limit
        self._numbers = count()
        self._usable = True

    def find_depth(self, fields: Sequence[pd.DataFrame]) -> int:
        """Return how many of these fields (their inventory rows) may be copied ahead; 0 if there is no room for one.

        No more than half of what is free now: other jobs on the node need theirs.
        """
        largest = max((int(rows["Size"].sum()) for rows in fields), default=0)
        free = shutil.disk_usage(self.folder).free
        depth = min(self._limit, free // 2) // max(largest, 1) - _IN_USE
        if depth < 1:
            log.warning(
                "%s: %d MB are free, a field has %d MB: images are read in their place",
                _place(self.folder),
                free // 10**6,
                largest // 10**6,
            )
            return 0
        log.info("%s: images are copied there ahead of their use, at most %d fields", _place(self.folder), depth)
        return depth

    def copy(self, rows: pd.DataFrame) -> Copies:
        """Copy the images of a field, given its inventory rows.

        What cannot be read or has changed is left out: whoever wants it meets the same in its place. If the folder
        cannot be written, it is given up, and this and all further images are read in their place.
        """
        copies: dict[str, Path] = {}
        for row in rows[rows["Status"] == OK].to_dict("records"):
            if not self._usable:
                break
            try:
                content = read_unchanged(row["Path"], int(row["Size"]), int(row["MtimeNs"]))
            except (ImageError, DataError, FileNotFoundError):
                continue
            local = self.folder / str(next(self._numbers))
            try:
                local.write_bytes(content)
            except OSError as error:
                local.unlink(missing_ok=True)
                self._give_up(error)
                break
            copies[row["Path"]] = local
        return Copies(copies)

    def close(self) -> None:
        """Copy nothing any more and remove the folder."""
        self._usable = False
        shutil.rmtree(self.folder, ignore_errors=True)

    def _give_up(self, error: OSError) -> None:
        if self._usable:
            log.warning(
                "%s: cannot be written (%s): images are read in their place from here on. Results are the same. "
                "Hint: make room there, or ask the scheduler for more local disk",
                _place(self.folder),
                error.strerror,
            )
        self._usable = False


class Copies:
    """The copies of a field's images."""

    def __init__(self, copies: dict[str, Path]) -> None:
        self._copies = copies

    def read(self, path: str, size: int, mtime_ns: int) -> bytes:
        """Return an image file's content from its copy; where that is missing or not whole, from its place.

        Parameters and errors as those of ``readers.images.read_unchanged``.
        """
        local = self._copies.get(path)
        if local is not None:
            try:
                content = local.read_bytes()
            except OSError as error:
                log.warning("%s: the copy of %s cannot be read (%s)", _place(local), path, error.strerror)
            else:
                if len(content) == size:
                    return content
                log.warning("%s: the copy of %s has %d of %d bytes", _place(local), path, len(content), size)
        return read_unchanged(path, size, mtime_ns)

    def remove(self) -> None:
        """Remove the copies."""
        for local in self._copies.values():
            local.unlink(missing_ok=True)


def read_fields(
    fields: Sequence[tuple[Named, pd.DataFrame]],
    read: Callable[[Named, pd.DataFrame, ReadFile], Result],
    scratch: Scratch | None = None,
) -> Iterator[tuple[Named, Future[Result]]]:
    """Read fields one after the other, the next one while the caller works.

    Parameters
    ----------
    fields
        What the caller calls a field, and its inventory rows.
    read
        Reads one of them, with the given way to read a file.
    scratch
        Where images are copied ahead; None reads them in their place.

    Yields
    ------
    field, future
        In order. ``future.result()`` returns what ``read`` returned, or raises what it raised.
    """

    def read_in_place(field: tuple[Named, pd.DataFrame]) -> Result:
        return read(*field, read_unchanged)

    def copy(field: tuple[Named, pd.DataFrame]) -> Copies:
        return scratch.copy(field[1])

    def read_copy(copied: tuple[tuple[Named, pd.DataFrame], Future[Copies]]) -> Result:
        field, copies = copied[0], copied[1].result()
        try:
            return read(*field, copies.read)
        finally:
            copies.remove()

    depth = 0 if scratch is None else scratch.find_depth([rows for _, rows in fields])
    if depth == 0:
        for (field, _), future in run_ahead(read_in_place, fields):
            yield field, future
        return
    with closing(run_ahead(copy, fields, depth)) as copied:
        for ((field, _), _), future in run_ahead(read_copy, copied):
            yield field, future


@contextmanager
def job_scratch(setting: str | None) -> Iterator[Scratch | None]:
    """Make a folder of this job's own on its node, and remove it in the end, also when the job is asked to end.

    Parameters
    ----------
    setting
        The job's resource ``scratch``: an absolute path on the node, in which environment variables are expanded here
        and now. Empty or None: no scratch.

    Yields
    ------
    scratch
        None without ``setting``, or when the disk is full (the log says so).

    Raises
    ------
    ProblemsError
        If a variable is not set, or the folder is missing or cannot be written.
    """
    folder = _make_folder(str(setting)) if setting else None
    if folder is None:
        yield None
        return
    scratch = Scratch(folder)
    # SLURM sends it before it kills: at a time limit, on scancel.
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield scratch
    finally:
        signal.signal(signal.SIGTERM, before)
        scratch.close()


def _make_folder(setting: str) -> Path | None:
    # In the job, on the node: the login node's $TMPDIR is another.
    expanded = os.path.expandvars(Path(setting).expanduser())
    unset = re.search(r"\$\{?(\w+)", expanded)
    if unset:
        raise _refuse(setting, f"a folder on {_node()}, where the variable {unset[1]} is not set")
    parent = Path(expanded)
    if not parent.is_absolute():
        raise _refuse(setting, "an absolute path")
    if not parent.is_dir():
        raise _refuse(setting, f"a folder on {_node()}, where {parent} is none")
    folder = temporary_path(parent / "platewise")
    try:
        # A killed job of ours leaves its folder; its name says whose it was.
        clean_leftovers(parent, "platewise")
        folder.mkdir(mode=0o700)
    except OSError as error:
        if error.errno in _FULL:
            log.warning("%s: the disk is full: images are read in their place", _place(parent))
            return None
        words = f"a folder on {_node()} that can be written, which {parent} cannot ({error.strerror})"
        raise _refuse(setting, words) from error
    return folder


def _refuse(setting: str, expected: str) -> ProblemsError:
    remedy = (
        "name the disk that every node has for jobs, often '$TMPDIR', or take the key out: images are read in place"
    )
    problem = Problem("profile, default-resources, scratch", setting, expected, remedy)
    return ProblemsError([problem], "node-local scratch cannot be used")


def _leave(number: int, _: object) -> NoReturn:
    log.warning("ended by %s", signal.Signals(number).name)
    raise SystemExit(128 + number)


def _node() -> str:
    return f"node {socket.gethostname()}"


def _place(path: Path) -> str:
    return f"scratch {path} on {_node()}"
