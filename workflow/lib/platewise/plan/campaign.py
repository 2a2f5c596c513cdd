"""From a raw config to a checked campaign: everything that is wrong is found here, before any job, and told at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from platewise.config.base import Section, expected_value
from platewise.config.campaign import CLASSICAL, CampaignConfig
from platewise.config.embedding import CropsSection
from platewise.config.ploidy import PLOIDY_GROUPS
from platewise.config.reference import is_tag, sections_of
from platewise.config.segmentation import MOVED
from platewise.errors import ConfigError, Problem
from platewise.plan.annotations import AnnotatedImages, read_annotations
from platewise.plan.cell_rules import rule_problems
from platewise.plan.check_segmenters import check_segmenters
from platewise.plan.embeddings import file_problems
from platewise.plan.mechanisms import mechanism_problems
from platewise.plan.plates import Plate, read_plates
from platewise.plan.sheets import expand
from platewise.plan.treatments import Treatment
from platewise.plan.variants import list_variants, variant_problems, with_wild_types
from platewise.profiles.plates import plates_of, table_paths
from platewise.segmentation.weight_files import weight_problems

# Built in; needs no entry under images.readers.
BUILTIN_READERS = ("phenix",)


@dataclass(frozen=True)
class Campaign:
    """A campaign ready to be planned.

    ``plates`` holds the plates with images; a campaign that starts from a table has names only. ``annotations`` are
    the sets of annotated images that segmenters are trained on, ``variants`` those with their wild types.
    """

    config: CampaignConfig
    plates: dict[str, Plate]
    plate_names: list[str]
    annotations: dict[str, AnnotatedImages] = field(default_factory=dict)
    variants: list[tuple[str, str]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where all results of the campaign lie."""
        return Path(self.config.results) / self.config.campaign

    @property
    def from_images(self) -> bool:
        """Whether the campaign starts from images."""
        return self.config.plates is not None

    @property
    def from_table(self) -> bool:
        """Whether the campaign starts from tables of well profiles."""
        return self.config.table is not None

    @property
    def has_profiles(self) -> bool:
        """Whether there is something to profile; else the campaign makes segmenters only."""
        return self.from_images or self.from_table

    @property
    def preset(self) -> str:
        """The profiles that are judged, as their files are named: features and correction."""
        return f"{self.config.preset_features}.{self.config.correction.preset}"

    @property
    def tables(self) -> list[str]:
        """Paths of the profile tables that the campaign starts from."""
        return [] if self.config.table is None else table_paths(self.config.table, [])

    @property
    def metadata_tables(self) -> list[str]:
        """Paths of the tables that say what perturbations are."""
        metadata = self.config.metadata
        tables = [metadata.table, metadata.annotations.table if metadata.annotations else None]
        return [expand(table, "config, key metadata", []) for table in tables if table is not None]

    @property
    def layouts(self) -> dict[tuple[str, ...], list[str]]:
        """Plates that are cut into the same blocks: block names to plate names."""
        layouts: dict[tuple[str, ...], list[str]] = {}
        for name, plate in self.plates.items():
            layouts.setdefault(tuple(plate.blocks), []).append(name)
        return layouts


def load_campaign(raw: dict[str, Any], source: str = "config") -> Campaign:
    """Check a config and all its sheets.

    Parameters
    ----------
    raw
        The config as YAML gives it.
    source
        Its file, for messages.

    Raises
    ------
    ConfigError
        With everything that is wrong: unknown keys, wrong values, missing files, wells off the plate, duplicates,
        perturbations without metadata, plates without negative controls.
    """
    problems: list[Problem] = []
    config, reset = _parse(raw, source, problems)
    if config is None:
        raise ConfigError(problems)
    config = _with_seed(config)
    config = config.model_copy(update={"results": expand(config.results, f"{source}, key results", problems)})
    plates: dict[str, Plate] = {}
    names: list[str] = []
    # What wells were given, all plates together.
    given: list[Treatment] = []
    if config.plates is not None and config.table is None:
        images = f"{source}, key images"
        if config.images is None and not any(problem.place.startswith(images) for problem in problems):
            problems.append(Problem(images, "no such key", "channels and readers", "add the section images"))
        readers = {*BUILTIN_READERS, *(config.images.readers if config.images else ())}
        sheet = expand(config.plates, f"{source}, key plates", problems)
        if not reset & {"metadata", "blocks", "plate_format", "images"}:
            plates = read_plates(sheet, config.plate_format, readers, config.metadata, config.blocks, problems)
            names = list(plates)
            given = [treatment for plate in plates.values() for treatment in plate.treatments]
    elif config.table is not None and config.plates is None:
        # Needs pandas, which a campaign that starts from images plans without.
        from platewise.profiles.importing import check_tables

        given = check_tables(config.table, problems)
        names = plates_of(config.table) if given else []
        if config.metadata.wild_type:
            given = with_wild_types(given, config, problems)
    elif config.plates is not None:
        remedy = "keep the one that the campaign starts from"
        problems.append(Problem(source, "both plates and table", "one of them", remedy))
    elif not config.segmenters and config.segmentation_evaluation is None and not reset:
        remedy = "name what the campaign starts from, or what it trains on annotated images"
        problems.append(Problem(source, "neither plates nor table", "one of them, or segmenters", remedy))
    if given and not reset & {"metadata", "table"}:
        problems.extend(variant_problems(given, config, source))
        problems.extend(mechanism_problems(given, config, source))
    annotations = read_annotations(config.annotations, source, problems)
    problems.extend(_cross_check(config, source, names, reset))
    problems.extend(check_segmenters(config, source, annotations, reset))
    problems.extend(_check_adversaries(config, source, plates))
    if problems:
        raise ConfigError(problems)
    return Campaign(config, plates, names, annotations, list_variants(given))


