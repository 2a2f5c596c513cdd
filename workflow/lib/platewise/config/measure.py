"""Section ``measure``: which feature groups are measured on each cell, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from platewise.config.base import Section
from platewise.errors import Problem

# Keys that change no feature: where it is computed.
PLACE_KEYS = frozenset({"gpu"})


class AreaShapeGroup(Section):
    """Size and shape of nucleus, cell and cytoplasm."""

    group: Literal["AreaShape"] = Field(
        "AreaShape",
        description="`AreaShape`: Size and shape of the outlines.",
    )
    zernike_degree: int = Field(
        9,
        ge=0,
        le=15,
        description="Highest degree of the Zernike shape moments; 9 gives 30 of them, as in CellProfiler.",
    )


class IntensityGroup(Section):
    """Brightness of each channel: sum, mean, spread, quartiles, and the same on the outline."""

    group: Literal["Intensity"] = Field(
        "Intensity",
        description="`Intensity`: Brightness of every channel.",
    )


class FullRange(Section):
    """Equal steps from 0 to the brightest value the file can hold; what CellProfiler does."""

    mode: Literal["full"] = Field(
        "full",
        description="`full`: the whole range of the camera, as CellProfiler.",
    )


class LogRange(Section):
    """Equal ratios: each grey level is brighter than the one before by the same factor."""

    mode: Literal["log"] = Field(
        "log",
        description="`log`: octaves below `full_scale`, the same scale for all fields, channels and plates.",
    )
    octaves: float = Field(
        10.0,
        gt=0,
        le=24,
        description=(
            "How many halvings below `full_scale` are told apart; anything dimmer is the lowest level. "
            "10 reaches from 65535 down to 64 counts."
        ),
    )


class FixedRange(Section):
    """Equal steps within a range given for each channel, the same on all plates of the campaign."""

    mode: Literal["fixed"] = Field(
        "fixed",
        description="`fixed`: the same range of counts everywhere.",
    )
    ranges: dict[str, tuple[float, float]] = Field(
        description=(
            "For each channel the counts of the lowest and the highest grey level, for example its 1st and 99.9th "
            "percentile over the control wells of the campaign: `{DNA: [200, 9000]}`. Values beyond are clipped."
        )
    )

    @model_validator(mode="after")
    def _increasing(self) -> Self:
        for channel, (low, high) in self.ranges.items():
            if not low < high:
                raise ValueError(f"range of {channel} is [{low}, {high}]: the second number must be the larger one")
        return self


TextureRange = Annotated[LogRange | FullRange | FixedRange, Field(discriminator="mode")]


class TextureGroup(Section):
    """Haralick features: how the grey levels of neighbouring pixels go together."""

    group: Literal["Texture"] = Field(
        "Texture",
        description="`Texture`: Haralick's texture features of every channel.",
    )
    scales: tuple[PositiveInt, ...] = Field(
        (3,), min_length=1, description="Distances, in pixels, between the two pixels of a pair."
    )
    directions: Literal["mean", "each"] = Field(
        "mean",
        description=(
            "`mean`: the average over the four directions, since cells lie at any angle; "
            "`each`: the four of CellProfiler (00 to 03) as features of their own."
        ),
    )
    levels: int = Field(
        64,
        ge=2,
        le=256,
        description="Grey levels. Few are robust to noise, many see finer detail; CellProfiler's default is 256.",
    )
    range: TextureRange = Field(
        default_factory=LogRange,
        description=(
            "How brightness becomes grey levels. `log` needs no knowledge of the channel and loses no weak one; "
            "`fixed` is the most exact where you know each channel's range; `full` is CellProfiler's."
        ),
    )


class GranularityGroup(Section):
    """How much of each channel lies in details of each size."""

    group: Literal["Granularity"] = Field(
        "Granularity", description="`Granularity`: How much brightness lies in details of each size."
    )
    steps: int = Field(16, ge=1, le=100, description="Sizes that are told apart, in pixels of the thinned image.")
    subsample: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of the pixels along each axis that are looked at; CellProfiler's default is 0.25.",
    )
    background_subsample: float = Field(
        0.5, gt=0, le=1, description="The same for the background, of the pixels that `subsample` left."
    )
    radius: int = Field(
        10, ge=1, le=200, description="Of the disk that finds the background, in its pixels: larger than any detail."
    )


class RadialDistributionGroup(Section):
    """How each channel is spread from the middle of an object to its edge."""

    group: Literal["RadialDistribution"] = Field(
        "RadialDistribution", description="`RadialDistribution`: How brightness is spread from centre to edge."
    )
    bins: int = Field(4, ge=2, le=20, description="Rings between the middle (first) and the edge (last).")


class CorrelationGroup(Section):
    """How two channels go together, pixel by pixel."""

    group: Literal["Correlation"] = Field(
        "Correlation", description="`Correlation`: How pairs of channels go together."
    )
    threshold: float = Field(
        15.0,
        ge=0,
        lt=100,
        description=(
            "Percent of an object's own maximum that a pixel must reach in a channel to count as stained "
            "(Manders, RWC, Overlap, K)."
        ),
    )


class NeighborsGroup(Section):
    """How crowded a nucleus or a cell lies."""

    group: Literal["Neighbors"] = Field(
        "Neighbors", description="`Neighbors`: How many neighbours a cell has and how close they are."
    )
    distances: tuple[Literal["Adjacent"] | PositiveInt, ...] = Field(
        ("Adjacent",),
        min_length=1,
        description="What counts as a neighbour: `Adjacent` objects touch; a number allows a gap of so many pixels.",
    )


class LocationGroup(Section):
    """Where an object and its staining lie in the field. Kept with the cells, never part of a profile."""

    group: Literal["Location"] = Field(
        "Location",
        description="`Location`: Where a cell and its brightness lie; kept with the cells, never part of profiles.",
    )


GroupConfig = Annotated[
    AreaShapeGroup
    | IntensityGroup
    | TextureGroup
    | GranularityGroup
    | RadialDistributionGroup
    | CorrelationGroup
    | NeighborsGroup
    | LocationGroup,
    Field(discriminator="group"),
]


def _all_groups() -> tuple[GroupConfig, ...]:
    return (
        AreaShapeGroup(),
        IntensityGroup(),
        TextureGroup(),
        GranularityGroup(),
        RadialDistributionGroup(),
        CorrelationGroup(),
        NeighborsGroup(),
        LocationGroup(),
    )


class MeasureConfig(Section):
    """What is measured on each cell (CellProfiler's features, under its names)."""

    full_scale: float = Field(
        65535.0,
        gt=0,
        description=(
            "Camera counts that become intensity 1.0, as CellProfiler scales: 65535 for 16-bit files, 255 for 8-bit."
        ),
    )
    gpu: bool = Field(
        False,
        description=(
            "Compute textures and granularity, half of the work, on a GPU, which each job then asks for: the same "
            "numbers to 1e-6 of their value. The other groups stay on the CPU; without a GPU all of them do."
        ),
    )
    groups: tuple[GroupConfig, ...] = Field(
        default_factory=_all_groups,
        min_length=1,
        description="The feature groups to measure, each with its own settings; leave one out and it is not measured.",
    )

    @model_validator(mode="after")
    def _each_group_once(self) -> Self:
        names = [group.group for group in self.groups]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"groups named more than once: {', '.join(repeated)}; merge their settings into one entry")
        return self

    def problems(self, channels: Sequence[str]) -> list[Problem]:
        """Return what does not fit the campaign's ``channels``; empty when all is well."""
        found = []
        for group in self.groups:
            if isinstance(group, TextureGroup) and isinstance(group.range, FixedRange):
                missing = [name for name in channels if name not in group.range.ranges]
                if missing:
                    found.append(
                        Problem(
                            place="measure.groups, Texture, range.ranges",
                            found=f"no range for {', '.join(missing)}",
                            expected=f"a pair [low, high] for each of {', '.join(channels)}",
                            remedy="add the missing channels, or use `mode: log`, which needs no ranges",
                        )
                    )
        return found
