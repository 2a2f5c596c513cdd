"""The config section ``crops``: the small images of single cells that embeddings are made from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from platewise.config.base import Section


class CropsConfig(Section):
    """How single cells are cut out of the fields."""

    size: int = Field(
        default=96,
        ge=16,
        le=512,
        description="Side of the square crop in pixels, even. It should hold a typical cell: 96 pixels are about 60 µm "
        "at 20x. Larger crops show neighbours and cost disk and time with their area.",
    )
    keep: Literal["sample", "all"] = Field(
        default="sample",
        description="`sample` stores a random sample of every well, enough to train an embedding; the other cells are "
        "cut again, from images and labels, when they are embedded. `all` stores every cell: about twice the "
        "size of the raw images.",
    )
    cells_per_well: int = Field(
        default=50,
        ge=1,
        description="With `keep: sample`, the most cells that are stored of one well. Wells with fewer keep them all.",
    )
    keep_border: bool = Field(
        default=False,
        description="Also keep cells that touch the border of the field. They are cut off by the camera, so their "
        "shape says nothing about the perturbation.",
    )
    mask: Literal["none", "cell"] = Field(
        default="none",
        description="`none` keeps what lies around the cell, so that a crop shows its neighbourhood. `cell` sets every "
        "pixel outside the cell to zero, which makes crops depend on the quality of the cell's outline.",
    )

    @field_validator("size")
    @classmethod
    def _even(cls, size: int) -> int:
        if size % 2:
            raise ValueError(f"crop size {size} is odd; use an even number of pixels, such as {size + 1}")
        return size
