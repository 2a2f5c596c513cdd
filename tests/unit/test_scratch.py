"""Images through the node's own disk: the same results, bounded room, and nothing lost when the disk fails."""

import errno
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from platewise import scratch as module
from platewise.errors import PlatewiseError
from platewise.fields import BadFieldError, read_field
from platewise.files import temporary_path
from platewise.readers.images import read_unchanged
from platewise.scratch import Scratch, job_scratch, read_fields

CHANNELS = ["DNA", "ER"]
FIELDS = 8
NODE = socket.gethostname()


@pytest.fixture
def fields(tmp_path):
    """Inventory rows of eight fields of two channels, about 16 kB an image, every image another."""
    folder = tmp_path / "images"
    folder.mkdir()
    found = []
    for site in range(1, FIELDS + 1):
        rows = []
        for channel in CHANNELS:
            path = folder / f"{site}_{channel}.tif"
            seed = site * 10 + len(channel)
            pixels = np.random.default_rng(seed).integers(1, 2**16, (90, 90), dtype=np.uint16)
            tifffile.imwrite(path, pixels)
            status = path.stat()
            facts = ("A01", site, channel, str(path), status.st_size, status.st_mtime_ns, 90, 90, "ok", "")
            rows.append(facts)
        names = ["Metadata_Well", "Metadata_Site", "Channel", "Path", "Size", "MtimeNs", "Height", "Width"]
        found.append((site, pd.DataFrame(rows, columns=[*names, "Status", "Reason"])))
    return found


@pytest.fixture
def node(tmp_path):
    """The node's disk."""
    (tmp_path / "node").mkdir()
    return tmp_path / "node"


@pytest.fixture
def disk(tmp_path):
    """A real disk of 2 MB, where one can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a disk; the same is tested with a disk that is made to fail")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def read(_, rows, read_file):
    return read_field(rows, CHANNELS, None, read_file)


def images(fields, scratch=None):
    """Each field's image, or the reason why not."""
    found = []
    for site, future in read_fields(fields, read, scratch):
        try:
            found.append((site, future.result()))
        except BadFieldError as error:
            found.append((site, error.reason))
    return found


def assert_same(found, expected):
    assert len(found) == len(expected) == FIELDS
    for (site, image), (other, wanted) in zip(found, expected, strict=True):
        assert site == other
        np.testing.assert_array_equal(image, wanted)


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_without_the_setting_nothing_is_made_and_nothing_copied(fields, tmp_path, monkeypatch):
    for setting in (None, ""):
        with job_scratch(setting) as scratch:
            assert scratch is None
    monkeypatch.setattr(module.Path, "write_bytes", lambda *_: pytest.fail("something was written"))
    assert [site for site, _ in images(fields)] == list(range(1, FIELDS + 1))
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_images_are_the_same_each_source_is_read_once_and_the_folder_is_gone_in_the_end(fields, node, monkeypatch):
    expected, opened = images(fields), []
    monkeypatch.setattr(
        module, "read_unchanged", lambda path, *facts: opened.append(path) or read_unchanged(path, *facts)
    )
    with job_scratch(str(node)) as scratch:
        assert scratch.folder.parent == node
        assert scratch.folder.stat().st_mode & 0o777 == 0o700
        assert_same(images(fields, scratch), expected)
        # Removed when used, not at the end only.
        assert not list(scratch.folder.iterdir())
    assert opened == [path for _, rows in fields for path in rows["Path"]]
    assert not list(node.iterdir())


def test_no_more_is_on_scratch_than_the_limit_and_copying_runs_ahead(fields, node, monkeypatch):
    one = int(fields[0][1]["Size"].sum())
    scratch, held, write = Scratch(node, limit=int(5.5 * one)), [], Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: (write(path, data), held.append(size_of(node))))
    for _, future in read_fields(fields, read, scratch):
        future.result()
        time.sleep(0.05)
        held.append(size_of(node))
    assert 3 * one <= max(held) <= 5.5 * one
    assert size_of(node) == 0


def test_a_limit_below_three_fields_is_no_look_ahead(fields, node, caplog):
    one = int(fields[0][1]["Size"].sum())
    assert_same(images(fields, Scratch(node, limit=3 * one - 1)), images(fields))
    assert f"scratch {node} on node {NODE}:" in caplog.text
    assert "images are read in their place" in caplog.text
    assert not list(node.iterdir())


def change(path):
    tifffile.imwrite(path, np.zeros((90, 90), np.uint16) + 7)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (change, "ER: the file was changed after the inventory; run again with --forcerun inventory_plate"),
        (Path.unlink, "ER: the file is missing now"),
        (lambda path: os.truncate(path, 5000), "ER: the file was changed after the inventory"),
    ],
)
def test_a_source_that_changed_is_said_as_without_scratch(fields, node, harm, reason):
    harm(Path(fields[3][1]["Path"].iloc[1]))
    expected = images(fields)
    assert expected[3][1].startswith(reason)
    found = images(fields, Scratch(node))
    assert found[3] == expected[3]
    found[3] = expected[3] = (4, np.zeros(1))
    assert_same(found, expected)
    assert not list(node.iterdir())


