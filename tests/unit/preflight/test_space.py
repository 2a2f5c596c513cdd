"""Room for the results: the file system's and the quota's, however the command prints it."""

import pytest

from platewise.preflight.space import Room, check_room, existing, file_system_room, mount_of, parse_quota

QUOTA = """\
Disk quotas for user screener (uid 1000):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
fs1:/export/home  900000  1000000 1100000       0     120       0       0       0
      /dev/sdb1  2000*    1000    3000       0     90     100     200       0
"""
LUSTRE = (
    "  /lustre/very/long/name/of/a/file/system\n          500       0    2000       -     10*      10      20 6d23h\n"
)


def test_a_quota_of_bytes_alone():
    assert parse_quota(QUOTA, "fs1:/export/home") == Room("the quota on fs1:/export/home", 100_000 * 1024, None)


def test_a_quota_that_is_exceeded_leaves_nothing():
    assert parse_quota(QUOTA, "/dev/sdb1") == Room("the quota on /dev/sdb1", 0, 10)


def test_a_long_name_has_a_line_of_its_own():
    room = parse_quota(LUSTRE, None)
    assert room == Room("the quota on /lustre/very/long/name/of/a/file/system", 1500 * 1024, 0)


@pytest.mark.parametrize(
    "text", ["", "quota: none", "Disk quotas for user x (uid 1): none\n", QUOTA.replace("fs1", "fs2")]
)
def test_no_quota_is_none(text):
    assert parse_quota(text, "fs1:/export/home") is None


def test_no_limit_is_none():
    assert parse_quota("/dev/sda1 10 0 0 0 10 0 0 0\n", "/dev/sda1") is None


def test_a_folder_that_is_not_there_yet_counts_as_the_one_above(tmp_path):
    assert existing(tmp_path / "a" / "b") == tmp_path
    room = file_system_room(tmp_path / "a" / "b")
    assert room.limit == f"the file system of {tmp_path}"
    assert room.bytes > 0


def test_the_mount_that_holds_a_folder(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nfs:/x {tmp_path}/da\\040ta nfs4 rw 0 0\nfs:/y {tmp_path}/d nfs4 rw 0 0\n")
    (tmp_path / "da ta" / "results").mkdir(parents=True)
    assert mount_of(tmp_path / "da ta" / "results", mounts) == ("fs:/x", "nfs4")
    assert mount_of(tmp_path, mounts) == ("/dev/a", "ext4")
    assert mount_of(tmp_path, tmp_path / "none") == ("", "")


def test_too_little_room_is_an_error_and_a_tight_fit_a_warning():
    rooms = [Room("the file system of /r", 3e9, 1e9), Room("the quota on /r", 1e9, 150)]
    found = list(check_room(rooms, "results/x", disk=2e9, files=100, factor=2))
    assert [finding.stops for finding in found] == [False, True, False]
    assert "3 GB left by the file system of /r; expected about 2 GB (up to 4 GB)" in str(found[0])
    assert "150 files and folders left by the quota on /r; expected about 100 (up to 200)" in str(found[2])
    assert list(check_room([Room("none", None, None)], "results/x", 2e9, 100, 2)) == []
