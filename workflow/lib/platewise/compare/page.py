"""The page of a comparison: one file, in the looks of the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from platewise.compare.campaigns import Comparison
from platewise.compare.figures import counts_figure, features_figure, scores_figure
from platewise.compare.section import Listing, cell, header
from platewise.report.figures import Figure
from platewise.report.html import render_page, write_page

# Longer lists are cut on the page and whole in JSON.
_MOST_ROWS = 500


@dataclass(frozen=True)
class PageTable:
    """A list as the page shows it: words only. ``numeric`` tells which columns align right; ``more`` rows are cut."""

    id: str
    caption: str
    columns: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    more: int


@dataclass(frozen=True)
class PageFigure:
    """A figure's id, what it shows in words, and how to read it."""

    id: str
    words: str
    caption: str


def write_comparison(comparison: Comparison, target: Path) -> None:
    """Write the page, whole or not at all."""
    drawn = {section.name: _figures(comparison, section.name) for section in comparison.sections}
    figures = {about.id: figure for found in drawn.values() for about, figure in found}
    page = render_page(
        "compare.html.j2",
        figures=figures,
        comparison=comparison,
        figures_of={name: [about for about, _ in found] for name, found in drawn.items()},
        tables_of={
            section.name: [
                page_table(section.name, listing)
                for listing in section.listings
                # The short lists of the terminal repeat the top of a full one.
                if len(listing.rows) and not _is_brief_copy(listing)
            ]
            for section in comparison.sections
        },
    )
    write_page(page, target)


def page_table(section: str, listing: Listing) -> PageTable:
    """Return a list as words, its first rows if it is long."""
    columns = [name for name in listing.rows.columns if listing.rows[name].astype(str).ne("").any()]
    shown = listing.rows[columns].head(_MOST_ROWS)
    return PageTable(
        f"table-{section}-{listing.name}",
        listing.caption,
        [header(str(name)) for name in columns],
        [pd.api.types.is_numeric_dtype(shown[n]) and not pd.api.types.is_bool_dtype(shown[n]) for n in columns],
        [[cell(value) for value in row] for row in shown.itertuples(index=False, name=None)],
        len(listing.rows) - len(shown),
    )


def _is_brief_copy(listing: Listing) -> bool:
    return listing.brief > 0 and listing.name.endswith(("_brief", ".worst", ".changed", "changed_wells"))


def _figures(comparison: Comparison, name: str) -> list[tuple[PageFigure, Figure]]:
    section = comparison.section(name)
    lists = {listing.name: listing.rows for listing in section.listings}
    if name == "counts" and "wells" in lists and lists["wells"][["CellsOld", "CellsNew"]].notna().any(axis=None):
        caption = "A mark is a well. On the line, its cell count is the same."
        about = PageFigure("figure-counts", "Cell counts of wells, NEW against OLD", caption)
        return [(about, counts_figure(lists["wells"]))]
    if name == "features":
        caption = "A mark is a feature; hovering tells its name. On the right end, it ranks the wells as it did."
        tables = {key.removesuffix("_moved"): rows for key, rows in lists.items() if key.endswith("_moved")}
        return [
            (
                PageFigure(f"figure-features-{place}", f"Correlation of {kind} features", f"{kind}. {caption}"),
                features_figure(rows),
            )
            for place, (kind, rows) in enumerate(tables.items())
            if rows["Correlation"].notna().any()
        ]
    if name == "scores" and "scores" in lists:
        rows = lists["scores"]
        # Odds ratios have no upper end and would press everything else together.
        rows = rows[(rows["Baseline"] == "") & (rows[["Old", "New"]].max(axis=1) <= 1) & rows["Difference"].notna()]
        if len(rows):
            caption = "Scores from 0 to 1, baselines left out. The table has the intervals and the other scores."
            return [(PageFigure("figure-scores", "Scores of OLD and NEW", caption), scores_figure(rows))]
    return []
