"""Section ``segmenters``: what is trained, or searched, on annotated images to find nuclei or cells.

Each is a tagged union: ``engine`` is the engine of the section ``segmentation`` that can use the result.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from platewise.config.base import Section


class SegmenterBase(Section):
    """Keys that everything made from annotated images has."""

    annotations: str = Field(description="Name of the annotated images, one of the section `annotations`.")
    classes: tuple[str, ...] = Field((), description="Learn from images of these classes only. Empty: from all.")
    train_on_all: bool = Field(
        True,
        description="Also learn from all images, for use: `campaign/segmenters/{name}/all`. `false` for one that is "
        "only compared with others, fold by fold.",
    )


class SegmenterAugmentConfig(Section):
    """Random changes to the pieces of images that a network is shown; turns and mirroring are always among them."""

    scale: float = Field(
        1.6,
        ge=1,
        le=4,
        description="Objects are up to so many times larger or smaller than their working size. Changes nothing for "
        "`engine: scale`, which has to learn sizes of all kinds.",
    )
    elastic: float = Field(0.1, ge=0, le=1, description="Bending: so far are points moved, in diameters of an object.")
    intensity: float = Field(
        0.3, ge=0, le=1, description="Changes of brightness, contrast, gamma and evenness of light."
    )
    blur: float = Field(1.5, ge=0, le=10, description="Strongest blur, in pixels.")
    noise: float = Field(0.1, ge=0, le=1, description="Strongest noise, as a share of the image's range.")
    invert: float = Field(0.25, ge=0, le=1, description="Share of pieces whose dark and bright are exchanged.")
    colour: float = Field(
        0.5, ge=0, le=1, description="Share of colour pieces that are stained otherwise or made grey."
    )


class NetworkSegmenter(SegmenterBase):
    """Keys of the networks. What is random follows the campaign's seed."""

    target: Literal["nuclei", "cells"] = Field(
        "nuclei",
        description="What the labels show. `cells`, for the engine `flow` only, takes images of two channels, nuclei "
        "and cells; `nuclei` takes grey and colour images.",
    )
    diameter: float = Field(
        20.0,
        ge=8,
        le=64,
        description="Working size in pixels: images are scaled so that a nucleus (`target: cells`: a cell) has it.",
    )
    width: int = Field(
        16, ge=4, le=128, multiple_of=4, description="Filters of the first layer. Cost grows with its square."
    )
    steps: int = Field(4000, ge=1, description="Most steps of the training.")
    batch: int = Field(8, ge=1, description="Pieces of images in a step. Changing it changes the result.")
    crop: int = Field(
        160, ge=32, le=1024, multiple_of=32, description="Side of a piece, in pixels at the working size."
    )
    learning_rate: float = Field(
        2e-3, gt=0, le=1, description="Highest learning rate; it rises at first, then falls as a cosine."
    )
    weight_decay: float = Field(0.01, ge=0, le=10, description="Weight decay of AdamW.")
    average: float = Field(
        0.998,
        ge=0,
        lt=1,
        description="The weights that are kept are a running mean: the share that a step leaves of it.",
    )
    precision: Literal["full", "mixed"] = Field(
        "mixed", description="`mixed`: bfloat16 where a GPU is used and loses nothing by it; float32 elsewhere."
    )
    augment: SegmenterAugmentConfig = Field(SegmenterAugmentConfig(), description="Random changes to what is shown.")
    validation_share: float = Field(
        0.1,
        ge=0,
        le=0.5,
        description="Share of the groups that are not trained on but looked at, to stop when the loss on them falls no "
        "more and to keep the best weights. 0: train to the last step.",
    )
    validate_every: int = Field(
        250, ge=1, description="Steps between two looks at the validation images; the state is saved then, too."
    )
    patience: int = Field(8, ge=1, description="Stop after so many looks without a better one.")
    start_from: str | None = Field(
        None,
        description="Path of weights to go on from, or `shipped` for those that come with platewise. Left out: random "
        "ones. Shipped weights have seen all of DSB 2018: scores on its folds then say nothing.",
    )


class DenseSegmenter(NetworkSegmenter):
    """Keys of the networks that find objects."""

    encoder: Literal["resnet", "densenet", "inception"] = Field(
        "resnet", description="Family of the part of the network that looks at the image."
    )


class UnetSegmenter(DenseSegmenter):
    """A U-Net that tells background, inside and boundary apart."""

    engine: Literal["unet"] = Field(description="`unet`: a U-Net that tells background, inside and boundary apart.")


class FpnSegmenter(DenseSegmenter):
    """A feature pyramid that predicts foreground, distance from the centre and directions."""

    engine: Literal["fpn"] = Field(
        description="`fpn`: a feature pyramid that predicts foreground, centre distance and directions."
    )


class FlowSegmenter(DenseSegmenter):
    """A U-Net that predicts foreground and a flow to each object's centre."""

    engine: Literal["flow"] = Field(description="`flow`: a U-Net that predicts a flow to each object's centre.")


class MaskRcnnSegmenter(DenseSegmenter):
    """A Mask R-CNN."""

    engine: Literal["maskrcnn"] = Field(description="`maskrcnn`: boxes first, then a mask in each.")


class ScaleSegmenter(NetworkSegmenter):
    """The small network that tells how large the nuclei of an image are, for engines that are not told."""

    engine: Literal["scale"] = Field(
        description="`scale`: tells how large nuclei are, for images whose `nucleus_diameter` is left out."
    )


class TunedSegmenter(SegmenterBase):
    """Parameters of the classical engine, searched on a handful of annotated images: the expert's way."""

    engine: Literal["tuned"] = Field(
        description="`tuned`: no network; the parameters of `classical` are searched (rule `tune_classical`)."
    )
    images_per_class: int = Field(5, ge=1, description="Annotated images of each class that the search looks at.")
    trials: int = Field(200, ge=1, description="Sets of parameters that are tried for each class.")


TrainedSegmenter = UnetSegmenter | FpnSegmenter | FlowSegmenter | MaskRcnnSegmenter | ScaleSegmenter
SegmenterConfig = Annotated[TrainedSegmenter | TunedSegmenter, Field(discriminator="engine")]
