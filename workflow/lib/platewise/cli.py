"""The command ``platewise``: what is not a rule of the workflow."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from platewise import __version__
from platewise.commands.annotate import annotate
from platewise.commands.compare import compare
from platewise.commands.config_reference import config_reference
from platewise.commands.measure import measure
from platewise.commands.preflight import preflight
from platewise.commands.query import query
from platewise.commands.resources import resources
from platewise.commands.run import HandOn, run
from platewise.commands.score import score
from platewise.commands.scores import scores
from platewise.commands.segment import segment
from platewise.commands.simulate import simulate
from platewise.commands.status import status
from platewise.commands.verify import verify
from platewise.errors import PlatewiseError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"platewise {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """What is not a rule of the workflow."""


# In the order in which a campaign meets them. `run` hands everything on, --help too.
app.command()(preflight)
app.command(cls=HandOn, add_help_option=False)(run)
app.command()(status)
app.command()(verify)
app.command()(resources)
app.command()(scores)
app.command()(compare)
app.command()(query)
app.command()(segment)
app.command()(score)
app.command()(measure)
app.add_typer(annotate, name="annotate")
app.command()(simulate)
app.command("config-reference")(config_reference)


def main() -> None:
    """Run the command; an error of platewise's own is shown by its message."""
    logging.basicConfig(level=logging.INFO, format="platewise: %(message)s")
    try:
        app()
    except PlatewiseError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except BrokenPipeError:
        # Whoever read what we print has had enough, as `head` does.
        sys.exit(0)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(f"platewise: {place}{error.strerror or error}. Hint: check the path, its rights and the room there.")


if __name__ == "__main__":
    main()
