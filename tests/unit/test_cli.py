"""What a command ends with: a message that says what to do, never a traceback for what a user can mend."""

import pytest
from typer.testing import CliRunner

from platewise import __version__, cli
from platewise.errors import DataError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DataError("a.parquet: is damaged. Hint: x"), "DataError: a.parquet: is damaged. Hint: x"),
        (PermissionError(13, "Permission denied", "results/a"), "platewise: results/a: Permission denied. Hint: check"),
        (OSError(28, "No space left on device"), "platewise: No space left on device. Hint: check"),
    ],
)
def test_errors_are_told_in_a_line(monkeypatch, error, message):
    def fail():
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert str(ended.value).startswith(message)


def test_a_fault_of_ours_shows_where(monkeypatch):
    monkeypatch.setattr(cli, "app", lambda: {}["nothing"])
    with pytest.raises(KeyError):
        cli.main()


def test_it_says_which_version_it_is():
    answer = CliRunner().invoke(cli.app, ["--version"])
    assert (answer.exit_code, answer.stdout) == (0, f"platewise {__version__}\n")
