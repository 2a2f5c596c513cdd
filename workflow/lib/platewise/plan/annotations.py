"""The sets of annotated images that a campaign names, as far as their indices tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from platewise.config.annotations import AnnotationsConfig
from platewise.errors import ConfigError, Problem
from platewise.plan.sheets import expand
from platewise.segmentation.annotations import Annotation, read_index


@dataclass(frozen=True)
class AnnotatedImages:
    """A set of annotated images: the path of its index, and its rows."""

    index: str
    images: list[Annotation]

    @property
    def classes(self) -> list[str]:
        """The classes of its images, sorted."""
        return sorted({image.image_class for image in self.images})


def read_annotations(
    sections: Mapping[str, AnnotationsConfig], source: str, problems: list[Problem]
) -> dict[str, AnnotatedImages]:
    """Read the indices of the config's section ``annotations``, by name.

    Parameters
    ----------
    sections
        The section.
    source
        The config's file, for messages.
    problems
        Grows by what is wrong; a set whose index cannot be read is left out.
    """
    found = {}
    for name, section in sections.items():
        place = f"{source}, key annotations.{name}"
        index = expand(section.index, f"{place}.index", problems)
        try:
            images = AnnotatedImages(index, read_index(index, section.columns, f"{place}.index"))
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        found[name] = images
        groups = len({image.group for image in images.images})
        if groups < section.folds:
            told = f"{section.folds}, with {groups} group(s) of images"
            problems.append(
                Problem(
                    f"{place}.folds",
                    told,
                    "at most as many folds as groups",
                    f"ask for fewer folds, or correct the column {section.columns.group}",
                )
            )
    return found
