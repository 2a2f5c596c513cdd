"""What Snakemake knows of files: their times, which are half written, which input they were made from.

Snakemake keeps a record a file under ``.snakemake``, named by the file's path in Base64. They are only read here.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Snakemake looks at the content of inputs up to this size before it takes them for changed (--max-checksum-file-size).
_CHECKSUM_BYTES = 1_000_000


class Files:
    """Times and records of files, each looked up once.

    Parameters
    ----------
    folder
        Where Snakemake runs: paths of jobs count from here, and ``.snakemake`` lies here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incomplete = _marked(folder / ".snakemake" / "incomplete")
        self._times: dict[str, float | None] = {}
        self._sums: dict[str, str | None] = {}

    def time(self, path: str) -> float | None:
        """Return when a file or folder was made as Snakemake counts it (seconds since 1970), None if it is missing."""
        if path not in self._times:
            self._times[path] = _time(self.folder / path)
        return self._times[path]

    def oldest(self, paths: Iterable[str]) -> float | None:
        """Return the time of the oldest of the files that exist, None if none does."""
        return min((time for path in paths if (time := self.time(path)) is not None), default=None)

    def has_same_content(self, path: str, outputs: Iterable[str]) -> bool:
        """Tell whether an input is, byte for byte, the one that all of ``outputs`` were made from."""
        records = [_record(self.folder, output) for output in outputs]
        known = {record.get("input_checksums", {}).get(path) for record in records} - {None}
        return len(known) == 1 and known == {self._checksum(path)}

    def _checksum(self, path: str) -> str | None:
        if path not in self._sums:
            self._sums[path] = _checksum(self.folder / path)
        return self._sums[path]


def _time(path: Path) -> float | None:
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return found.st_mtime
    # A folder changes whenever something in it does; Snakemake leaves a file that tells when it was finished.
    try:
        return (path / ".snakemake_timestamp").stat().st_mtime
    except OSError:
        return found.st_mtime


def _checksum(path: Path) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > _CHECKSUM_BYTES:
            return None
        return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _marked(folder: Path) -> set[str]:
    """Return the files that a job began to write and has not yet finished."""
    found = set()
    for parent, _, names in os.walk(folder):
        # A long name is cut into folders that begin with "@".
        head = "".join(part[1:] for part in Path(parent).relative_to(folder).parts)
        for name in names:
            try:
                found.add(urlsafe_b64decode(head + name).decode())
            except ValueError:
                continue  # Snakemake's own note that it moves its records
    return found


def _record(folder: Path, path: str) -> dict[str, Any]:
    records = folder / ".snakemake" / "metadata"
    try:
        longest = os.pathconf(records, "PC_NAME_MAX") - 1
        name = urlsafe_b64encode(path.encode()).decode()
        parts = [name[start : start + longest] for start in range(0, len(name), longest)]
        return json.loads(records.joinpath(*("@" + part for part in parts[:-1]), parts[-1]).read_text())
    except (OSError, ValueError):
        return {}
