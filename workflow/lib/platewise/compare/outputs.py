"""Where a command writes: looked at before the work, which can take minutes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from platewise.errors import Problem, ProblemsError
from platewise.preflight.space import existing


def check_outputs(outputs: Mapping[str, Path | None]) -> None:
    """Check that files can be written. Nothing is made.

    Parameters
    ----------
    outputs
        Files by the option that names them; None where the option was not given.

    Raises
    ------
    ProblemsError
        If a file is a folder, or its folder cannot be made or written in; all of them are looked at.
    """
    given = [(f"{option} {path}", path) for option, path in outputs.items() if path is not None]
    problems = [problem for place, path in given if (problem := _find_problem(place, path))]
    if problems:
        raise ProblemsError(problems, "platewise cannot write its output")


def _find_problem(place: str, path: Path) -> Problem | None:
    if path.is_dir():
        return Problem(place, "a folder", "a file to write", "add a file name")
    # Missing folders are made in the last one that is there.
    folder = existing(path.parent)
    if not folder.is_dir():
        return Problem(place, f"{folder}, which is a file", "a folder to write in", "choose another folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        hint = "choose another folder, or ask for the right to write there"
        return Problem(place, f"{folder}, where you may not write", "a folder to write in", hint)
    return None
