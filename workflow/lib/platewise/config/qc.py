"""Section ``qc``: when a field or a well is worth a second look."""

from __future__ import annotations

from pydantic import Field

from platewise.config.base import Section


class QcConfig(Section):
    """Thresholds of the flags. A flag removes nothing: it is shown on the plate's page, in words."""

    saturation_level: float = Field(
        65535.0,
        gt=0,
        description="Camera value at which a pixel is full: 65535 for 16 bits, 4095 for a 12-bit camera.",
    )
    max_saturated: float = Field(
        0.01, ge=0, le=1, description="Share of full pixels in one channel above which a field counts as saturated."
    )
    low_count_z: float = Field(
        3.5,
        gt=0,
        description="A well has few cells when its cells per field lie this many robust standard deviations below the "
        "plate's negative controls. 3.5 is the usual cut (Iglewicz and Hoaglin 1993). What is toxic is flagged too.",
    )
    min_controls: int = Field(
        4,
        ge=2,
        description="With fewer usable negative controls on the plate, cell counts are held against all its wells.",
    )
    focus_z: float = Field(
        3.5,
        gt=0,
        description="A field is out of focus when the slope of its power spectrum in a channel lies this many robust "
        "standard deviations below the plate's fields.",
    )
    min_focus_loss: float = Field(
        0.5,
        ge=0,
        description="Least drop of that slope below the plate's median, so that a very even plate flags no fine field. "
        "A blur of one pixel costs 0.3, of two pixels 1.2.",
    )
