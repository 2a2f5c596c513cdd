"""The base of every section of the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter


class Section(BaseModel):
    """A block of keys in ``config.yaml``. Unknown keys are errors; every field has a description."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def parse_section(kind: Any, values: Any) -> Any:
    """Make a section, or a union of sections, from the plain values that a rule's ``params`` hold."""
    return TypeAdapter(kind).validate_python(values)


def expected_value(details: Mapping[str, Any]) -> str:
    """Return what one of a ``ValidationError``'s ``errors()`` says was expected, without pydantic's own words."""
    if details["type"] == "union_tag_invalid":
        return f"one of {details['ctx']['expected_tags']}"
    return details["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
