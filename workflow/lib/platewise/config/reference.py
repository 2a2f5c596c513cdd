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
    rows: dict[str, list[tuple[FieldInfo, str]]] = {}
    variants: dict[str, set[str]] = {}
    for key, field, variant in _keys(CampaignConfig, ""):
        rows.setdefault(key, []).append((field, variant))
        variants.setdefault(key.rpartition(".")[0], set()).add(variant)
    lines = ["| key | values | default | what it is |", "| --- | --- | --- | --- |"]
    for key, fields in rows.items():
        # Variants of a tagged union share keys, their tag among them: one row tells all.
        values, defaults = (
            list(dict.fromkeys(tell(field, variant) for field, variant in fields)) for tell in (_field_values, _default)
        )
        default = defaults[0] if len(defaults) == 1 else "depends on the variant"
        text = _description(fields, variants[key.rpartition(".")[0]])
        lines.append(f"| `{key}` | {', '.join(values)} | {default} | {text} |")
    return "\n".join(lines)


def _keys(model: type[BaseModel], prefix: str, variant: str = "") -> Iterator[tuple[str, FieldInfo, str]]:
    """Yield every key below a model, and the tag of the variant that it belongs to, if it does to one."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield key, field, variant
        sections = list(sections_of(field.annotation))
        for section, infix in sections:
            yield from _keys(section, f"{key}.{infix}", _tag(section) if len(sections) > 1 else variant)


def _tag(model: type[BaseModel]) -> str:
    """Return the values that tell a variant of a union from the others."""
    return ", ".join(_values(field.annotation) for field in model.model_fields.values() if is_tag(field))


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


def _description(fields: list[tuple[FieldInfo, str]], variants: set[str]) -> str:
    """Return what a key is; where that is not the same in all variants, each text after those it is for."""
    texts: dict[str, list[str]] = {}
    for field, variant in fields:
        text = (field.description or "").replace("|", "\\|")
        texts.setdefault(text, []).append(variant)
    if set(next(iter(texts.values()))) == variants:
        return next(iter(texts))
    told = ((text, ", ".join(dict.fromkeys(each))) for text, each in texts.items())
    # The text of a tag may name the variant itself.
    return " ".join(text if text.startswith(f"`{names.split('`')[1]}`") else f"{names}: {text}" for text, names in told)


def _field_values(field: FieldInfo, variant: str) -> str:
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
    """Tell whether a key tells the variant of a tagged union: a literal with one value, or one that must be given."""
    return get_origin(field.annotation) is Literal and (len(get_args(field.annotation)) == 1 or field.is_required())


def _default(field: FieldInfo, variant: str) -> str:
    # Without its tag, a variant is not known for one.
    if field.is_required() or (variant and is_tag(field)):
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        tags = [name for name, each in type(value).model_fields.items() if is_tag(each)]
        return ", ".join(f"`{name}: {getattr(value, name)}`" for name in tags) or "see below"
    if isinstance(value, dict):
        return ", ".join(f"`{name}`" for name in value) or "empty"
    if isinstance(value, (tuple, list)):
        return ", ".join(f"`{item}`" for item in value) or "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
