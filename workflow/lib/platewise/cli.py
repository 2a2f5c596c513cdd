"""The command ``platewise``: what is not a rule of the workflow."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from platewise.errors import PlatewiseError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

ConfigFile = Annotated[Path, typer.Option("--configfile", help="The campaign's config.yaml.")]


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False, name="run"
)
def run_command(context: typer.Context) -> None:
    """Run Snakemake with the arguments given; a run that was killed goes on by itself."""
    from platewise.launch import run

    raise typer.Exit(run(context.args, Path.cwd()))


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Where to write images, sheets and truth.")],
    design: Annotated[str, typer.Option(help="Name of the design: demo, demo-large, small or tiny.")] = "demo",
    seed: Annotated[int, typer.Option(help="Seed: the same seed gives the same campaign.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes; 0 for one a core.")] = 0,
) -> None:
    """Render a campaign of Cell Painting fields with known truth. A finished one is left alone."""
    from platewise.simulate.campaign import render_campaign

    render_campaign(design, folder, seed, workers or os.cpu_count() or 1, _show_progress)


@app.command()
def verify(
    configfile: ConfigFile,
    keep: Annotated[bool, typer.Option(help="Only tell what is damaged; remove nothing.")] = False,
) -> None:
    """Hold every plate store against its manifests, and remove the manifests that do not hold.

    The next run makes the blocks of removed manifests again: fields that are whole are kept.
    """
    from platewise.plan.campaign import load_campaign
    from platewise.store.verify import verify_blocks

    campaign = load_campaign(_read_yaml(configfile), str(configfile))
    damaged = 0
    for name, plate in campaign.plates.items():
        folder = Path(campaign.config.results) / campaign.config.campaign / "plates" / name
        manifests = [folder / "fields" / f"{block}.parquet" for block in plate.blocks]
        for damage in verify_blocks(manifests, folder / "plate.zarr", remove=not keep):
            damaged += 1
            typer.echo(f"{damage.manifest}: {damage.reason}")
    typer.echo(f"{damaged} damaged block(s)" + ("" if keep or not damaged else ", removed; run the workflow again"))


@app.command()
def scores(configfile: ConfigFile) -> None:
    """Print NSC and NSCB of a finished campaign, a line a correction, the preset's own last."""
    from platewise.evaluation.summary import nsc_lines
    from platewise.plan.campaign import load_campaign

    for line in nsc_lines(load_campaign(_read_yaml(configfile), str(configfile)).config):
        typer.echo(line)


@app.command("config-reference")
def config_reference(
    check: Annotated[bool, typer.Option(help="Fail if config/README.md is not in step.")] = False,
) -> None:
    """Write the table of keys in config/README.md and the schema anew from the models."""
    from platewise.config.reference import update_reference

    stale = update_reference(Path("config"), write=not check)
    if check and stale:
        raise PlatewiseError(f"not in step with the models: {', '.join(stale)}. Hint: run `make config-reference`.")


def _read_yaml(path: Path) -> dict[str, object]:
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


def _show_progress(done: int, total: int) -> None:
    if sys.stdout.isatty():
        typer.echo(f"\rrendered {done} of {total} fields", nl=done == total)
    elif done == total or done % 25 == 0:
        # A log file has no line to write over.
        typer.echo(f"rendered {done} of {total} fields")


def main() -> None:
    """Run the command; an error of platewise's own is shown by its message."""
    logging.basicConfig(level=logging.INFO, format="platewise: %(message)s")
    try:
        app()
    except PlatewiseError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
