"""Section ``shortlist``: which perturbations are worth following up."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from platewise.config.base import Section


class ShortlistConfig(Section):
    """What a perturbation must show to be on the shortlist. All perturbations are in its table, with the reason."""

    max_q: float = Field(
        0.05, gt=0, le=1, description="Active: false discovery rate of its replicates against the negative controls."
    )
    replicating: bool = Field(
        True,
        description="Only perturbations whose replicates correlate more than random wells, at one dose at least; of "
        "those without effect 5 % pass, however many doses they have.",
    )
    max_count_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Largest share of a profile that its cell count may explain, as it does for toxic perturbations.",
    )
    mechanism: Literal["any", "near", "far"] = Field(
        "any",
        description="`near`: connected with a perturbation of a known mechanism; `far`: connected with none, which is "
        "where new mechanisms are looked for.",
    )
    mechanisms: tuple[str, ...] = Field(
        (), description="Only these mechanisms count as known, as in `Metadata_MOA`. Without it, all of them."
    )
    size: int = Field(50, ge=1, description="At most this many perturbations, those with the surest phenotype first.")
    exemplars: int = Field(3, ge=1, description="Wells named for each perturbation, those most like its mean profile.")

    @model_validator(mode="after")
    def _asked(self) -> ShortlistConfig:
        if self.mechanisms and self.mechanism == "any":
            raise ValueError("mechanisms are named but mechanism is `any`; expected `near` or `far`")
        return self
