"""`platewise config-reference`: the table of keys, made from the models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platewise.errors import PlatewiseError


def config_reference(
    check: Annotated[bool, typer.Option(help="Fail if config/README.md is not in step.")] = False,
) -> None:
    """Write the table of keys in config/README.md and the schema anew from the models."""
    from platewise.config.reference import update_reference

    stale = update_reference(Path("config"), write=not check)
    if check and stale:
        raise PlatewiseError(f"not in step with the models: {', '.join(stale)}. Hint: run `make config-reference`.")
