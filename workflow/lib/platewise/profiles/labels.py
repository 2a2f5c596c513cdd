"""Whether the rows of tables made elsewhere agree on what each well was given: what contradicts itself is named."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from platewise.columns import BATCH, CONTROL_TYPE, MOA, NEGCON, PERTURBATION, PLATE, WELL
from platewise.errors import Problem
from platewise.plan.sheets import has_control_characters
from platewise.profiles.frame import treatment_codes

# Column with the file and row that a well was read from.
PLACE = "_place"
# More problems than this of one kind say nothing new.
MAX_PROBLEMS = 20


def check_labels(wells: pd.DataFrame, problems: list[Problem]) -> None:
    """Check the labels of all wells of a campaign together.

    Each of these would lose or mix wells without a word later on: a well twice, a name that is no line of text, a batch
    without a name (or with the `|` that joins several), a plate in two batches, a treatment that is a negative control
    in one row and none in another, or that has another mechanism there.

    Parameters
    ----------
    wells
        Metadata of level 3, and ``_place``: file and row.
    problems
        Grows by what is wrong, each with the rows that it is about.
    """
    _well_once(wells, problems)
    wells = wells[wells[PERTURBATION] != ""].reset_index(drop=True)
    for column, words in ((PERTURBATION, "perturbation"), (BATCH, "batch"), (MOA, "mechanism")):
        for name, place in _first_places(wells, column, has_control_characters):
            problems.append(
                Problem(
                    f"{place}, {words}",
                    repr(name),
                    "one line of text without control characters",
                    "correct the name; line breaks and tabs cannot be part of it",
                )
            )
    for name, place in _first_places(wells, BATCH, lambda name: not name or "|" in name):
        problems.append(
            Problem(f"{place}, batch", repr(name), "the name of a batch, without `|`", "name the batch in every row")
        )
    _agree(wells, wells[PLATE], BATCH, "plate {plate}", "batch", "one batch a plate", problems)
    treatment = pd.Series(treatment_codes(wells)[0], index=wells.index)
    kinds = wells.assign(**{CONTROL_TYPE: wells[CONTROL_TYPE].where(wells[CONTROL_TYPE] == NEGCON, "no negcon")})
    one = "the same in all rows of a treatment"
    _agree(kinds, treatment, CONTROL_TYPE, "{perturbation}", "control type", one, problems)
    _agree(wells, treatment, MOA, "{perturbation}", "mechanism", f"{one}; several are joined by `|`", problems)


def _well_once(wells: pd.DataFrame, problems: list[Problem]) -> None:
    key = [PLATE, WELL]
    twice = wells[wells.duplicated(key, keep="first")].head(MAX_PROBLEMS)
    first = wells.drop_duplicates(key).set_index(key)[PLACE]
    for _, row in twice.iterrows():
        problems.append(
            Problem(
                f"{row[PLACE]}, columns plate and well",
                f"plate {row[PLATE]}, well {row[WELL]} a second time (first in {first[(row[PLATE], row[WELL])]})",
                "one row a well",
                "remove one of the rows; a table of fields or cells must be aggregated to wells first",
            )
        )


def _first_places(wells: pd.DataFrame, column: str, wrong: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Return each wrong value of a column with the first row that has it."""
    first = wells.drop_duplicates(column)
    rows = zip(first[column], first[PLACE], strict=True)
    return [(name, place) for name, place in rows if wrong(name)][:MAX_PROBLEMS]


def _agree(
    wells: pd.DataFrame,
    groups: pd.Series,
    column: str,
    of: str,
    words: str,
    expected: str,
    problems: list[Problem],
) -> None:
    """Name the groups whose rows differ in a column, with the first row of two of its values."""
    names = groups.rename("_group")
    different = wells.assign(_group=names).drop_duplicates(["_group", column])
    second = different[different.duplicated("_group")].drop_duplicates("_group").head(MAX_PROBLEMS)
    first = different.drop_duplicates("_group").set_index("_group")
    for _, row in second.iterrows():
        other = first.loc[row["_group"]]
        name = of.format(plate=row[PLATE], perturbation=repr(row[PERTURBATION]))
        problems.append(
            Problem(
                f"{row[PLACE]}, {words}",
                f"{row[column]!r} for {name}, which has {other[column]!r} in {other[PLACE]}",
                expected,
                "correct one of the rows",
            )
        )
