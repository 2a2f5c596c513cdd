"""Field commits: a field is in the store whole, checked and current, or it is not there.

A field is computed, written under a temporary name in the same store, flushed to disk and renamed into place. What it
was made from is in its attributes as a digest, so that a job that starts again keeps what is valid and makes only the
rest. Two jobs can meet on a field (a campaign resumed while jobs of the last run still live): the first valid commit
wins.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from platewise.errors import DataError
from platewise.files import clean_leftovers, flush_folder, move_away, put_in_place, temporary_path
from platewise.store.fields import hash_label, read_label_at, write_field
from platewise.store.paths import LABELS, field_path, well_path


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
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(target)
    try:
        attributes = {"digest": digest, "hashes": hashes, "facts": facts}
        write_field(temporary, f"{well} {site}", labels, image, channels or [], pixel_size, levels, attributes)
        flush_folder(temporary)
        other = put_in_place(temporary, target, lambda: read_commit(store, well, site, digest))
        return commit if other is None else other
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_field(store: Path, well: str, site: int) -> None:
    """Take a field out of the store, if it is there."""
    move_away(field_path(store, well, site))


def clean_well(store: Path, well: str) -> None:
    """Remove what writers that are gone left among the fields of a well."""
    clean_leftovers(well_path(store, well))
