"""`platewise verify`: the stores held against their manifests."""

from __future__ import annotations

from typing import Annotated

import typer

from platewise.commands.arguments import ConfigFile, read_campaign


def verify(
    config: ConfigFile,
    keep: Annotated[bool, typer.Option(help="Only tell what is damaged; remove nothing.")] = False,
) -> None:
    """Hold every plate store against its manifests, and remove the manifests that do not hold.

    The next run makes the blocks of removed manifests again: fields that are whole are kept.
    """
    from platewise.store.verify import verify_blocks

    campaign = read_campaign(config)
    damaged = 0
    for name, plate in campaign.plates.items():
        folder = campaign.folder / "plates" / name
        manifests = [folder / "fields" / f"{block}.parquet" for block in plate.blocks]
        for damage in verify_blocks(manifests, folder / "plate.zarr", remove=not keep):
            damaged += 1
            typer.echo(f"{damage.manifest}: {damage.reason}")
    typer.echo(f"{damaged} damaged block(s)" + ("" if keep or not damaged else ", removed; run the workflow again"))