@pytest.mark.parametrize(
    ("harm", "words"),
    [(lambda path: os.truncate(path, 100), "has 100 of"), (Path.unlink, "cannot be read (No such file or directory)")],
)
def test_a_copy_that_is_not_whole_is_never_used(fields, node, monkeypatch, caplog, harm, words):
    expected, write, written = images(fields), Path.write_bytes, []

    def write_and_harm(path, data):
        write(path, data)
        written.append(path)
        if len(written) == 6:
            harm(path)

    monkeypatch.setattr(Path, "write_bytes", write_and_harm)
    assert_same(images(fields, Scratch(node)), expected)
    assert f"the copy of {fields[2][1]['Path'].iloc[1]} {words}" in caplog.text
    assert len(caplog.records) == 1


def test_a_disk_that_fills_up_costs_no_field(fields, node, monkeypatch, caplog):
    expected, write, written = images(fields), Path.write_bytes, []

    def write_some(path, data):
        if len(written) == 5:
            write(path, data[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        write(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_some)
    assert_same(images(fields, Scratch(node)), expected)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"scratch {node} on node {NODE}: cannot be written (No space left on device)" in record.message
    assert "Hint: make room there" in record.message
    assert not list(node.iterdir())


def fill(path):
    with path.open("wb", buffering=0) as handle, suppress(OSError):
        while handle.write(bytes(4096)):
            pass


def test_a_real_disk_that_fills_up_costs_no_field(fields, disk, caplog):
    expected, found = images(fields), []
    (disk / "job").mkdir()
    # One field ahead: most are yet to be copied when another job takes the room.
    scratch = Scratch(disk / "job", limit=3 * int(fields[0][1]["Size"].sum()))
    for site, future in read_fields(fields, read, scratch):
        found.append((site, future.result()))
        if site == 1:
            fill(disk / "other")
    assert_same(found, expected)
    assert "cannot be written (No space left on device)" in caplog.text
    assert not list((disk / "job").iterdir())


def test_a_disk_that_is_full_from_the_beginning_is_not_used(fields, disk, caplog):
    (disk / "other").write_bytes(bytes(2 * 2**20 - 8192))
    with job_scratch(str(disk)) as scratch:
        assert_same(images(fields, scratch), images(fields))
    assert "are free" in caplog.text or "the disk is full" in caplog.text


def refused(setting):
    with pytest.raises(PlatewiseError) as caught, job_scratch(setting):
        pass
    text = str(caught.value)
    assert "node-local scratch cannot be used" in text
    assert f"profile, default-resources, scratch: found {setting}; expected" in text
    assert "Hint: name the disk that every node has for jobs, often '$TMPDIR', or take the key out" in text
    return text


def test_every_wrong_setting_is_named_with_its_node(tmp_path, monkeypatch):
    monkeypatch.delenv("NODE_DISK", raising=False)
    assert f"on node {NODE}, where the variable NODE_DISK is not set" in refused("$NODE_DISK")
    assert "where the variable NODE_DISK is not set" in refused("/fast/${NODE_DISK}/x")
    assert "expected an absolute path" in refused("scratch")
    assert f"on node {NODE}, where {tmp_path}/none is none" in refused(f"{tmp_path}/none")
    (tmp_path / "file").touch()
    assert "is none" in refused(f"{tmp_path}/file")


def test_a_disk_that_cannot_be_written_is_named(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert f"on node {NODE} that can be written, which {disk} cannot (Read-only file system)" in refused(str(disk))


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module.Path, "mkdir", refuse)
    assert f"which {tmp_path} cannot (Permission denied)" in refused(str(tmp_path))


def test_variables_are_expanded_in_the_job(node, monkeypatch):
    monkeypatch.setenv("NODE_DISK", str(node))
    for setting in ("$NODE_DISK", "${NODE_DISK}/"):
        with job_scratch(setting) as scratch:
            assert scratch.folder.parent == node


def test_an_error_leaves_nothing_on_scratch(fields, node):
    def fail():
        with job_scratch(str(node)) as scratch:
            for site, future in read_fields(fields, read, scratch):
                future.result()
                if site == 2:
                    raise RuntimeError("the job failed")

    with pytest.raises(RuntimeError, match="the job failed"):
        fail()
    assert not list(node.iterdir())


JOB = """
import sys, time
from platewise.scratch import job_scratch
with job_scratch(sys.argv[1]) as scratch:
    (scratch.folder / "copy").write_bytes(bytes(100))
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_job_that_is_asked_to_end_takes_its_folder_with_it(node, number):
    library = Path(module.__file__).parents[1]
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, str(node)],
        env=os.environ | {"PYTHONPATH": str(library)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert job.stdout.readline() == "ready\n"
    (folder,) = node.iterdir()
    assert (folder / "copy").exists()
    job.send_signal(number)
    job.communicate(timeout=30)
    assert job.returncode in (128 + signal.SIGTERM, -signal.SIGINT)
    assert not list(node.iterdir())


def _leave_a_folder(node):
    with job_scratch(str(node)) as scratch:
        (scratch.folder / "copy").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_next_job_removes_what_a_killed_one_left_and_spares_the_living(node):
    killed = multiprocessing.get_context("fork").Process(target=_leave_a_folder, args=(node,))
    killed.start()
    killed.join()
    alive = temporary_path(node / "platewise")
    alive.mkdir()
    (node / "of_others").touch()
    assert len(list(node.iterdir())) == 3
    with job_scratch(str(node)) as scratch:
        assert sorted(node.iterdir()) == sorted([alive, scratch.folder, node / "of_others"])