def _check_adversaries(config: CampaignConfig, source: str, plates: dict[str, Plate]) -> Iterable[Problem]:
    """Find adversaries whose training plates are all of one batch, or one plate: there is nothing to be hidden."""
    for name, embedding in config.embeddings.items():
        adversary = getattr(embedding, "adversary", None)
        if adversary is None:
            continue
        chosen = set(embedding.train_plates or plates) & set(plates) - set(embedding.validation_plates)
        known = {"batch": {plates[plate].row.batch for plate in chosen}, "plate": chosen}
        for origin in adversary.against:
            if chosen and origin in known and len(known[origin]) < 2:
                yield Problem(
                    f"{source}, key embeddings.{name}.adversary.against",
                    f"{origin}, of which the training plates have one",
                    f"training plates of two {origin} values or more",
                    "train on more plates, or leave the adversary out",
                )


def _with_seed(config: CampaignConfig) -> CampaignConfig:
    """Give the campaign's seed to every section that has one and was not given its own."""
    sections = {"network": config.network, "evaluation": config.evaluation}
    methods = {name: _seeded(method, config.seed) for name, method in config.correction.methods.items()}
    embeddings = {name: _seeded(section, config.seed) for name, section in config.embeddings.items()}
    seeded = {name: _seeded(section, config.seed) for name, section in sections.items()}
    correction = config.correction.model_copy(update={"methods": methods})
    return config.model_copy(update=seeded | {"correction": correction, "embeddings": embeddings})


def _seeded(section: Section, seed: int) -> Section:
    own = "seed" in section.model_fields_set or "seed" not in type(section).model_fields
    return section if own else section.model_copy(update={"seed": seed})


def _parse(raw: dict[str, Any], source: str, problems: list[Problem]) -> tuple[CampaignConfig | None, set[str]]:
    """Validate; a section that is wrong is told and then left at its default, so that the sheets are checked too.

    Returns
    -------
    config, reset
        The config, None if nothing can be made of it, and the sections that were left at their defaults: what is found
        wrong on account of those is not the user's doing.
    """
    try:
        return CampaignConfig.model_validate(raw), set()
    except ValidationError as error:
        problems.extend(_problem(details, source) for details in error.errors())
        wrong = {str(details["loc"][0]) for details in error.errors() if details["loc"]}
    try:
        return CampaignConfig.model_validate({key: value for key, value in raw.items() if key not in wrong}), wrong
    except ValidationError:
        return None, wrong


