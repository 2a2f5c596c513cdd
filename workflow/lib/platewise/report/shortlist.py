"""The shortlist as the campaign's page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from platewise.columns import MOA, PERTURBATION
from platewise.network.shortlist import CRITERIA
from platewise.report.numbers import p_value, percent, significant

_FAILED = {
    "Active": "not shown to be active",
    "Reproducible": "not reproducible",
    "BeyondCount": "explained by the number of cells",
    "Asked": "not as near to or far from known mechanisms as asked",
}


@dataclass(frozen=True)
class ShortlistRow:
    """A perturbation that is worth following up."""

    rank: int
    name: str
    moa: str
    precision: str
    q: str
    count: str
    nearest: str
    community: str
    wells: list[str]


@dataclass(frozen=True)
class ShortlistSection:
    """The listed ones, and how many others fail each criterion (a perturbation may fail several).

    ``behind`` pass all but come after the last one listed; of ``uncounted`` it is not known what
    the number of cells explains.
    """

    total: int
    rows: list[ShortlistRow]
    failed: list[tuple[str, int]]
    behind: int
    uncounted: int


def shortlist_section(table: pd.DataFrame) -> ShortlistSection:
    """Return the section of a shortlist (``network.shortlist``)."""
    listed = table[table["Listed"].astype(bool)].sort_values("Rank")
    failed = [(words, int((~table[name].astype(bool)).sum())) for name, words in _FAILED.items()]
    passed = int(table[CRITERIA].astype(bool).all(axis=1).sum())
    rows, uncounted = [_row(row) for row in listed.to_dict("records")], int(table["CountShare"].isna().sum())
    return ShortlistSection(len(table), rows, failed, passed - len(listed), uncounted)


def _row(row: dict[str, Any]) -> ShortlistRow:
    nearest = "none"
    if row["Nearest"]:
        nearest = f"{row['Nearest']} ({row['NearestMOA']}; similarity {significant(row['NearestSimilarity'])})"
    share = row["CountShare"]
    return ShortlistRow(
        rank=int(row["Rank"]),
        name=str(row[PERTURBATION]),
        moa=str(row[MOA]) or "none",
        precision=significant(row["MapReplicate"]),
        q=p_value(row["QValue"]).replace("p", "q", 1),
        count="not known" if pd.isna(share) else percent(share),
        nearest=nearest,
        community="none" if pd.isna(row["Community"]) else str(int(row["Community"])),
        wells=str(row["Exemplars"]).split("|"),
    )
