"""Section ``report``: what the HTML pages show."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from platewise.config.base import Section

HexColour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class ReferenceConfig(Section):
    """A published value, shown beside the campaign's own."""

    metric: str = Field(description="Name of the metric as in the scores tables, such as `nsc`.")
    value: float = Field(description="The published value, in the metric's unit (shares from 0 to 1).")
    source: str = Field(min_length=1, description="Where it was published, and with which method.")


class ReportConfig(Section):
    """What the HTML pages show. Nothing here changes a result."""

    title: str = Field("", description="Title of the campaign's page. Without it, the campaign's name.")
    thumbnail_wells: int = Field(12, ge=0, le=96, description="Wells shown as pictures on a plate's page; 0 for none.")
    thumbnail_size: int = Field(320, ge=64, le=1024, description="Longer side of a picture in pixels.")
    thumbnail_field: float = Field(
        0.6,
        gt=0,
        le=1,
        description="Share of the field's height and width to show, cut from its middle. 1 shows all of it, small.",
    )
    thumbnail_channels: dict[str, HexColour] = Field(
        default_factory=dict,
        description="Channel to colour (`#rrggbb`), shown added up. Without it, three channels of the config.",
    )
    headline_metrics: tuple[str, ...] = Field(
        ("map_moa", "enrichment", "nsc"),
        min_length=1,
        description="The metric that answers, at the top of the page, whether profiles bring perturbations of "
        "one mechanism together: the first of these that could be computed, whatever its value. `enrichment` means "
        "that at any share.",
    )
    max_nodes: int = Field(
        2000, ge=10, description="Largest network to draw. Of a larger one, the nodes with most connections are drawn."
    )
    max_points: int = Field(
        3000, ge=100, description="Most wells to draw in a panel; of more, an even random choice is drawn."
    )
    references: tuple[ReferenceConfig, ...] = Field((), description="Published values to show beside the scores.")
