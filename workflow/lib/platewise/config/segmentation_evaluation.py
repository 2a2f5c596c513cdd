"""Section ``segmentation_evaluation``: engines held against each other on the same annotated images."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from platewise.config.base import Section
from platewise.config.segmentation import (
    ClassicalNuclei,
    EnsembleNuclei,
    FlowNuclei,
    FpnNuclei,
    LearnedNuclei,
    MaskRcnnNuclei,
    ToolNuclei,
    TunedNuclei,
    UnetNuclei,
)


class PerClassNuclei(Section):
    """A segmenter of its own for each class of images: told the class, as no engine in a campaign is."""

    engine: Literal["per_class"] = Field(
        description="`per_class`: another segmenter for each class of images, which it is told. Only to compare with."
    )
    segmenters: dict[str, str] = Field(
        min_length=1, description="The class of an image to the name of the segmenter that is used on it."
    )
    scale_segmenter: str | None = LearnedNuclei.model_fields["scale_segmenter"]
    flips: Literal[1, 2, 4, 8] = LearnedNuclei.model_fields["flips"]


ContenderConfig = Annotated[
    ClassicalNuclei
    | TunedNuclei
    | UnetNuclei
    | FpnNuclei
    | FlowNuclei
    | MaskRcnnNuclei
    | EnsembleNuclei
    | ToolNuclei
    | PerClassNuclei,
    Field(discriminator="engine"),
]


class SegmentationEvaluationConfig(Section):
    """Which engines are compared, and on what.

    Each image is segmented by networks and parameters that the campaign made without the images of its fold; those
    that it did not make are marked on the page.
    """

    annotations: str = Field(description="Name of the annotated images, one of the section `annotations`.")
    contenders: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ContenderConfig] = Field(
        min_length=1,
        description="Engines by name, each with the keys of `segmentation.nuclei`. One that names a segmenter of this "
        "campaign is made once for each fold. Weights that come with platewise, or by path, may have seen the images: "
        "the page marks what uses them, if only for want of `scale_segmenter`.",
    )
    reference: str = Field(description="The contender that all others are compared with, image by image.")
    ablation: bool = Field(
        False, description="Also run every ensemble without each of its segmenters, and each of them alone."
    )
    gallery: tuple[str, ...] = Field(
        (), description="Contenders whose worst and usual images the page shows. Empty: the reference."
    )
    resamples: int = Field(2000, ge=50, description="Bootstrap samples and permutations behind intervals and p-values.")

    @model_validator(mode="after")
    def _contenders_exist(self) -> SegmentationEvaluationConfig:
        for key, names in (("reference", [self.reference]), ("gallery", self.gallery)):
            for name in names:
                if name not in self.contenders:
                    raise ValueError(f"{key} is {name!r}; expected one of the contenders: {', '.join(self.contenders)}")
        return self
