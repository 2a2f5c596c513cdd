"""Section ``ranking``: which fields are most worth annotating."""

from __future__ import annotations

from pydantic import Field

from platewise.config.base import Section
from platewise.config.segmentation import NucleiConfig


class RankingConfig(Section):
    """How the fields of a campaign are ordered by how unsure the engines are of their nuclei."""

    committee: tuple[NucleiConfig, ...] = Field(
        (),
        description="Further engines whose nuclei are compared with the campaign's own. An `ensemble` is asked member "
        "by member. Each engine sees every field in seven ways: as it is, mirrored, turned, smaller, larger, brighter "
        "and darker.",
    )
    fields: int = Field(200, ge=1, description="Fields that are looked at, drawn evenly over the plates.")
    diversity: float = Field(
        1.0,
        ge=0,
        le=1,
        description="What it counts to stand for other unsure fields that none stands for yet. 0: the most unsure "
        "first, even if they are copies of one artefact.",
    )
    listed: int = Field(50, ge=0, description="Most unsure nuclei that are listed of a field.")
