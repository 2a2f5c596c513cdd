"""Section ``profiles``: from cells to one profile a well, and one a treatment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from platewise.config.base import Section


class AggregateConfig(Section):
    """One profile a well from its cells."""

    method: Literal["median", "mean"] = Field(
        "median", description="How the cells of a well are summed up. The median ignores debris and dividing outliers."
    )
    border_cells: Literal["leave_out", "keep"] = Field(
        "leave_out",
        description="Cells cut by the image border have wrong shapes; `keep` them only where cells are few.",
    )
    few_cells: int = Field(
        20, ge=1, description="Wells with fewer cells than this are kept and flagged (`Metadata_FewCells`)."
    )


class NormaliseConfig(Section):
    """Every plate on the scale of its own negative controls."""

    min_controls: int = Field(
        4,
        ge=2,
        description="A plate with fewer negative controls than this is scaled to all of its wells, and flagged.",
    )
    prior_controls: float | Literal["auto"] = Field(
        "auto",
        description="How strongly a plate's scale is pulled towards the campaign's: as if that many "
        "further controls had "
        "shown the campaign's scale. 0 trusts each plate alone, .inf the campaign alone; `auto` takes what predicts "
        "held-out controls best.",
    )

    @field_validator("prior_controls")
    @classmethod
    def _not_negative(cls, value: float | str) -> float | str:
        if value != "auto" and not float(value) >= 0:
            raise ValueError(f"prior_controls is {value}; expected `auto` or a number from 0 up")
        return value


class SelectConfig(Section):
    """Features kept for the whole campaign."""

    max_missing: float = Field(
        0.05, ge=0, le=1, description="Largest share of wells in which a feature may be missing."
    )
    min_variance: float = Field(1e-6, ge=0, description="Features that vary less than this over all wells are dropped.")
    frequency_cut: float = Field(
        0.05,
        ge=0,
        le=1,
        description="A feature is also dropped when its second most frequent value is rarer than this share "
        "of the most "
        "frequent one and few values differ (`unique_cut`): then it is constant but for a few wells.",
    )
    unique_cut: float = Field(
        0.1, ge=0, le=1, description="Share of distinct values below which the rule above applies."
    )
    max_correlation: float = Field(0.9, gt=0, le=1, description="Of two features correlated above this one is dropped.")
    max_value: float = Field(
        500.0, gt=0, description="A feature with a normalised value beyond plus or minus this has no usable scale."
    )


class ConsensusConfig(Section):
    """One profile a treatment from its replicate wells."""

    method: Literal["median", "mean", "modz"] = Field(
        "median",
        description="`median` ignores an outlying replicate but wastes much of the data when there are two "
        "or three; then "
        "`mean` is better. `modz` weighs replicates by their agreement with the others.",
    )


class ProfilesConfig(Section):
    """From cells to profiles."""

    aggregate: AggregateConfig = Field(default_factory=AggregateConfig, description="Cells to wells.")
    normalise: NormaliseConfig = Field(default_factory=NormaliseConfig, description="Wells to the controls' scale.")
    select: SelectConfig = Field(default_factory=SelectConfig, description="Which features are kept.")
    consensus: ConsensusConfig = Field(default_factory=ConsensusConfig, description="Wells to treatments.")
