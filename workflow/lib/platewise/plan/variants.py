"""Which perturbations are variants, and of which wild type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from platewise.errors import Problem
from platewise.plan.plates import Plate


def list_variants(plates: Iterable[Plate]) -> list[tuple[str, str]]:
    """Return (variant, wild type) of the perturbations on the plates, in the order of their names.

    A wild type that the table gives as its own is none.
    """
    named = {(well.perturbation, well.wild_type) for plate in plates for well in plate.treatments if well.wild_type}
    return sorted((variant, wild_type) for variant, wild_type in named if variant != wild_type)


def variant_problems(plates: Iterable[Plate], table: str, column: str) -> Iterator[Problem]:
    """Find variants whose wild type is on no plate: there is nothing to hold them against."""
    plates = list(plates)
    known = {well.perturbation for plate in plates for well in plate.treatments}
    for variant, wild_type in list_variants(plates):
        if wild_type not in known:
            yield Problem(
                f"{table}, column {column}, of {variant}",
                repr(wild_type),
                "a perturbation that a well was given",
                "correct the name, or leave the cell empty",
            )
