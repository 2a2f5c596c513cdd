"""Which perturbations are variants, and of which wild type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from platewise.config.campaign import CampaignConfig
from platewise.errors import Problem
from platewise.plan.treatments import Treatment, read_perturbations


def list_variants(given: Iterable[Treatment]) -> list[tuple[str, str]]:
    """Return (variant, wild type) of what wells were given, in the order of their names.

    A wild type that the table gives as its own is none.
    """
    named = {(treatment.perturbation, treatment.wild_type) for treatment in given if treatment.wild_type}
    return sorted((variant, wild_type) for variant, wild_type in named if variant != wild_type)


def with_wild_types(given: Sequence[Treatment], config: CampaignConfig, problems: list[Problem]) -> list[Treatment]:
    """Return what the wells of a table of profiles were given with the wild types that ``metadata.table`` names.

    Rows are found by the perturbation's name: a table of profiles has no plate map, whose column would be the key.
    """
    known = read_perturbations(config.metadata, problems) or {}
    # Several rows may share a name: that one of them is empty says nothing.
    wild_types = {row.name: row.wild_type for row in known.values() if row.wild_type}
    return [replace(treatment, wild_type=wild_types.get(treatment.perturbation, "")) for treatment in given]


def variant_problems(given: Sequence[Treatment], config: CampaignConfig, source: str) -> Iterator[Problem]:
    """Find wild types that no well was given, or that nothing can name."""
    metadata, column = config.metadata, config.table.columns.wild_type if config.table else None
    if metadata.wild_type and (metadata.table is None or column):
        found = "no metadata.table" if metadata.table is None else f"table.columns.wild_type, too, which is {column!r}"
        yield Problem(
            f"{source}, key metadata.wild_type",
            f"{metadata.wild_type!r} and {found}",
            "a column of metadata.table, or one of the tables of profiles" if config.table else "metadata.table",
            "name the table whose column it is, and one column only",
        )
        return
    if not (metadata.wild_type or column):
        return
    table = metadata.table if metadata.wild_type else ", ".join(config.table.paths)
    variants, known = list_variants(given), sorted({treatment.perturbation for treatment in given})
    if config.table and not variants:
        yield Problem(
            f"{table}, column {column or metadata.wild_type}",
            "no wild type of a perturbation that a well was given",
            "a wild type for each variant",
            "spell perturbations as in the table of profiles, or remove the key wild_type",
        )
    for variant, wild_type in variants:
        if wild_type not in known:
            near = difflib.get_close_matches(wild_type, known, n=1)
            yield Problem(
                f"{table}, column {column or metadata.wild_type}, of {variant}",
                repr(wild_type),
                "a perturbation that a well was given",
                f"{f'did you mean {near[0]!r}? Else ' if near else ''}correct the name, or leave the cell empty",
            )
