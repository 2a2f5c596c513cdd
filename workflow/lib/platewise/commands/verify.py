"""`platewise verify`: the stores held against their manifests, and every table read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platewise.commands.arguments import ConfigFile, read_campaign

_SHOWN = 3


def verify(
    config: ConfigFile,
    keep: Annotated[bool, typer.Option(help="Only tell what is damaged; remove nothing.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Hold every plate store against its manifests, read every table, and remove what is damaged.

    Run it where the campaign runs; it refuses to remove anything while a run is at work there. The next run makes again
    what was removed, and what was made from it: of a block whose manifest was removed, fields that are whole are kept.
    Inventories and references are made again when something needs them. Fields that no manifest lists and temporary
    names are told and left alone.

    The exit status is 0 if all is whole, or if what was damaged has been removed, so that a run may follow at once
    (platewise verify CONFIG && platewise run ...); with --keep it is 1 if anything is damaged; 1 if the config is
    wrong or the campaign has no table.
    """
    from platewise.launch import refuse_if_at_work
    from platewise.store.verify import verify_campaign

    def refuse() -> None:
        # What a job is about to read must not be taken away under it.
        if not keep:
            refuse_if_at_work(Path.cwd())

    blocks = tables = kept = left = 0
    for verdict in verify_campaign(read_campaign(config), not keep, workers, refuse):
        for damage in (*verdict.blocks, *verdict.tables):
            typer.echo(f"{damage.path}: {damage.reason}")
        for damage in verdict.kept:
            typer.echo(f"{damage.path}: {damage.reason} Never removed: the next run would train anew.")
        for leftover in verdict.leftovers[:_SHOWN]:
            typer.echo(f"{leftover}: belongs to nothing that a manifest lists; left alone")
        if len(verdict.leftovers) > _SHOWN:
            typer.echo(f"and {len(verdict.leftovers) - _SHOWN} more such things")
        typer.echo(f"{verdict.name or 'campaign'}: {verdict.checked} tables, {verdict.damages or 'none'} damaged")
        blocks += len(verdict.blocks)
        tables += len(verdict.tables)
        kept += len(verdict.kept)
        left += len(verdict.leftovers)
    found = f"{blocks} damaged block(s), {tables + kept} other damaged table(s), {left} leftover(s)"
    if blocks or tables:
        removal = (
            f"`platewise verify {config}` removes it" if keep else "what was damaged is removed: run the workflow again"
        )
        found = f"{found}; {removal}"
    typer.echo(found)
    raise typer.Exit(int(keep and bool(blocks or tables or kept)))
