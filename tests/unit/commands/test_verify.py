"""`platewise verify` says what it did, and what does the rest."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from platewise.cli import app
from platewise.commands import verify as command
from platewise.store import verify as store_verify
from platewise.store.verify import Damage, Verdict

DAMAGE = [Damage(Path("x.parquet"), "cut short")]


@pytest.fixture
def found(monkeypatch):
    """What the stores are found to be: nothing at first."""
    parts = {"blocks": [], "tables": [], "kept": []}
    monkeypatch.setattr(command, "read_campaign", lambda config: None)
    monkeypatch.setattr(store_verify, "verify_campaign", lambda *_: iter([Verdict("P1", 4, **parts, leftovers=[])]))
    return parts


@pytest.mark.parametrize(
    ("part", "arguments", "code", "last"),
    [
        (None, [], 0, "0 damaged block(s), 0 other damaged table(s), 0 leftover(s)"),
        (
            "blocks",
            ["--keep"],
            1,
            "1 damaged block(s), 0 other damaged table(s), 0 leftover(s); `platewise verify my.yaml` removes it",
        ),
        (
            "tables",
            [],
            0,
            "0 damaged block(s), 1 other damaged table(s), 0 leftover(s); what was damaged is removed: "
            "run the workflow again",
        ),
        # Never removed, with --keep or without.
        ("kept", ["--keep"], 1, "0 damaged block(s), 1 other damaged table(s), 0 leftover(s)"),
        ("kept", [], 0, "0 damaged block(s), 1 other damaged table(s), 0 leftover(s)"),
    ],
)
def test_the_last_line(found, part, arguments, code, last):
    if part:
        found[part] = DAMAGE
    done = CliRunner().invoke(app, ["verify", "my.yaml", *arguments])
    assert (done.exit_code, done.output.splitlines()[-1]) == (code, last)
