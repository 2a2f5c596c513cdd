"""`platewise score`: label images held against true ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def score(
    predicted: Annotated[Path, typer.Argument(metavar="PRED", help="Folder of label images to be judged.")],
    true: Annotated[
        Path, typer.Argument(metavar="TRUTH", help="Folder of true ones, with the same names; the suffix may differ.")
    ],
    out: Annotated[Path | None, typer.Option(help="Write the scores of every image to this CSV file.")] = None,
) -> None:
    """Score label images against true ones: F1, DSB score, missed, extra, merged, split. Needs no campaign.

    Label images are PNG or TIFF with 8, 16 or 32 bits, 0 for background. Every image counts alike; intervals are of a
    bootstrap over images. For the scores of a campaign's network, see `platewise scores`.
    """
    from platewise.compare.outputs import check_outputs
    from platewise.files import whole_file
    from platewise.report.numbers import plural
    from platewise.segmentation.evaluation import score_folders
    from platewise.segmentation.summary import mean_scores

    check_outputs({"--out": out})
    rows = score_folders(predicted, true)
    typer.echo(
        f"{plural(len(rows), 'image')}, {plural(int(rows['Objects'].sum()), 'true object')}, "
        f"{int(rows['Predicted'].sum()):,} predicted"
    )
    typer.echo(f"{'':<12}{'mean':>7}   95 % interval")
    for row in mean_scores(rows, rows["Image"]).itertuples():
        interval = f"{row.Low:.3f} to {row.High:.3f}" if len(rows) > 1 else "none: one image"
        typer.echo(f"{row.Measure:<12}{row.Value:>7.3f}   {interval}")
    if out is not None:
        with whole_file(out) as temporary:
            rows.to_csv(temporary, index=False)
