"""Section ``network``: which perturbations are connected."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from platewise.config.base import Section


class NetworkConfig(Section):
    """The network of perturbations."""

    doses: Literal["mean", "median", "highest", "strongest"] = Field(
        "mean",
        description="How the doses of a perturbation become one node: the mean or median of their "
        "profiles, the highest "
        "dose, or the one furthest from the controls.",
    )
    include_negcon: bool = Field(False, description="Show the negative controls as a node.")
    neighbours: int = Field(10, ge=1, description="At most this many connections are kept from each node.")
    top_share: float | None = Field(
        None,
        gt=0,
        lt=100,
        description="Instead of each node's nearest, the strongest pairs of all are candidates: so many percent of "
        "them, at most `max_edges`. A few dense groups then take most connections.",
    )
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
    resolution: float = Field(
        1.0, gt=0, description="Of the communities (Leiden, modularity): larger gives more and smaller ones."
    )
    resamples: int = Field(
        50, ge=1, description="Resamples of the connections behind the stability score of each community."
    )
    seed: int = Field(0, ge=0, description="Seed of shuffles, layout and communities. Without it, the campaign's.")
