"""The table of keys and the JSON schema of the config, made from the models."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from platewise.config.campaign import CampaignConfig

BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"


def update_reference(folder: Path, write: bool) -> list[str]:
    """Bring ``README.md`` (between its marks) and ``schema.json`` in ``folder`` in step with the models.

    Returns
    -------
    stale
        Names of the files that were not in step.
    """
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    wanted = {
        readme: f"{head}{BEGIN}\n{key_table()}\n{END}{rest.split(END)[1]}",
        folder / "schema.json": json.dumps(CampaignConfig.model_json_schema(), indent=2) + "\n",
    }
    stale = []
    for path, new in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != new:
            stale.append(path.name)
            if write:
                path.write_text(new, encoding="utf-8")
    return stale


def key_table() -> str:
    """Return a Markdown table: a row a key, in the order of the models."""
    rows: dict[str, list[FieldInfo]] = {}
    for key, field in _keys(CampaignConfig, ""):
        rows.setdefault(key, []).append(field)
    lines = ["| key | values | default | what it is |", "| --- | --- | --- | --- |"]
    for key, fields in rows.items():
        # Variants of a tagged union share keys, their tag among them: one row tells all.
        values, defaults, texts = (
            list(dict.fromkeys(tell(field) for field in fields)) for tell in (_field_values, _default, _description)
        )
        default = defaults[0] if len(defaults) == 1 else "depends on the variant"
        lines.append(f"| `{key}` | {', '.join(values)} | {default} | {' '.join(texts)} |")
    return "\n".join(lines)


def _keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield key, field
        for section, infix in sections_of(field.annotation):
            yield from _keys(section, f"{key}.{infix}")


def sections_of(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the models within a type, and what stands before their keys (``{name}.`` for mappings)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from sections_of(arguments[0])
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from sections_of(argument)
    elif origin is dict:
        for section, infix in sections_of(arguments[1]):
            yield section, "{name}." + infix
    elif origin in (tuple, list):
        for section, infix in sections_of(arguments[0]):
            yield section, "[]." + infix


def _description(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


def _field_values(field: FieldInfo) -> str:
    return _values(field.annotation)


def _values(annotation: Any) -> str:
    if isinstance(annotation, type):
        return "section" if issubclass(annotation, BaseModel) else _TYPES.get(annotation, annotation.__name__)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        kinds = [_values(argument) for argument in arguments if argument is not type(None)]
        return " or ".join(dict.fromkeys(kinds))
    if origin is dict:
        return f"mapping of names to {_values(arguments[1])}"
    if origin in (tuple, list):
        return f"list of {_values(arguments[0])}"
    return "text"


_TYPES = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`"}


def is_tag(field: FieldInfo) -> bool:
    """Tell whether a key tells the variant of a tagged union: a literal with one value."""
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, dict):
        return ", ".join(f"`{name}`" for name in value) or "empty"
    if isinstance(value, (tuple, list)):
        return ", ".join(f"`{item}`" for item in value) or "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
