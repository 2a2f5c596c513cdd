"""A field is in the store whole, checked and current, or it is not there."""

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from platewise.errors import DataError
from platewise.store import commit as module
from platewise.store.commit import clean_well, commit_field, digest_of, find_commit, read_commit, remove_field
from platewise.store.fields import hash_label, read_label, read_labels
from platewise.store.paths import field_path
from platewise.store.plate import prepare_store


@pytest.fixture
def store(tmp_path):
    prepare_store(tmp_path / "plate.zarr", "P1", {"B03": [1, 2]})
    return tmp_path / "plate.zarr"


def labels(corner=4):
    cells = np.zeros((40, 30), dtype=np.int32)
    cells[corner : corner + 12, 5:20] = 1
    nuclei = np.zeros_like(cells)
    nuclei[corner + 3 : corner + 8, 8:14] = 1
    return {"nuclei": nuclei, "cells": cells}


def commit(store, digest="d", **options):
    return commit_field(store, "B03", 1, labels(**options), digest, {"cells_count": 1})


def chunk(store, name="cells"):
    return field_path(store, "B03", 1) / "labels" / name / "0" / "c" / "0" / "0"


def test_what_was_committed_is_read_back(store):
    written = commit(store)
    assert read_commit(store, "B03", 1, "d") == written
    assert written.facts == {"cells_count": 1}
    found = read_labels(store, "B03", 1)
    for name, label in labels().items():
        np.testing.assert_array_equal(found[name], label)
        assert written.hashes[name] == hash_label(label)


def test_a_field_without_objects_is_committed_too(store):
    empty = {name: np.zeros((8, 8), dtype=np.int32) for name in ("nuclei", "cells")}
    commit_field(store, "B03", 1, empty, "d", {})
    assert read_commit(store, "B03", 1, "d") is not None
    assert not read_label(store, "B03", 1, "cells").any()


def test_nothing_temporary_is_left(store):
    commit(store)
    assert [path.name for path in (store / "B" / "03").iterdir() if path.name != "zarr.json"] == ["1"]


def test_another_digest_is_not_this_commit(store):
    commit(store)
    assert read_commit(store, "B03", 1, "other") is None
    assert find_commit(store, "B03", 1).digest == "d"


@pytest.mark.parametrize("name", ["nuclei", "cells"])
def test_a_damaged_byte_is_noticed(store, name):
    commit(store)
    path = chunk(store, name)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)
    assert read_commit(store, "B03", 1, "d") is None
    with pytest.raises(DataError, match="platewise verify"):
        read_label(store, "B03", 1, name)


def test_a_chunk_cut_short_is_noticed(store):
    commit(store)
    chunk(store).write_bytes(chunk(store).read_bytes()[:20])
    assert read_commit(store, "B03", 1, "d") is None


def test_a_lost_chunk_is_an_error_and_not_an_empty_image(store):
    commit(store)
    chunk(store).unlink()
    assert read_commit(store, "B03", 1, "d") is None
    with pytest.raises(DataError, match="cannot be read"):
        read_label(store, "B03", 1, "cells")


def test_a_label_that_is_whole_but_not_ours_is_noticed(store):
    commit(store)
    commit_field(store, "B03", 2, labels(corner=9), "d", {})
    chunk(store).write_bytes((field_path(store, "B03", 2) / "labels/cells/0/c/0/0").read_bytes())
    assert read_commit(store, "B03", 1, "d") is None


def test_the_first_valid_commit_wins_among_equals(store):
    first = commit(store)
    before = chunk(store).stat().st_ino
    assert commit(store) == first
    assert chunk(store).stat().st_ino == before


def test_a_commit_from_another_digest_is_replaced(store):
    commit(store, "old")
    commit(store, "new", corner=9)
    np.testing.assert_array_equal(read_label(store, "B03", 1, "cells"), labels(corner=9)["cells"])
    assert read_commit(store, "B03", 1, "new") is not None


def test_a_damaged_commit_is_replaced(store):
    commit(store)
    chunk(store).unlink()
    commit(store)
    assert read_commit(store, "B03", 1, "d") is not None


def _write_many(store, corner, digest, times):
    for _ in range(times):
        commit(store, digest, corner=corner)


def test_two_writers_leave_one_whole_field(store):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_many, args=(store, corner, f"d{corner}", 15)) for corner in (2, 9)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    digest = find_commit(store, "B03", 1).digest
    assert read_commit(store, "B03", 1, digest) is not None
    np.testing.assert_array_equal(read_label(store, "B03", 1, "cells"), labels(corner=int(digest[1:]))["cells"])


def test_a_writer_killed_before_the_rename_leaves_no_field(store, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        commit(store)
    assert find_commit(store, "B03", 1) is None


def test_a_disk_that_fails_takes_no_good_field_away(store, monkeypatch):
    commit(store, "old")

    def failing(*_):
        raise OSError(errno.EIO, "the disk failed")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        with pytest.raises(OSError, match="the disk failed"):
            commit(store, "new")
    assert read_commit(store, "B03", 1, "old") is not None


def _commit_and_die(store):
    module.flush_folder = lambda _: os.kill(os.getpid(), signal.SIGKILL)
    commit_field(store, "B03", 2, labels(), "d", {})


def test_what_a_killed_writer_left_is_removed_and_its_neighbours_are_kept(store):
    commit(store)
    process = multiprocessing.get_context("fork").Process(target=_commit_and_die, args=(store,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    names = sorted(path.name for path in (store / "B" / "03").iterdir())
    assert [names[0][:3], *names[1:]] == [".2@", "1", "zarr.json"]
    assert find_commit(store, "B03", 2) is None
    clean_well(store, "B03")
    assert sorted(path.name for path in (store / "B" / "03").iterdir()) == ["1", "zarr.json"]


def test_a_well_without_a_folder_has_nothing_to_clean(store):
    clean_well(store, "C05")
    assert not (store / "C").exists()


def test_a_field_is_taken_out(store):
    commit(store)
    remove_field(store, "B03", 1)
    remove_field(store, "B03", 1)
    assert find_commit(store, "B03", 1) is None


def test_the_digest_depends_on_every_fact_and_not_on_their_order():
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1, "b": 2}) != digest_of({"a": 1, "b": 3})


def test_the_hash_depends_on_shape_and_values_but_not_on_dtype():
    label = np.arange(6).reshape(2, 3)
    assert hash_label(label) == hash_label(label.astype(np.uint8))
    assert hash_label(label) != hash_label(label.reshape(3, 2))
    assert hash_label(label) != hash_label(label + 1)
