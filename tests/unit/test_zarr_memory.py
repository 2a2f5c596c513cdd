"""What is put together in memory is, byte for byte, what Zarr writes; and each file is written once."""

import sys

import numpy as np
import pytest
import zarr

from platewise.illumination import read_illumination, run_illumination
from platewise.store.commit import commit_field
from platewise.zarr_memory import new_group, write_out

PIXELS = np.arange(5 * 40 * 30, dtype=np.uint16).reshape(5, 40, 30)


def fill(group):
    group.attrs.update({"made": "for a test"})
    group.create_array("images", data=PIXELS, chunks=(1, 40, 30), dimension_names=("c", "y", "x"))
    group.create_group("labels", attributes={"a": 1}).create_array("cells", data=PIXELS[0], shards=(40, 30))
    group.attrs.update({"more": 2})


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_those_that_zarr_writes(tmp_path):
    group, contents = new_group()
    fill(group)
    write_out(contents, tmp_path / "memory")
    fill(zarr.create_group(tmp_path / "disk", zarr_format=3))
    assert content(tmp_path / "memory") == content(tmp_path / "disk")
    assert not contents


def test_a_part_can_be_written_first_and_is_then_forgotten(tmp_path):
    group, contents = new_group()
    fill(group)
    write_out(contents, tmp_path / "a", under="images/c/")
    assert sorted(content(tmp_path / "a")) == [f"images/c/{channel}/0/0" for channel in range(5)]
    assert not [name for name in contents if name.startswith("images/c/")]
    write_out(contents, tmp_path / "a")
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "a", mode="r")["images"][:], PIXELS)


_watched = []


def _hook(event, arguments):
    if _watched and event in ("open", "os.mkdir", "os.rename", "os.link", "os.remove"):
        path = arguments[0]
        if isinstance(path, str | bytes) or hasattr(path, "__fspath__"):
            text = str(path)
            writes = event == "open" and isinstance(arguments[1], str) and arguments[1] in ("w", "wb", "x", "xb", "r+b")
            if text.startswith(_watched[0]) and (event != "open" or writes):
                _watched.append((event, text))


# Once: a hook cannot be taken off again.
sys.addaudithook(_hook)


@pytest.fixture
def operations(tmp_path):
    """What is written below the test's folder, event by event."""
    _watched[:] = [str(tmp_path)]

    def count():
        seen = [event for event, _ in _watched[1:]]
        return {event: seen.count(event) for event in sorted(set(seen))}

    yield count
    _watched.clear()


@pytest.mark.parametrize(("stored", "files", "folders"), [(False, 8, 11), (True, 22, 35)])
def test_a_field_costs_one_opening_a_file_and_one_rename(tmp_path, operations, stored, files, folders):
    label = np.zeros((64, 48), np.int32)
    label[5:20, 5:20] = 1
    (tmp_path / "plate.zarr" / "B" / "03").mkdir(parents=True)
    _watched[1:] = []
    image = np.stack([label] * 5).astype(np.uint16) if stored else None
    channels = list("abcde") if stored else None
    commit_field(tmp_path / "plate.zarr", "B03", 1, {"nuclei": label, "cells": label}, "d", {}, image, channels, 1.0, 3)
    seen = operations()
    _watched.clear()
    assert len(content(tmp_path / "plate.zarr")) == files
    assert seen == {"open": files, "os.mkdir": folders, "os.rename": 1}


def test_an_illumination_costs_one_opening_a_file(tmp_path, operations):
    from platewise.config.illumination import NoIllumination

    run_illumination([], tmp_path / "flat.zarr", channels=["DNA"], config=NoIllumination())
    seen = operations()
    _watched.clear()
    assert (seen["open"], seen["os.rename"]) == (1, 1)
    assert read_illumination(tmp_path / "flat.zarr") is None
