"""`platewise status`: how far a campaign is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platewise.commands.arguments import ConfigFile, read_campaign


def status(
    config: ConfigFile,
    plate: Annotated[str | None, typer.Option(metavar="NAME", help="Only this plate.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show how far a campaign is: each plate and stage, what is bad, what failed and why, and when it will end.

    Run it where the campaign runs. It reads files, logs and the SLURM queue, and writes nothing. The exit status is 0
    however the campaign fares, 1 if the config is wrong. What a changed parameter makes again is not seen here:
    `platewise run --dry-run` tells.
    """
    import json
    import shutil
    import sys

    from platewise.status.campaign import campaign_status
    from platewise.status.printing import status_json, status_lines

    found = campaign_status(read_campaign(config), Path.cwd(), plate)
    if as_json:
        typer.echo(json.dumps(status_json(found), indent=2))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in status_lines(found, width):
        typer.echo(line)
