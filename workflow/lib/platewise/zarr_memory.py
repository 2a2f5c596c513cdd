"""Zarr groups put together in memory and written out in one pass, every file once.

Zarr writes metadata anew with every attribute and looks for each name before it makes it: on a shared file system a
small group costs five times the operations that its files need.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path, PurePosixPath

import zarr
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

Contents = MutableMapping[str, Buffer]


def new_group() -> tuple[zarr.Group, Contents]:
    """Return an empty Zarr v3 group and what it holds in memory: file names below the group, and their bytes."""
    contents: dict[str, Buffer] = {}
    return zarr.create_group(MemoryStore(contents), zarr_format=3), contents


def write_out(contents: Contents, folder: Path, under: str = "") -> None:
    """Write files below ``folder``, which is made, and forget them.

    Parameters
    ----------
    contents
        From ``new_group``.
    folder
        The group's folder.
    under
        Write the files whose names begin so only. Later metadata would be written a second time: leave it for the end.
    """
    names = sorted(name for name in contents if name.startswith(under))
    for parent in sorted({folder / parent for name in names for parent in PurePosixPath(name).parents}):
        parent.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(contents.pop(name).as_buffer_like())
