"""Section ``segmentation``: the engines that find nuclei and cells, each chosen by ``engine``."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from platewise.config.base import Section

# The general tools that platewise can call, when the user has installed them.
Tool = Literal["cellpose", "stardist", "instanseg", "mesmer"]
TOOLS: tuple[Tool, ...] = get_args(Tool)
# Engines of nuclei or cells that are no networks, and networks that are not in torch.
WITHOUT_NETWORK = frozenset({"classical", "tuned", "seeded"})
IN_TENSORFLOW = frozenset({"stardist", "mesmer"})

# Where the keys of version 0.1 are now: there was one engine then, and its keys stood in the section itself.
MOVED = {
    f"segmentation.{old}": f"segmentation.{new}"
    for old, new in {
        "engine": "nuclei.engine",
        "nucleus_diameter": "nuclei.nucleus_diameter",
        "threshold_scale": "nuclei.threshold_scale",
        "seed_smoothing": "nuclei.seed_smoothing",
        "seed_height": "nuclei.seed_height",
        "minimum_area": "nuclei.minimum_area",
        "cell_threshold_scale": "cells.threshold_scale",
    }.items()
}


class ClassicalNuclei(Section):
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
    polarity: Literal["bright", "dark"] = Field(
        "bright", description="Whether nuclei are brighter (fluorescence) or darker (stained tissue) than their ground."
    )
    colour: Literal["grey", "red", "green", "blue"] = Field(
        "grey", description="What is looked at in a colour image: the mean of its colours, or one of them."
    )


class TunedNuclei(Section):
    """The classical engine with parameters that were searched on a few annotated images."""

    engine: Literal["tuned"] = Field(
        description="`tuned`: `classical` with parameters made by the rule `tune_classical`."
    )
    parameters: str | None = Field(None, description="Path of the parameters, a JSON file that `tune_classical` made.")
    segmenter: str | None = Field(
        None, description="Instead of `parameters`: those that this campaign searches, by name in `segmenters`."
    )

    @model_validator(mode="after")
    def _one_source(self) -> TunedNuclei:
        if (self.parameters is None) == (self.segmenter is None):
            raise ValueError("`parameters` or `segmenter`, one of the two")
        return self


def _refuse_both(section: Section, weights: str, segmenter: str) -> None:
    if getattr(section, weights) is not None and getattr(section, segmenter) is not None:
        raise ValueError(f"`{weights}` or `{segmenter}`, not both")


class LearnedNuclei(Section):
    """Keys that every engine with weights of platewise's own has."""

    weights: str | None = Field(
        None,
        description="Path of the weights, a `.safetensors` file that `train_segmenter` made. Left out: those that come "
        "with platewise; for nuclei `flow` has some, others must be trained.",
    )
    segmenter: str | None = Field(
        None, description="Instead of `weights`: those that this campaign trains, by name in `segmenters`."
    )
    nucleus_diameter: float | None = Field(
        None, gt=2, description="Typical diameter of a nucleus in pixels. Left out: estimated, image by image."
    )
    scale_weights: str | None = Field(
        None,
        description="Path of the weights of the network that estimates the diameter (`engine: scale` in `segmenters`). "
        "Left out: those that come with platewise.",
    )
    scale_segmenter: str | None = Field(
        None, description="Instead of `scale_weights`: those that this campaign trains, by name in `segmenters`."
    )
    flips: Literal[1, 2, 4, 8] = Field(
        2,
        description="Mirrored and turned copies of an image whose maps are averaged. Time grows with it; 1 is twice as "
        "fast and a little less accurate.",
    )
    tile: int = Field(
        1024,
        ge=256,
        multiple_of=32,
        description="Side of the tiles that the network sees, in pixels; too small ones for the network are enlarged. "
        "Changes no label.",
    )
    batch: int = Field(
        4, ge=1, description="Tiles that the network sees at a time; halved by itself when a GPU runs out of memory."
    )

    @model_validator(mode="after")
    def _one_source(self) -> LearnedNuclei:
        _refuse_both(self, "weights", "segmenter")
        _refuse_both(self, "scale_weights", "scale_segmenter")
        return self


class DenseNuclei(LearnedNuclei):
    """Keys of engines that predict maps, from which nuclei are read."""

    foreground_threshold: float = Field(
        0.5, gt=0, lt=1, description="Least probability of a pixel of a nucleus. Higher: fewer and smaller nuclei."
    )
    minimum_area: float = Field(
        0.05, ge=0, description="Least area of a nucleus, as a share of a disk with the typical diameter."
    )
    scales: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = Field(
        (1.0,),
        min_length=1,
        description="Factors on each network's working size at which the image is seen, averaged. Time grows with "
        "their squares.",
    )
    precision: Literal["auto", "full"] = Field(
        "auto",
        description="`auto`: half precision on a GPU, where it is several times faster; outlines then differ from the "
        "CPU's by single pixels. `full`: float32 everywhere.",
    )


class UnetNuclei(DenseNuclei):
    """U-Net that tells background, inside and boundary apart."""

    engine: Literal["unet"] = Field(description="`unet`: a U-Net that tells background, inside and boundary apart.")


class FpnNuclei(DenseNuclei):
    """Feature pyramid that predicts foreground, distance from the centre and directions."""

    engine: Literal["fpn"] = Field(
        description="`fpn`: a feature pyramid that predicts foreground, centre distance and directions."
    )


class FlowNuclei(DenseNuclei):
    """U-Net that predicts foreground and a flow to each nucleus's centre."""

    engine: Literal["flow"] = Field(
        "flow", description="`flow`: a U-Net that predicts a flow to each nucleus's centre."
    )
    flow_error: float = Field(
        0.4,
        gt=0,
        description="A nucleus is dropped when its predicted flow differs by more than this (mean squared error) from "
        "the flow that its shape implies.",
    )


