"""Words that stand beside every score of a correction: of the correction, not of a score, and said once."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from platewise.notes import join_notes, split_notes


def correction_notes(scores: pd.DataFrame) -> dict[str, str]:
    """Return what is noted beside every score of a correction and not of every other one.

    Parameters
    ----------
    scores
        Rows of one or more scores tables.
    """
    own = scores[scores["Baseline"] == ""]
    parts = {
        correction: set.intersection(*(set(split_notes(note)) for note in rows["Note"]))
        for correction, rows in own.groupby("Correction", sort=False)
    }
    everywhere = set.intersection(*parts.values()) if parts else set()
    return {name: join_notes(*sorted(words - everywhere)) for name, words in parts.items() if words - everywhere}


def without_notes(table: pd.DataFrame, notes: Mapping[str, str]) -> pd.DataFrame:
    """Return a table with `correction_notes` taken out of its ``Note``.

    Parameters
    ----------
    table
        With ``Note``, ``Correction`` and perhaps ``OtherCorrection``.
    notes
        From `correction_notes`.
    """
    names = [name for name in ("Correction", "OtherCorrection") if name in table]
    left = []
    for note, *corrections in table[["Note", *names]].itertuples(index=False):
        said = {part for name in corrections for part in split_notes(notes.get(name, ""))}
        left.append(join_notes(*(part for part in split_notes(note) if part not in said)))
    return table.assign(Note=left)
