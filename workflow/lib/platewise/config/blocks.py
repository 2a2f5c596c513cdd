"""Section ``blocks``: how a plate is cut into jobs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from platewise.config.base import Section


class BlocksConfig(Section):
    """A block is the unit of a job: neighbouring wells of one plate with all their fields, or one field."""

    unit: Literal["wells", "field"] = Field(
        "wells",
        description="`wells`: a job for `wells_per_block` wells; `field`: a job a field (needs `fields_per_well`).",
    )
    wells_per_block: int = Field(
        16, ge=1, le=1536, description="Wells in a block. 1 gives a job a well; 16 loads a model once for 16 wells."
    )
