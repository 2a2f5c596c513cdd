"""Files and folders are there whole or not at all, and killed writers' leftovers go."""

import multiprocessing
import os
import signal

import pytest

from platewise import files
from platewise.errors import DataError
from platewise.files import clean_leftovers, put_in_place, temporary_path, whole_file, whole_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_with_its_folder(tmp_path):
    path = tmp_path / "a" / "b.txt"
    with whole_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "whole"
    assert names(path.parent) == ["b.txt"]


@pytest.mark.parametrize("flush", [True, False])
def test_a_file_is_flushed_before_it_is_renamed(tmp_path, monkeypatch, flush):
    seen = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: seen.append(os.fstat(descriptor).st_ino))
    with whole_file(tmp_path / "a", flush=flush) as temporary:
        temporary.write_text("x")
    assert seen == ([(tmp_path / "a").stat().st_ino] if flush else [])


def test_a_writer_that_fails_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with whole_file(path) as temporary:
            temporary.write_text("ne")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def write_folder(path, content):
    with whole_folder(path) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text(content)


def test_a_folder_appears_whole_and_replaces_an_older_one(tmp_path):
    path = tmp_path / "new" / "a.zarr"
    write_folder(path, "first")
    (path / "more").touch()
    write_folder(path, "second")
    assert names(path) == ["deep"]
    assert (path / "deep" / "file").read_text() == "second"
    assert names(path.parent) == ["a.zarr"]


def test_every_file_and_folder_is_flushed_and_then_the_folder_renamed_into(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    write_folder(tmp_path / "a", "x")
    inside = [tmp_path / "a" / "deep" / "file", tmp_path / "a" / "deep", tmp_path / "a", tmp_path]
    assert flushed == [path.stat().st_ino for path in inside]


def test_what_is_valid_stays_and_what_is_not_steps_aside(tmp_path):
    target, temporary = tmp_path / "a", tmp_path / "t"
    for folder, content in ((target, "theirs"), (temporary, "ours")):
        folder.mkdir()
        (folder / "file").write_text(content)
    assert put_in_place(temporary, target, lambda: "valid") == "valid"
    assert (target / "file").read_text() == "theirs"
    assert put_in_place(temporary, target) is None
    assert (target / "file").read_text() == "ours"
    assert names(tmp_path) == ["a"]


def test_a_place_that_is_taken_again_and_again_is_an_error(tmp_path, monkeypatch):
    for name in ("a", "t"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    monkeypatch.setattr(files, "move_away", lambda _: None)
    with pytest.raises(DataError, match=r"a: could not be replaced in 10 tries.*Hint: end other runs"):
        put_in_place(tmp_path / "t", tmp_path / "a")


def _write_and_die(path):
    with whole_folder(path) as folder:
        (folder / "big").write_bytes(bytes(1000))
        os.kill(os.getpid(), signal.SIGKILL)


def killed_writer(path):
    process = multiprocessing.get_context("fork").Process(target=_write_and_die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_the_next_writer_removes_what_a_killed_one_left_and_nothing_else(tmp_path):
    killed_writer(tmp_path / "a@1.zarr")
    killed_writer(tmp_path / "b.zarr")
    alive = temporary_path(tmp_path / "a@1.zarr")
    alive.mkdir()
    own = tmp_path / ".a@1.zarr.backup.tmp"
    own.mkdir()
    assert len(names(tmp_path)) == 4
    write_folder(tmp_path / "a@1.zarr", "x")
    assert alive.exists()
    assert own.exists()
    left = [name for name in names(tmp_path) if name not in (alive.name, own.name, "a@1.zarr")]
    assert [name.split("@")[0] for name in left] == [".b.zarr"]


def test_leftovers_of_another_host_are_kept_for_a_day(tmp_path):
    foreign = tmp_path / ".a@elsewhere@1@x.tmp"
    foreign.touch()
    clean_leftovers(tmp_path)
    assert foreign.exists()
    os.utime(foreign, (0, 0))
    clean_leftovers(tmp_path)
    assert not foreign.exists()


def test_a_link_that_looks_like_a_leftover_takes_nothing_with_it(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    link = tmp_path / ".a@elsewhere@1@x.tmp"
    link.symlink_to(tmp_path / "kept")
    os.utime(link, (0, 0))
    os.utime(tmp_path / "kept", (0, 0))
    clean_leftovers(tmp_path)
    assert names(tmp_path / "kept") == ["file"]


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path):
    clean_leftovers(tmp_path / "none")
    assert names(tmp_path) == []
