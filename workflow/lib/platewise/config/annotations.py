"""Section ``annotations``: images with the outlines of their nuclei or cells, drawn by people."""

from __future__ import annotations

from pydantic import Field

from platewise.config.base import Section


class AnnotationColumns(Section):
    """How the user's index spells what platewise calls image, label, group and class."""

    image: str = Field("image", description="Column with the path of the image; it counts from the index's folder.")
    label: str = Field(
        "label", description="Column with the path of its label image: 0 is background, every object has its number."
    )
    group: str = Field(
        "group",
        description="Column with what images have in common that are not independent: the plate, slide or experiment "
        "they are from. A group is never split between training and test.",
    )
    image_class: str = Field(
        "class", description="Column with the kind of image, such as fluorescence. Folds hold a share of each kind."
    )


class AnnotationsConfig(Section):
    """A set of annotated images, and how it is split to train on one part and test on the other."""

    index: str = Field(
        description="Path of a CSV table with a row an image; `${NAME}` is replaced by the environment's."
    )
    source: str = Field("", description="Where the images are from and under which licence: for the cards of weights.")
    columns: AnnotationColumns = Field(AnnotationColumns(), description="The names of the index's columns.")
    folds: int = Field(
        5, ge=2, le=50, description="Parts that the groups are dealt to; each is tested on by what the others trained."
    )
