"""The config's ``illumination`` section: how uneven light is estimated and divided out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from platewise.config.base import Section


class NoIllumination(Section):
    """Images are used as they are."""

    method: Literal["none"] = Field(
        default="none",
        description="`none`: no correction, for images that the microscope's software has corrected already.",
    )


class RetrospectiveIllumination(Section):
    """Each plate and channel gets the smooth brightness pattern that all its fields share."""

    method: Literal["retrospective"] = Field(
        default="retrospective",
        description="`retrospective`: estimate the light pattern from the plate's own images; no calibration images "
        "are needed.",
    )
    degree: int = Field(
        default=4,
        ge=1,
        le=8,
        description="How detailed the pattern may be: degree of the polynomial. 2 is a tilted bowl; 4 follows what "
        "microscopes commonly show. Detail that the fields do not agree on is left out anyway.",
    )
    max_fields: int = Field(
        default=256,
        ge=3,
        description="Largest number of fields to read per plate, drawn at random (with the seed). More fields average "
        "the cells out better and take longer.",
    )
    min_fields: int = Field(
        default=6,
        ge=3,
        description="With fewer good fields than this a plate is left uncorrected, and that is noted: cells and light "
        "cannot be told apart in so few.",
    )

    @model_validator(mode="after")
    def _check_counts(self) -> RetrospectiveIllumination:
        if self.max_fields < self.min_fields:
            raise ValueError(
                f"max_fields ({self.max_fields}) is below min_fields ({self.min_fields}), so no plate could ever be "
                "corrected. Hint: raise max_fields, or say `method: none`"
            )
        return self


IlluminationConfig = Annotated[NoIllumination | RetrospectiveIllumination, Field(discriminator="method")]
