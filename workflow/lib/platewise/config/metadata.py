"""Section ``metadata``: what each well was given, and what is known about it."""

from __future__ import annotations

from pydantic import Field

from platewise.config.base import Section


class AnnotationConfig(Section):
    """A further table that names the mechanism of a perturbation."""

    table: str = Field(description="Path of a CSV or TSV table with one row a perturbation.")
    key: str = Field(description="Its column with the perturbation's name, as it reads after `metadata.perturbation`.")
    moa: str = Field(description="Its column with the mechanism of action; several are separated by `|`.")


class MetadataConfig(Section):
    """How plate maps and tables of perturbations spell what platewise calls perturbation, dose, MOA and control."""

    well: str = Field("well_position", description="Column of the plate map with the well, such as A01.")
    key: str = Field(
        "broad_sample",
        description="Column of the plate map that says what a well was given. Joined with the same column of `table`.",
    )
    empty: str | None = Field(
        None,
        description="What a well with an empty `key` was given, such as DMSO. Without it, an empty `key` is an error.",
    )
    dose: str | None = Field(None, description="Column of the plate map with the dose, a number. Empty cells: no dose.")
    table: str | None = Field(
        None, description="Path of the CSV or TSV table of perturbations, one row each (`external_metadata.tsv`)."
    )
    perturbation: str | None = Field(
        None, description="Column of `table` with the name to show; without it, `key` is the name."
    )
    moa: str | None = Field(None, description="Column of `table` with the mechanism of action; several with `|`.")
    control_type: str | None = Field(
        None, description="Column of `table` with `negcon` or a value that starts with `poscon`; others are no control."
    )
    wild_type: str | None = Field(
        None,
        description="Column of `table` that names, for a variant, the perturbation that is its wild type, as it reads "
        "after `metadata.perturbation`. Empty cells: no variant. Without it, no variants are scored. With "
        "`table`, where the rest of this section does not count, rows are found by the perturbation's name.",
    )
    negcon: tuple[str, ...] = Field((), description="Names of perturbations that are negative controls, such as DMSO.")
    poscon: tuple[str, ...] = Field((), description="Names of perturbations that are positive controls.")
    annotations: AnnotationConfig | None = Field(
        None, description="A further table that gives mechanisms by perturbation name."
    )
