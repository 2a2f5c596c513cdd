"""Section ``segmentation``: the engine that finds nuclei and cells, chosen by ``engine``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from platewise.config.base import Section


class SegmentationBase(Section):
    """Keys that every engine has."""

    nuclei_channel: str = Field("DNA", description="Channel in which nuclei are found.")
    cell_channels: tuple[str, ...] = Field(
        ("ER", "RNA", "AGP"), min_length=1, description="Channels whose sum outlines whole cells."
    )
    batch_size: int = Field(4, ge=1, description="Fields that are handed to the engine at a time.")


class ClassicalSegmentation(SegmentationBase):
    """Threshold, seeds and watershed: needs no training and no GPU."""

    engine: Literal["classical"] = Field(
        "classical", description="`classical`: threshold, seeds and watershed; no training, no GPU."
    )
    nucleus_diameter: float = Field(
        32.0, gt=4, description="Typical diameter of a nucleus in pixels; sets smoothing, seed distance and least area."
    )
    threshold_scale: float = Field(
        1.0, gt=0, description="Factor on the automatic nuclei threshold. Above 1: fewer and smaller nuclei."
    )
    seed_smoothing: float = Field(
        0.08, gt=0, description="Smoothing of the shape before nuclei are parted, as a share of the diameter."
    )
    seed_height: float = Field(
        0.06, ge=0, description="How deep a waist parts two nuclei, as a share of the diameter. Higher: fewer splits."
    )
    minimum_area: float = Field(
        0.2, gt=0, description="Least area of a nucleus, as a share of a disk with `nucleus_diameter`."
    )
    cell_threshold_scale: float = Field(1.0, gt=0, description="Factor on the automatic threshold of cells.")


SegmentationConfig = Annotated[ClassicalSegmentation, Field(discriminator="engine")]