def _problem(details: dict[str, Any], source: str) -> Problem:
    key = ".".join(_path(details["loc"]))
    place = f"{source}, key {key}"
    if key in MOVED:
        return Problem(place, repr(details["input"])[:120], f"the key {MOVED[key]} instead", "move it there")
    if details["type"] == "extra_forbidden":
        known = _known_keys(details["loc"][:-1])
        close = difflib.get_close_matches(str(details["loc"][-1]), known, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "remove it, or see config/README.md for all keys"
        return Problem(place, "an unknown key", f"one of {', '.join(known) or 'the keys in config/README.md'}", remedy)
    if details["type"] == "missing":
        return Problem(place, "no such key", "a value", "add it; config/README.md describes it")
    if details["type"] == "union_tag_not_found":
        tag = details["ctx"]["discriminator"].strip("'")
        return Problem(place, "no key " + tag, f"{tag} among the keys", "add it; config/README.md lists its values")
    return Problem(
        place, repr(details["input"])[:120], expected_value(details), "correct the value; config/README.md describes it"
    )


def _path(location: Iterable[Any]) -> list[str]:
    """Return a key's path as the user writes it: without the tags of unions, which pydantic puts into it."""
    path, models = [], [CampaignConfig]
    for part in location:
        tagged = [model for model in models if part in _tags(model)]
        if tagged:
            models = tagged
            continue
        path.append(str(part))
        models = _below(models, part)
    return path


def _known_keys(location: Iterable[Any]) -> list[str]:
    """Return the keys of the section at a location that pydantic names."""
    models = [CampaignConfig]
    for part in location:
        models = [model for model in models if part in _tags(model)] or _below(models, part)
    return list(dict.fromkeys(key for model in models for key in model.model_fields))


def _below(models: list[type[BaseModel]], part: Any) -> list[type[BaseModel]]:
    """Return the sections that a key, or an item of a mapping or list, of one of ``models`` may be."""
    fields = [model.model_fields[part] for model in models if part in model.model_fields]
    # An item of a mapping or list: the sections are those of the key before it.
    return [section for field in fields for section, _ in sections_of(field.annotation)] if fields else models


def _tags(model: type[BaseModel]) -> set[Any]:
    """Return the values that tell a variant of a union, such as ``classical``."""
    return {value for field in model.model_fields.values() for value in get_args(field.annotation) if is_tag(field)}


def _check_ploidy(config: CampaignConfig, source: str) -> Iterable[Problem]:
    """Find a DNA channel that is none, or that was named although nothing it needs is measured."""
    named = config.ploidy.channel if config.ploidy else None
    if named is None:
        return
    channels = list(config.images.channels)
    if named not in channels:
        remedy = "name a channel of images.channels"
        yield Problem(f"{source}, key ploidy.channel", repr(named), f"one of {', '.join(channels)}", remedy)
    elif config.plates is not None and config.ploidy_channel is None:
        groups = ", ".join(group.group for group in config.measure.groups)
        yield Problem(
            f"{source}, key ploidy.channel",
            f"{named!r}, but of each cell only {groups} is measured",
            f"{' and '.join(PLOIDY_GROUPS)} among measure.groups",
            "measure them too, or remove the section ploidy",
        )


def _cross_check(config: CampaignConfig, source: str, plate_names: list[str], reset: set[str]) -> Iterable[Problem]:
    if config.preset_features not in config.features and "embeddings" not in reset:
        yield Problem(
            f"{source}, key preset_features",
            repr(config.preset_features),
            f"one of {', '.join(config.features)}",
            "name classical or an embedding of this config",
        )
    if CLASSICAL in config.embeddings:
        yield Problem(f"{source}, key embeddings", repr(CLASSICAL), "another name", "rename it; classical is built in")
    if config.table is not None and config.embeddings:
        yield Problem(
            f"{source}, key embeddings",
            ", ".join(config.embeddings),
            "none in a campaign that starts from a table",
            "remove embeddings: they are learned from images",
        )
    if config.images is not None and "segmentation" not in reset:
        channels = list(config.images.channels)
        named = {"nuclei_channel": [config.segmentation.nuclei_channel]}
        named["cell_channels"] = list(config.segmentation.cell_channels)
        for key, values in named.items():
            for value in values:
                if value not in channels:
                    yield Problem(
                        f"{source}, key segmentation.{key}",
                        repr(value),
                        f"one of {', '.join(channels)}",
                        "name a channel of images.channels",
                    )
        yield from weight_problems(config.segmentation, source)
    if config.images is not None and not reset & {"ploidy", "measure"}:
        yield from _check_ploidy(config, source)
    if config.images is not None:
        yield from config.measure.problems(list(config.images.channels))
    if not reset & {"images", "measure", "profiles"}:
        yield from rule_problems(config, source)
    yield from file_problems(config, source)
    for name, embedding in config.embeddings.items():
        if isinstance(embedding, CropsSection) and config.crops.size % embedding.downscale:
            yield Problem(
                f"{source}, key embeddings.{name}.downscale",
                str(embedding.downscale),
                f"a divisor of crops.size, {config.crops.size}",
                "change one of the two",
            )
        for key in ("train_plates", "validation_plates"):
            for plate in getattr(embedding, key, None) or ():
                if plate_names and plate not in plate_names:
                    yield Problem(
                        f"{source}, key embeddings.{name}.{key}",
                        repr(plate),
                        f"one of {', '.join(plate_names)}",
                        "name plates of the sheet of plates",
                    )
