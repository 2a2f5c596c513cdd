"""Section ``correction``: how differences between batches are taken out of the profiles."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from platewise.config.base import Section


def _check_share(shrinkage: float | str) -> None:
    if shrinkage != "auto" and not 0 <= float(shrinkage) <= 1:
        raise ValueError(f"shrinkage is {shrinkage}; expected `auto` or a number from 0 to 1")


class NoCorrection(Section):
    """Profiles as they are, for comparison."""

    method: Literal["none"] = Field("none", description="Leave the profiles as they are.")


class SpheringCorrection(Section):
    """Make the variation of the negative controls round: what differs between controls is no phenotype."""

    method: Literal["sphering"] = Field("sphering", description="Whitening fitted on negative controls (ZCA-cor).")
    shrinkage: float | Literal["auto"] = Field(
        "auto",
        description="From 0 (remove all that varies among controls) to 1 (only scale). `auto` takes what "
        "best predicts the "
        "controls of plates left out; no annotation is looked at.",
    )
    min_controls: int = Field(
        12,
        ge=3,
        description="Refused with fewer negative control wells than this: directions cannot be learned from them.",
    )
    when_refused: Literal["error", "leave"] = Field(
        "error",
        description="With too few controls: stop with an error, or `leave` the profiles uncorrected and say "
        "so in every "
        "score.",
    )

    @model_validator(mode="after")
    def _share(self) -> SpheringCorrection:
        _check_share(self.shrinkage)
        return self


class ReplicateCorrection(Section):
    """Make the variation between replicates round, and keep the directions in which treatments repeat."""

    method: Literal["replicates"] = Field(
        "replicates",
        description="Sphering fitted on what differs between wells of the same treatment. Replicates should lie on "
        "several plates, best in several batches. No annotation is looked at, but the scores of replicates are then "
        "too good.",
    )
    rows: Literal["replicates", "both"] = Field(
        "both",
        description="What the nuisance is learned from: differences between `replicates`, or `both` these and the "
        "negative controls.",
    )
    shrinkage: float | Literal["auto"] = Field(
        "auto",
        description="From 0 (remove all that varies so) to 1 (only scale). `auto` takes what best predicts batches "
        "left out.",
    )
    weigh_by_reliability: bool = Field(
        True,
        description="Weigh each direction by the share of the treatments' variation along it that is not noise. "
        "Directions in which no treatment moves are then left out.",
    )
    origin: Literal["controls", "treated"] = Field(
        "controls",
        description="From where profiles are measured: the mean of the negative `controls`, or the mean treatment. "
        "Take `treated` where controls lie elsewhere on the plates than treated wells do: then all of these have their "
        "place in common.",
    )
    min_controls: int = Field(12, ge=3, description="Refused with fewer negative control wells than this.")
    min_differences: int = Field(
        24,
        ge=3,
        description="Refused with fewer independent differences between replicates than this: treated wells beyond the "
        "first of each treatment.",
    )
    when_refused: Literal["error", "leave"] = Field(
        "error",
        description="With too few controls or replicates: stop with an error, or `leave` the profiles uncorrected and "
        "say so in every score.",
    )

    @model_validator(mode="after")
    def _share(self) -> ReplicateCorrection:
        _check_share(self.shrinkage)
        return self


class CombatCorrection(Section):
    """Empirical-Bayes removal of each batch's mean and scale."""

    method: Literal["combat"] = Field(
        "combat",
        description="ComBat (scanpy). Needs the same treatments in every batch; otherwise it removes phenotype.",
    )


class HarmonyCorrection(Section):
    """Soft clusters aligned between batches in principal components."""

    method: Literal["harmony"] = Field("harmony", description="Harmony (harmonypy) on principal components.")
    components: int = Field(50, ge=2, description="Principal components the profiles are reduced to.")
    seed: int = Field(0, ge=0, description="Seed of the clustering. Without it, the campaign's.")


class MnnCorrection(Section):
    """Batches moved onto each other by their negative controls."""

    method: Literal["mnn"] = Field(
        "mnn", description="Mutual nearest neighbours between the negative controls of different batches."
    )
    neighbours: int = Field(
        20, ge=1, description="How many controls of the other batch count as near: 20, as the method was published."
    )
    min_controls: int = Field(4, ge=1, description="Refused when a batch has fewer negative control wells than this.")


CorrectionMethod = Annotated[
    NoCorrection | SpheringCorrection | ReplicateCorrection | CombatCorrection | HarmonyCorrection | MnnCorrection,
    Field(discriminator="method"),
]


# {features}.{name}.parquet is something else for these, and `uncorrected` stands for level 3 in the batch scores.
_TAKEN = {"selected", "selection", "uncorrected"}


class CorrectionConfig(Section):
    """The corrections to run, and the one that is judged."""

    methods: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")], CorrectionMethod] = Field(
        default_factory=lambda: {"none": NoCorrection(), "sphering": SpheringCorrection()},
        min_length=1,
        description="Corrections by name (the name appears in file names and figures). All are shown in the report.",
    )
    preset: str = Field(
        "sphering",
        description="The one whose network is the campaign's result. Choose it before looking at the scores: "
        "the best of "
        "several by a score is chosen by that score.",
    )

    @model_validator(mode="after")
    def _names_are_free(self) -> CorrectionConfig:
        taken = sorted(_TAKEN & set(self.methods))
        if taken:
            raise ValueError(f"method name {', '.join(taken)} is the name of another table; choose another name")
        return self

    @model_validator(mode="after")
    def _preset_exists(self) -> CorrectionConfig:
        if self.preset not in self.methods:
            raise ValueError(f"preset is {self.preset!r}; expected one of the methods: {', '.join(self.methods)}")
        return self
