"""Two runs of a campaign, compared in all parts."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from platewise.compare.counts import compare_counts
from platewise.compare.features import compare_features
from platewise.compare.hits import compare_hits, read_hits
from platewise.compare.labels import compare_labels
from platewise.compare.layout import NO_SHARED_PLATE, compare_layout
from platewise.compare.network import compare_networks
from platewise.compare.profiles import compare_profiles
from platewise.compare.provenance import compare_provenance
from platewise.compare.results import open_results
from platewise.compare.scores import compare_scores
from platewise.compare.section import Section
from platewise.files import whole_file

# Sections about how results were made; the others are about the results.
_CAUSES = ("provenance",)


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other.

    Attributes
    ----------
    old, new
        Their folders, as given.
    sections
        What there is to say, in the order of the stages.
    """

    old: str
    new: str
    sections: list[Section]

    def section(self, name: str) -> Section:
        """Return the section of that name."""
        return next(section for section in self.sections if section.name == name)

    @property
    def headline(self) -> str:
        """One sentence: what moved and what did not."""
        results = [section for section in self.sections if section.name not in _CAUSES]
        moved, same, unknown = ([s.title.lower() for s in results if s.moved is state] for state in (True, False, None))
        # That there is no label to score is no gap.
        unknown = [name for name in unknown if name != "labels"]
        layout = self.section("layout").facts
        apart = not layout["plates"] and layout["plates_only_old"] and layout["plates_only_new"]
        first = f"{NO_SHARED_PLATE} " if apart else ""
        if not moved and not same:
            return f"{first}Nothing could be compared."
        words = first + f"Moved: {', '.join(moved)}." if moved else "Nothing moved."
        words += f" The same: {', '.join(same)}." if same else ""
        return words + (f" Not compared: {', '.join(unknown)}." if unknown else "")


def compare_campaigns(old: Path, new: Path, label_fields: int = 20, seed: int = 0) -> Comparison:
    """Compare two runs of a campaign: results folders, the older one first. Nothing in them is written.

    Parameters
    ----------
    old, new
        ``{results}/{campaign}``.
    label_fields
        At most this many fields whose labels differ are read to score how far they agree.
    seed
        Of the choice of these fields.

    Raises
    ------
    ProblemsError
        If a folder holds no results.
    DataError
        If a table is damaged.
    """
    pair = open_results(old, new)
    counts, relabelled = compare_counts(pair)
    hits = {
        variant: (read_hits(pair.old, variant), read_hits(pair.new, variant)) for variant in pair.shared("variants")
    }
    sections = [
        compare_provenance(pair),
        compare_layout(pair),
        counts,
        compare_labels(pair, relabelled, counts.facts.get("good_in_both", 0), label_fields, seed),
        compare_features(pair),
        compare_profiles(pair, hits),
        compare_hits(pair, hits),
        compare_networks(pair),
        compare_scores(pair),
    ]
    return Comparison(str(old), str(new), sections)


def write_json(comparison: Comparison, target: Path) -> None:
    """Write everything that was found, all lists in full, as JSON; what cannot be computed is null."""
    found = {
        "old": comparison.old,
        "new": comparison.new,
        "headline": comparison.headline,
        "sections": {
            section.name: {
                "moved": section.moved,
                "sentences": section.sentences,
                "facts": _plain(section.facts),
                "lists": {listing.name: _plain(listing.rows) for listing in section.listings},
            }
            for section in comparison.sections
        },
    }
    with whole_file(target) as temporary:
        temporary.write_text(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return [_plain(row) for row in value.to_dict("records")]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else (None if math.isnan(value) else str(value))
    return value
