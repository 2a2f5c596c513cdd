"""`platewise scores`: the scores that are compared with published ones."""

from __future__ import annotations

import typer

from platewise.commands.arguments import ConfigFile, read_campaign


def scores(config: ConfigFile) -> None:
    """Print NSC and NSCB of a finished campaign's profiles, a line a correction, the preset's own last.

    For label images against true ones, see `platewise score`.
    """
    from platewise.evaluation.summary import nsc_lines

    for line in nsc_lines(read_campaign(config).config):
        typer.echo(line)
