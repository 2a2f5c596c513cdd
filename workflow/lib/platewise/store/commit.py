"""Field commits: a field is in the store whole, checked and current, or it is not there.

A field is computed, written under a temporary name in the same store, flushed to disk and renamed into place. What it
was made from is in its attributes as a digest, so that a job that starts again keeps what is valid and makes only the
rest. Two jobs can meet on a field (a campaign resumed while jobs of the last run still live): the first valid commit
wins.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from platewise.errors import DataError
from platewise.store.fields import hash_label, read_label_at, write_field
from platewise.store.paths import LABELS, field_path

_OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
# Temporary folders of another host are left alone for this long: its job may still live.
_FOREIGN_AGE_S = 24 * 3600


@dataclass(frozen=True)
class Commit:
    """What a committed field says of itself: its digest, the label hashes by name, and the job's own facts."""

    digest: str
    hashes: dict[str, str]
    facts: dict[str, Any]


def digest_of(facts: dict[str, Any]) -> str:
    """Return the digest of JSON-able facts: everything that a field's labels depend on, and nothing else."""
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()


def read_commit(store: Path, well: str, site: int, digest: str) -> Commit | None:
    """Return the field's commit if it was made from ``digest`` and its labels decode to their hashes, else None."""
    commit = find_commit(store, well, site)
    if commit is None or commit.digest != digest:
        return None
    folder = field_path(store, well, site)
    try:
        whole = all(hash_label(read_label_at(folder, name)) == commit.hashes[name] for name in LABELS)
    except (DataError, KeyError):
        return None
    return commit if whole else None


def find_commit(store: Path, well: str, site: int) -> Commit | None:
    """Return what is committed for a field, whatever it was made from, without reading its labels."""
    try:
        attributes = json.loads((field_path(store, well, site) / "zarr.json").read_text())["attributes"]["platewise"]
        return Commit(attributes["digest"], attributes["hashes"], attributes["facts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def commit_field(
    store: Path,
    well: str,
    site: int,
    labels: dict[str, npt.NDArray[np.integer]],
    digest: str,
    facts: dict[str, Any],
    image: npt.NDArray[np.uint16] | None = None,
    channels: list[str] | None = None,
    pixel_size: float | None = None,
    levels: int = 1,
) -> Commit:
    """Write a field and rename it into place.

    Returns
    -------
    commit
        What is in the store afterwards: ours, or that of a writer who was faster from the same digest.
    """
    target = field_path(store, well, site)
    hashes = {name: hash_label(label) for name, label in labels.items()}
    commit = Commit(digest, hashes, facts)
    temporary = target.with_name(_temporary_name(target.name))
    try:
        attributes = {"digest": digest, "hashes": hashes, "facts": facts}
        write_field(temporary, f"{well} {site}", labels, image, channels or [], pixel_size, levels, attributes)
        _flush(temporary)
        for _ in range(10):
            try:
                temporary.rename(target)
                _flush_folder(target.parent)
                return commit
            except OSError as error:
                if error.errno not in _OCCUPIED:
                    raise
                # Somebody has been here: a rename onto a folder that holds something fails.
                other = read_commit(store, well, site, digest)
                if other is not None:
                    return other
                _move_away(target)
        raise DataError(f"{target}: could not be replaced in 10 tries. Hint: end other runs of this campaign first.")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_field(store: Path, well: str, site: int) -> None:
    """Take a field out of the store, if it is there."""
    _move_away(field_path(store, well, site))


def clean_leftovers(store: Path, well: str) -> None:
    """Remove temporary folders of a well whose writer is gone."""
    for leftover in field_path(store, well, 0).parent.glob(".*.tmp"):
        host, pid, *_ = [*leftover.name.split("@")[1:], "", ""]
        gone = not psutil.pid_exists(int(pid)) if host == _host() and pid.isdigit() else _age(leftover) > _FOREIGN_AGE_S
        if gone:
            shutil.rmtree(leftover, ignore_errors=True)


def _temporary_name(name: str) -> str:
    # Host and process tell a later job whether the writer still lives.
    return f".{name}@{_host()}@{os.getpid()}@{uuid.uuid4().hex}.tmp"


def _host() -> str:
    return socket.gethostname().replace("@", "_").replace("/", "_")


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _move_away(target: Path) -> None:
    """Take a folder out of the way in one step, so that nobody sees half of it."""
    away = target.with_name(_temporary_name(target.name))
    try:
        target.rename(away)
    except FileNotFoundError:
        return
    shutil.rmtree(away, ignore_errors=True)


def _flush(folder: Path) -> None:
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            _flush_file(Path(parent) / name)
        _flush_folder(Path(parent))


def _flush_file(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
