"""A comparison as text for the terminal: what there is to say, and the first rows of the lists."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from platewise.compare.campaigns import Comparison
from platewise.compare.section import Listing, cell, header
from platewise.report.numbers import count

_WIDTH = 110
# Longer cells are cut on the terminal; the page has them whole.
_WIDEST = 48


def summary_lines(comparison: Comparison) -> Iterator[str]:
    """Yield the lines of the summary."""
    yield f"OLD {comparison.old}"
    yield f"NEW {comparison.new}"
    yield ""
    yield from textwrap.wrap(comparison.headline, _WIDTH)
    for section in comparison.sections:
        yield ""
        yield section.title
        for sentence in section.sentences:
            yield from textwrap.wrap(sentence, _WIDTH, initial_indent="  ", subsequent_indent="    ")
        for listing in section.listings:
            yield from _listing_lines(listing)


def _listing_lines(listing: Listing) -> Iterator[str]:
    shown = listing.rows.head(listing.brief)
    if shown.empty:
        return
    rows = [[_short(cell(value)) for value in row] for row in shown.itertuples(index=False, name=None)]
    # A column without a word in it, such as a reason that nobody gave, is left out.
    columns = [place for place in range(len(shown.columns)) if any(row[place] for row in rows)]
    rows = [[header(str(shown.columns[place])) for place in columns], *([row[p] for p in columns] for row in rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    yield f"    {listing.caption}:"
    for row in rows:
        yield "      " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    if len(listing.rows) > len(shown):
        yield f"      ... and {count(len(listing.rows) - len(shown))} more"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
