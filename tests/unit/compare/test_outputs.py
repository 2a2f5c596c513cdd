"""Outputs that cannot be written are told before the work."""

import pytest
from typer.testing import CliRunner

from platewise.cli import app
from platewise.compare.outputs import check_outputs
from platewise.errors import ProblemsError


def test_what_can_be_written_passes_and_nothing_is_made(tmp_path):
    check_outputs({"--html": tmp_path / "new/folder/page.html", "--json": None})
    assert list(tmp_path.iterdir()) == []


def test_all_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProblemsError) as error:
        check_outputs({"--html": tmp_path, "--json": tmp_path / "file/deep/all.json"})
    assert str(error.value).splitlines() == [
        "platewise cannot write its output: 2 problem(s)",
        f"  1. --html {tmp_path}: found a folder; expected a file to write. Hint: add a file name",
        f"  2. --json {tmp_path}/file/deep/all.json: found {tmp_path}/file, which is a file; expected a folder to "
        "write in. Hint: choose another folder",
    ]


def test_a_folder_without_the_right_to_write(tmp_path, monkeypatch):
    monkeypatch.setattr("platewise.compare.outputs.os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(ProblemsError, match=rf"found {tmp_path}, where you may not write; expected .* Hint: choose"):
        check_outputs({"--json": tmp_path / "new/all.json"})


def test_the_command_looks_before_the_work(tmp_path, old, monkeypatch):
    monkeypatch.setattr("platewise.compare.campaigns.compare_campaigns", lambda *_: pytest.fail("worked"))
    done = CliRunner().invoke(app, ["compare", str(old), str(old), "--html", str(tmp_path)])
    assert isinstance(done.exception, ProblemsError)
