"""A store that shares its files with another by hard links: writing to one never changes the other."""

import os
from pathlib import Path

import numpy as np
import pytest

from platewise.store.commit import commit_field, find_commit, read_commit, remove_field
from platewise.store.plate import prepare_store


def _labels(value):
    return {name: np.full((12, 16), value, np.int32) for name in ("nuclei", "cells")}


def _state(folder):
    """Content and time of every file."""
    return {p.relative_to(folder): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def _link(source: Path, target: Path):
    """Do what ``cp -al`` does."""
    for folder, _, names in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True)
        for name in names:
            os.link(Path(folder) / name, place / name)


@pytest.fixture
def stores(tmp_path):
    """The old store, and one beside it made of links to it."""
    old = tmp_path / "old" / "plate.zarr"
    prepare_store(old, "P1", {"A01": [1, 2]})
    for site in (1, 2):
        commit_field(old, "A01", site, _labels(site), "as before", {})
    _link(old, tmp_path / "new" / "plate.zarr")
    return old, tmp_path / "new" / "plate.zarr"


def test_what_was_committed_counts_in_the_linked_store(stores):
    old, new = stores
    assert read_commit(new, "A01", 1, "as before") == read_commit(old, "A01", 1, "as before")
    assert read_commit(new, "A01", 1, "otherwise") is None


def test_no_write_to_the_linked_store_reaches_the_old_one(stores):
    old, new = stores
    before = _state(old)
    prepare_store(new, "P1 again", {"A01": [1, 2, 3], "B02": [1]})
    commit_field(new, "A01", 1, _labels(7), "otherwise", {})
    commit_field(new, "A01", 3, _labels(8), "otherwise", {})
    remove_field(new, "A01", 2)
    assert _state(old) == before
    assert find_commit(new, "A01", 1).digest == "otherwise"
    assert find_commit(new, "A01", 2) is None
    assert read_commit(old, "A01", 2, "as before") is not None
