"""Mechanisms that the shortlist asks for and nothing in the campaign has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from platewise.columns import split_annotation
from platewise.config.campaign import CampaignConfig
from platewise.errors import Problem
from platewise.plan.treatments import Treatment

_MOST_NAMED = 20


def mechanism_problems(given: Iterable[Treatment], config: CampaignConfig, source: str) -> Iterator[Problem]:
    """Find names in ``shortlist.mechanisms`` that no perturbation is annotated with."""
    known = sorted({label for treatment in given for label in split_annotation(treatment.moa)})
    column = "metadata.moa or metadata.annotations" if config.table is None else "table.columns.moa"
    for name in config.shortlist.mechanisms:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        some = f"one of {', '.join(known[:_MOST_NAMED])}{', ...' if len(known) > _MOST_NAMED else ''}"
        yield Problem(
            f"{source}, key shortlist.mechanisms",
            repr(name),
            some if known else "no name: no perturbation of the campaign is annotated",
            (f"did you mean {near[0]!r}?" if near else "correct or remove the name")
            if known
            else f"say where mechanisms are with {column}, or remove the key",
        )
