"""What several commands take: the campaign's config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from platewise.errors import PlatewiseError
from platewise.plan.campaign import Campaign, load_campaign

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="The campaign's config.yaml.")]


def read_campaign(configfile: Path) -> Campaign:
    """Read and check a campaign's config and sheets.

    Raises
    ------
    PlatewiseError
        If the file cannot be read, or anything in it or its sheets is wrong (all of it said at once).
    """
    return load_campaign(_read_yaml(configfile), str(configfile))


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PlatewiseError(
            f"{path}: cannot be read as YAML ({error}). Hint: correct the path or the file."
        ) from error
    if not isinstance(raw, dict):
        raise PlatewiseError(
            f"{path}: found {type(raw).__name__}; expected keys and values. Hint: see config/README.md."
        )
    return raw
