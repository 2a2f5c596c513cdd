"""Reading of the small tables that people write: TSV and CSV, rows counted as a spreadsheet counts them."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

from platewise.errors import Problem

_VARIABLE = re.compile(r"\$\{(\w+)\}")

# A cell is one line of text. These come from lines that ran into one another and from damage; XML cannot hold them.
_CONTROL = re.compile("[\x00-\x1f\ufffe\uffff]")

Row = dict[str, str]


def has_control_characters(cell: str) -> bool:
    """Return whether a cell holds a line break, a tab or another character that is not text."""
    return _CONTROL.search(cell) is not None


def expand(text: str, place: str, problems: list[Problem]) -> str:
    """Replace ``${NAME}`` by the environment variable ``NAME``; an unset one is a problem."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            problems.append(
                Problem(
                    place,
                    f"{text!r}",
                    f"the environment variable {match[1]} to be set",
                    f"export {match[1]}=/path/to/folder",
                )
            )
        return match[0] if found is None else found

    return _VARIABLE.sub(value, text)


def read_sheet(path: str, required: list[str], place: str, problems: list[Problem]) -> list[tuple[int, Row]]:
    """Read a CSV (``.csv``) or TSV (any other ending) table as text.

    Parameters
    ----------
    path
        The file.
    required
        Columns that must be there.
    place
        Who asks for the file (a key of the config, or a row of a sheet), for messages.
    problems
        Grows by what is wrong.

    Returns
    -------
    rows
        (line number in the file, stripped cells by column); empty lines are left out. Empty on a problem.
    """
    file = Path(path)
    if not file.is_file():
        problems.append(
            Problem(place, repr(path), "a file that exists", "correct the path; it counts from where snakemake runs")
        )
        return []
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(path, str(error), "a readable text file in UTF-8", "save the table as UTF-8 text"))
        return []
    delimiter = "," if file.suffix.lower() == ".csv" else "\t"
    # Strict: a stray quote must not swallow the rows that follow it.
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip() for name in reader.fieldnames or []]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problems.append(
            Problem(f"{path}, header", f"{', '.join(map(repr, twice))} twice", "each column once", "rename one of them")
        )
        return []
    missing = [name for name in required if name not in names]
    if missing:
        problems.append(
            Problem(
                f"{path}, header",
                f"the columns {', '.join(names) or '(none)'}",
                f"also {', '.join(missing)}",
                "add the column, or name the right one in the config; "
                "tables ending in .csv are comma-separated, all others tab-separated",
            )
        )
        return []
    reader.fieldnames = names
    rows = []
    try:
        for row in reader:
            cells = {name: (row.get(name) or "").strip() for name in names}
            if None in row or any(map(has_control_characters, cells.values())):
                problems.append(
                    Problem(
                        f"{path}, row {reader.line_num}",
                        "more cells than the header has, a cell that runs over several, or a control character",
                        f"{len(names)} cells of plain text",
                        "remove the stray separator, quotation mark or character",
                    )
                )
            elif any(cells.values()):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        problems.append(
            Problem(
                f"{path}, row {reader.line_num}",
                str(error),
                "cells whose quotation marks come in pairs",
                "remove the stray quotation mark",
            )
        )
    return rows