class MaskRcnnNuclei(LearnedNuclei):
    """Mask R-CNN: boxes first, then a mask in each."""

    engine: Literal["maskrcnn"] = Field(description="`maskrcnn`: boxes first, then a mask in each.")
    score_threshold: float = Field(0.5, gt=0, lt=1, description="Least score of a box that is kept.")
    overlap_threshold: float = Field(
        0.3, gt=0, le=1, description="Of boxes that overlap by more than this (IoU), only the best is kept."
    )
    precision: Literal["auto", "full"] = DenseNuclei.model_fields["precision"]


class EnsembleNuclei(Section):
    """Several trained networks, their maps averaged before nuclei are read from them."""

    engine: Literal["ensemble"] = Field(description="`ensemble`: several dense networks, averaged.")
    members: tuple[str, ...] = Field(
        (), description="Paths of the weights of `unet`, `fpn` and `flow` networks, in any mixture."
    )
    segmenters: tuple[str, ...] = Field(
        (), description="Further members: networks that this campaign trains, by name in `segmenters`."
    )
    scales: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = DenseNuclei.model_fields["scales"]
    nucleus_diameter: float | None = LearnedNuclei.model_fields["nucleus_diameter"]
    scale_weights: str | None = LearnedNuclei.model_fields["scale_weights"]
    scale_segmenter: str | None = LearnedNuclei.model_fields["scale_segmenter"]
    flips: Literal[1, 2, 4, 8] = LearnedNuclei.model_fields["flips"]
    tile: int = LearnedNuclei.model_fields["tile"]
    batch: int = LearnedNuclei.model_fields["batch"]
    foreground_threshold: float = DenseNuclei.model_fields["foreground_threshold"]
    minimum_area: float = DenseNuclei.model_fields["minimum_area"]
    flow_error: float = FlowNuclei.model_fields["flow_error"]
    precision: Literal["auto", "full"] = DenseNuclei.model_fields["precision"]

    @model_validator(mode="after")
    def _has_members(self) -> EnsembleNuclei:
        if not self.members and not self.segmenters:
            raise ValueError("at least one network among `members` and `segmenters`")
        _refuse_both(self, "scale_weights", "scale_segmenter")
        return self


class ToolNuclei(Section):
    """A general tool that the user installed, with weights that the user has."""

    engine: Tool = Field(description="`cellpose`, `stardist`, `instanseg` or `mesmer`: that tool, if it is installed.")
    weights: str = Field(description="Path of the tool's weights. Nothing is downloaded.")
    nucleus_diameter: float | None = Field(
        None, gt=2, description="Typical diameter of a nucleus in pixels. Left out: the tool's own way."
    )


NucleiConfig = Annotated[
    ClassicalNuclei | TunedNuclei | UnetNuclei | FpnNuclei | FlowNuclei | MaskRcnnNuclei | EnsembleNuclei | ToolNuclei,
    Field(discriminator="engine"),
]


class SeededCells(Section):
    """Grow each nucleus to its cell over the cell channels."""

    engine: Literal["seeded"] = Field(
        "seeded",
        description="`seeded`: nuclei grow over the cell channels, as CellProfiler's IdentifySecondaryObjects.",
    )
    threshold_scale: float = Field(
        1.0, gt=0, description="Factor on the automatic threshold of cells. Above 1: smaller cells."
    )
    method: Literal["watershed", "propagation"] = Field(
        "watershed",
        description="How cells that meet are parted, as CellProfiler calls it: along the valleys of brightness "
        "(`watershed`), or where the paths on which brightness changes least cost as much from both nuclei "
        "(`propagation`).",
    )
    regularization: float = Field(
        0.05,
        gt=0,
        description="`propagation` only: what a step costs beside the change of brightness on it (0 to 1). Large: "
        "borders half way between nuclei.",
    )


class FlowCells(Section):
    """U-Net with a nucleus and a cell channel that predicts a flow to each cell's centre."""

    engine: Literal["flow"] = Field(
        description="`flow`: a U-Net that sees nuclei and cell channels, and predicts flows."
    )
    weights: str | None = LearnedNuclei.model_fields["weights"]
    segmenter: str | None = LearnedNuclei.model_fields["segmenter"]
    flips: Literal[1, 2, 4, 8] = LearnedNuclei.model_fields["flips"]
    tile: int = LearnedNuclei.model_fields["tile"]
    batch: int = LearnedNuclei.model_fields["batch"]
    foreground_threshold: float = Field(
        0.5, gt=0, lt=1, description="Least probability of a pixel of a cell. Higher: smaller cells."
    )
    precision: Literal["auto", "full"] = DenseNuclei.model_fields["precision"]

    @model_validator(mode="after")
    def _one_source(self) -> FlowCells:
        _refuse_both(self, "weights", "segmenter")
        return self


CellsConfig = Annotated[SeededCells | FlowCells, Field(discriminator="engine")]


class SegmentationConfig(Section):
    """How nuclei and cells are found."""

    nuclei_channel: str = Field("DNA", description="Channel in which nuclei are found.")
    cell_channels: tuple[str, ...] = Field(
        ("ER", "RNA", "AGP"), min_length=1, description="Channels whose sum outlines whole cells."
    )
    batch_size: int = Field(4, ge=1, description="Fields that are handed to the engine at a time.")
    nuclei: NucleiConfig = Field(FlowNuclei(), description="The engine that finds nuclei.")
    cells: CellsConfig = Field(SeededCells(), description="The engine that finds the cell of each nucleus.")
