"""`platewise run` keeps its own option and hands everything else to Snakemake as it was given."""

import pytest
from typer.testing import CliRunner

from platewise.cli import app
from platewise.commands import run
from platewise.launch import EarlierJobs


@pytest.fixture
def launched(monkeypatch):
    calls = []
    monkeypatch.setattr(run, "launch", lambda arguments, _folder, earlier: calls.append((arguments, earlier)) or 4)
    return calls


@pytest.mark.parametrize(
    ("given", "handed", "earlier"),
    [
        ([], [], EarlierJobs.REFUSE),
        (["-n", "--config", "a=b", "--", "x", "y"], ["-n", "--config", "a=b", "--", "x", "y"], EarlierJobs.REFUSE),
        (["--earlier-jobs", "wait", "-j3", "t"], ["-j3", "t"], EarlierJobs.WAIT),
        (["t", "--earlier-jobs=cancel"], ["t"], EarlierJobs.CANCEL),
        (["--help"], ["--help"], EarlierJobs.REFUSE),
    ],
)
def test_arguments(launched, given, handed, earlier):
    done = CliRunner().invoke(app, ["run", *given])
    assert done.exit_code == 4
    assert launched == [(handed, earlier)]
    assert ("--earlier-jobs {refuse,wait,cancel}" in done.output) == ("--help" in given)


@pytest.mark.parametrize("given", [["--earlier-jobs", "perhaps"], ["--earlier-jobs"]])
def test_a_wrong_choice_is_refused(launched, given):
    done = CliRunner().invoke(app, ["run", *given])
    assert done.exit_code == 2
    assert launched == []
