"""Section ``store``: what the OME-Zarr plate store holds."""

from __future__ import annotations

from pydantic import Field

from platewise.config.base import Section


class StoreConfig(Section):
    """Labels are always stored; images only when asked, since they double the campaign's size on disk."""

    images: bool = Field(
        False,
        description="Also store the raw images in the plate store, so that napari shows them under the labels.",
    )
    levels: int = Field(
        3, ge=1, le=6, description="Pyramid levels, each half as wide as the last. Without images there is one level."
    )
