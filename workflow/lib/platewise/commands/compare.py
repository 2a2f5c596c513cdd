"""`platewise compare`: what moved between two runs of a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Results folder of the older run, such as results/mine.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Results folder of the newer run.")],
    html: Annotated[Path | None, typer.Option(help="Write a page with all lists and figures to this file.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write everything that was found to this file, as JSON.")] = None,
    label_fields: Annotated[int, typer.Option(min=1, help="Fields to read where labels differ, drawn evenly.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of that draw.")] = 0,
) -> None:
    """Compare two runs of a campaign: counts, features, profiles, hits, network and scores. Writes nothing in them."""
    from platewise.compare.campaigns import compare_campaigns, write_json
    from platewise.compare.outputs import check_outputs
    from platewise.compare.page import write_comparison
    from platewise.compare.summary import summary_lines

    check_outputs({"--html": html, "--json": json})
    comparison = compare_campaigns(old, new, label_fields, seed)
    for line in summary_lines(comparison):
        typer.echo(line)
    if html is not None:
        write_comparison(comparison, html)
    if json is not None:
        write_json(comparison, json)
