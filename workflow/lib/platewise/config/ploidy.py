"""Section ``ploidy``: how much DNA the nuclei hold."""

from __future__ import annotations

from pydantic import Field

from platewise.config.base import Section

# Groups of measurement that DNA content is made from.
PLOIDY_GROUPS = ("AreaShape", "Intensity")


class PloidyConfig(Section):
    """DNA content per nucleus: the share of polyploid nuclei, and of each phase of the cell cycle."""

    channel: str | None = Field(
        None,
        description="Channel of a stain that binds DNA in proportion to its amount, such as Hoechst or DAPI. Left out: "
        "`segmentation.nuclei_channel`.",
    )
