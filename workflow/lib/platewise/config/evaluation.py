"""Section ``evaluation``: how good the network and the correction are."""

from __future__ import annotations

from pydantic import Field, field_validator

from platewise.config.base import Section


class EvaluationConfig(Section):
    """Scores, their intervals and their tests."""

    shares: tuple[float, ...] = Field(
        (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0),
        min_length=1,
        description="Shares of top connections, in percent, at which enrichment is computed: the points of the curve.",
    )
    headline_share: float = Field(1.0, gt=0, lt=100, description="The share, in percent, whose enrichment is a score.")
    permutations: int = Field(1000, ge=20, description="Shuffles behind a p-value of enrichment and of paired tests.")
    shuffles: int = Field(100, ge=10, description="Shuffles of the labels for the `shuffled` baseline of every score.")
    bootstraps: int = Field(500, ge=20, description="Resamples of perturbations behind every 95 % interval.")
    null_size: int = Field(
        2000, ge=100, description="Random rankings behind the p-value of a perturbation's precision."
    )
    max_q: float = Field(0.05, gt=0, le=1, description="False discovery rate below which a perturbation counts.")
    seed: int = Field(0, ge=0, description="Seed of every shuffle and resample. Without it, the campaign's.")

    @field_validator("shares")
    @classmethod
    def _percent(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < share < 100 for share in shares):
            raise ValueError(f"shares are {shares}; expected percentages above 0 and below 100")
        return tuple(sorted(set(shares)))
