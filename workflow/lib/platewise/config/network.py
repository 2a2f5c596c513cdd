"""Section ``network``: which perturbations are connected."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from platewise.config.base import Section


class NetworkConfig(Section):
    """The compound network."""

    doses: Literal["mean", "median", "highest", "strongest"] = Field(
        "mean",
        description="How the doses of a perturbation become one node: the mean or median of their "
        "profiles, the highest "
        "dose, or the one furthest from the controls.",
    )
    include_negcon: bool = Field(False, description="Show the negative controls as a node.")
    neighbours: int = Field(10, ge=1, description="At most this many connections are kept from each node.")
    max_q: float = Field(0.05, gt=0, le=1, description="Connections with a larger false discovery rate are left out.")
    max_edges: int = Field(100_000, ge=1, description="At most this many connections in all, the strongest first.")
    shuffles: int = Field(
        200,
        ge=1,
        description="How often the labels of wells are shuffled within their plate for the null distribution.",
    )
    null_size: int = Field(
        200_000, ge=100, description="At most this many null similarities are kept: the smallest p is one over this."
    )
    seed: int = Field(0, ge=0, description="Seed of shuffles, layout and communities. Without it, the campaign's.")
