"""The config's ``images`` section: channels, how files are read, how much may be bad."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from platewise.columns import STATISTIC_PATTERN
from platewise.config.base import Section

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9]*$")
_READER_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")
_PATTERN_GROUPS = {"well", "row", "column", "site", "channel", "plane", "z", "time", "t"}


def _number_as_text(value: Any) -> Any:
    # YAML reads `DNA: 5` as a number; an identifier is text either way.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Identifier = Annotated[str, BeforeValidator(_number_as_text), Field(min_length=1)]


class _Reader(Section):
    plane: int | None = Field(
        default=None,
        ge=0,
        description="Which z plane to use, as the files number it. Leave it out when there is one plane; "
        "a folder with several planes and no choice is an error that names them.",
    )
    timepoint: int | None = Field(
        default=None,
        ge=0,
        description="Which time point to use, as the files number it. Leave it out when there is one; "
        "a folder with several and no choice is an error that names them.",
    )


class PhenixReader(_Reader):
    """Opera Phenix and Operetta exports (Harmony): ``Index.idx.xml`` where present, else the file names."""

    kind: Literal["phenix"] = Field(description="`phenix`: an export of the Harmony software.")


class PatternReader(_Reader):
    """Any microscope whose file names tell well, site and channel."""

    kind: Literal["pattern"] = Field(description="`pattern`: files whose names follow a pattern of your own.")
    pattern: str = Field(
        description="Regular expression with the named groups `channel`, `well` (A01) or both `row` (A, or 1 for the "
        "first) and `column` (from 1), and optionally `site` (1 without it), `plane` or `z`, `time` or `t`. It must "
        "match the whole file name; a pattern with a slash must match the whole path below the plate's folder."
    )

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        try:
            groups = set(re.compile(pattern).groupindex)
        except re.error as error:
            raise ValueError(
                f"{pattern!r} is not a regular expression ({error}). Hint: write a literal dot as \\. and quote the "
                "pattern with single quotes in YAML"
            ) from error
        _check_groups(pattern, groups)
        return pattern


def _check_groups(pattern: str, groups: set[str]) -> None:
    unknown = sorted(groups - _PATTERN_GROUPS)
    if unknown:
        raise ValueError(
            f"{pattern!r} has the unknown group(s) {', '.join(unknown)}; known are {', '.join(sorted(_PATTERN_GROUPS))}"
        )
    if "channel" not in groups:
        raise ValueError(f"{pattern!r} has no group `channel`. Hint: mark it as in (?P<channel>w[0-9])")
    has_well = "well" in groups
    has_parts = {"row", "column"} <= groups
    if has_well == has_parts or (has_well and groups & {"row", "column"}):
        raise ValueError(
            f"{pattern!r} must have either the group `well` or both `row` and `column`. "
            "Hint: for names such as A01 write (?P<well>[A-P][0-9]{2})"
        )
    for one, other in (("plane", "z"), ("time", "t")):
        if {one, other} <= groups:
            raise ValueError(f"{pattern!r} has both `{one}` and `{other}`, which mean the same; keep one")


ReaderConfig = Annotated[PhenixReader | PatternReader, Field(discriminator="kind")]


class ImagesConfig(Section):
    """Where each channel is found in the image files and what counts as too many bad ones."""

    channels: dict[str, Identifier] = Field(
        min_length=1,
        description="Your name of each channel, and the microscope's: for `phenix` the channel's number (`5` or `ch5`) "
        "or its name in Index.idx.xml, for a pattern what the group `channel` matches. The order here is the order of "
        "channels in every result.",
    )
    pixel_size: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Edge length of a pixel in the sample, in micrometres. Without it lengths are in pixels.",
    )
    max_bad_fields: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Largest share of a plate's fields (0 to 1) that may be missing or unreadable before the plate is "
        "refused. Fewer bad fields are left out and listed in the report. 1 never refuses.",
    )
    readers: dict[str, ReaderConfig] = Field(
        default_factory=dict,
        description="Readers of your own, by a name that the plate sheet then uses. `phenix` is built in and needs no "
        "entry; give it one to choose a z plane or a time point.",
    )

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, channels: dict[str, str]) -> dict[str, str]:
        for name in channels:
            if not _NAME.match(name):
                raise ValueError(
                    f"channel name {name!r} must be a letter followed by letters and digits (it becomes part of "
                    "column names). Hint: write `Mito`, not `Mito_1` or `488 nm`"
                )
            if re.fullmatch(STATISTIC_PATTERN, name):
                raise ValueError(
                    f"channel name {name!r} ends the columns of a statistic of cells. Hint: give it another name"
                )
        identifiers = list(channels.values())
        for identifier in identifiers:
            if identifiers.count(identifier) > 1:
                names = [name for name, value in channels.items() if value == identifier]
                raise ValueError(f"channels {', '.join(names)} are all read from {identifier!r}; each needs its own")
        return channels

    @model_validator(mode="after")
    def _check_readers(self) -> ImagesConfig:
        for name, reader in self.readers.items():
            if not _READER_NAME.match(name):
                raise ValueError(
                    f"reader name {name!r} must be a letter followed by letters, digits, hyphens and underscores"
                )
            if name == "phenix" and reader.kind != "phenix":
                raise ValueError(f"reader name 'phenix' is built in and cannot be of kind {reader.kind!r}; rename it")
        return self
