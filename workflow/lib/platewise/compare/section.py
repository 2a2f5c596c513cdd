"""What one part of a comparison says: words, numbers and lists, for the terminal, the page and JSON alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from platewise.report.numbers import count, significant

# Relative changes above this are counted as changed and listed.
CHANGED = 0.10


@dataclass(frozen=True)
class Listing:
    """A list in full, what moved most first.

    Parameters
    ----------
    name
        Key in JSON.
    caption
        Above the list.
    rows
        The list; columns are named in CamelCase.
    brief
        How many rows the terminal shows; 0 for none.
    """

    name: str
    caption: str
    rows: pd.DataFrame
    brief: int = 0


@dataclass(frozen=True)
class Section:
    """One part of a comparison.

    Parameters
    ----------
    name, title
        Key in JSON; heading.
    moved
        Whether anything in it differs; None if nothing could be compared.
    sentences
        What there is to say, the most important first; also what is missing.
    facts
        The numbers behind the sentences: JSON-able, NaN for what cannot be computed.
    listings
        The lists.
    """

    name: str
    title: str
    moved: bool | None
    sentences: list[str]
    facts: dict[str, Any] = field(default_factory=dict)
    listings: list[Listing] = field(default_factory=list)

    def rows(self, name: str) -> pd.DataFrame:
        """Return the list of that name."""
        return next(listing.rows for listing in self.listings if listing.name == name)


def relative_change(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return (new - old) / old; 0 where both are 0, infinite where only ``old`` is, NaN where one is unknown."""
    old, new = np.asarray(old, dtype=np.float64), np.asarray(new, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = (new - old) / old
    return np.where((old == 0) & (new == 0), 0.0, change)


def median(values: np.ndarray) -> float:
    """Return the median of the values that are known; NaN if none is."""
    values = np.asarray(values, dtype=np.float64)
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def signed_percent(change: float) -> str:
    """A relative change as a person reads it: ``+12 %``, ``-0.4 %``, ``0 %``."""
    if not np.isfinite(change):
        return "not known" if np.isnan(change) else "from none"
    return "0 %" if change == 0 else f"{100 * change:+.{0 if abs(change) >= 0.1 else 1}f} %"


def name_few(names: Sequence[str], most: int = 5) -> str:
    """Join names, the first few of many."""
    more = f" and {count(len(names) - most)} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def header(column: str) -> str:
    """Return a column's name as a heading: ``CellsOld`` gives ``Cells old``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", column.removeprefix("Metadata_"))
    first, *others = words.split(" ")
    return " ".join([first, *(word if word.isupper() else word.lower() for word in others)])


def cell(value: object) -> str:
    """Return a value of a list as a person reads it."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return count(value)
    if isinstance(value, float | np.floating):
        return "-" if np.isnan(value) else significant(float(value))
    return "-" if value is None else str(value)
