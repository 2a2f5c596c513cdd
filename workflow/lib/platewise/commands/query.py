"""`platewise query`: which perturbations and mechanisms of a finished campaign unknown profiles resemble."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def query(
    profiles: Annotated[Path, typer.Argument(metavar="PROFILES", help="Unknown profiles: Parquet or CSV.")],
    reference: Annotated[Path, typer.Option(help="Results folder of a finished campaign, such as results/mine.")],
    network: Annotated[
        str | None,
        typer.Option(help="Its features and correction, such as classical.none: those that PROFILES has."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of each to print for a profile.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Write all of them to this CSV file.")] = None,
) -> None:
    """Rank the perturbations and mechanisms of a finished campaign for unknown profiles, with p-values.

    PROFILES must have the reference's features by their names, normalised to controls and corrected as they are (with
    --network NAME.none normalising is all). Rows with the same Metadata_Perturbation are replicates of one unknown.
    p is how often profiles of the reference whose labels are shuffled within plates are as similar; q is over all
    perturbations, or all mechanisms.
    """
    from platewise.compare.outputs import check_outputs
    from platewise.files import whole_file
    from platewise.network.query import MECHANISMS, PERTURBATIONS, run_query

    check_outputs({"--out": out})
    hits = run_query(profiles, reference, network)
    for name, rows in hits.groupby("Query", sort=False):
        typer.echo(f"{name}")
        for kind in (PERTURBATIONS, MECHANISMS):
            chosen = rows[rows["Kind"] == kind].head(top)
            if chosen.empty:
                typer.echo(f"  no {kind} is known in the reference")
                continue
            typer.echo(f"  {kind:<40} similarity        p        q")
            for row in chosen.to_dict("records"):
                words = row["Name"] if kind == MECHANISMS else f"{row['Name']} ({row['Metadata_MOA'] or 'unknown'})"
                typer.echo(f"  {words:<40.40} {row['Similarity']:>10.3f} {row['PValue']:>8.2g} {row['QValue']:>8.2g}")
    if out is not None:
        with whole_file(out) as temporary:
            hits.to_csv(temporary, index=False)
