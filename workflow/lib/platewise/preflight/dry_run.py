"""What Snakemake would run now, from a dry run of its own: every job with its rule, wildcards, resources and files.

The dry run is a process of its own (`python -m platewise.preflight.dry_run`): it takes Snakemake's arguments, profiles
included, and prints the settings that result and the jobs that Snakemake announces, as JSON.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platewise.errors import PlatewiseError

# Settings of the run that the checks look at; all of the SLURM executor's besides.
_SETTINGS = ("executor", "jobs", "retries")


class DryRunError(PlatewiseError):
    """Snakemake cannot plan the campaign."""


@dataclass(frozen=True)
class PlannedJob:
    """A job that Snakemake would run.

    ``resources`` holds what is known before the inputs exist, such as ``mem_mb`` and ``slurm_partition``.
    """

    rule: str
    wildcards: dict[str, str]
    threads: int
    resources: dict[str, int | float | str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class DryRun:
    """The jobs that are left to do, and the settings under which they would run."""

    jobs: list[PlannedJob]
    settings: dict[str, Any]


def find_snakefile(folder: Path) -> Path:
    """Return the workflow's Snakefile: the one in ``folder``, else the one that this library came with.

    Raises
    ------
    DryRunError
        If there is neither.
    """
    candidates = [folder / "Snakefile", Path(__file__).resolve().parents[4] / "Snakefile"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DryRunError(
        f"found no Snakefile: {' or '.join(map(str, candidates))}. Hint: run platewise in a clone of the workflow."
    )


def find_profile(name: str, folder: Path, snakefile: Path) -> Path | None:
    """Return the folder of a profile where Snakemake, started in ``folder``, finds it, or beside the Snakefile."""
    places = (folder, Path.home() / ".config" / "snakemake", Path("/etc/xdg/snakemake"), snakefile.parent)
    found = [place / name for place in places if list((place / name).glob("config*.yaml"))]
    return found[0] if found else None


def read_profile(profile: Path) -> dict[str, Any]:
    """Return a profile's plain settings by the names that Snakemake gives them (``slurm_no_requeue``).

    For a profile that Snakemake itself does not take; otherwise ``DryRun.settings`` holds what it made of it.
    """
    import yaml

    settings: dict[str, Any] = {}
    for path in sorted(profile.glob("config*.yaml")):
        try:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue
        if isinstance(raw, dict):
            settings |= {str(key).replace("-", "_"): value for key, value in raw.items()}
    return settings


def dry_run(
    configfile: Path, folder: Path, profile: Path | None = None, attempt: int = 1, everything: bool = False
) -> DryRun:
    """Return what Snakemake, started in ``folder``, would run.

    Parameters
    ----------
    configfile, profile
        As Snakemake takes them.
    folder
        Where Snakemake would run. What a dry run leaves there is removed again.
    attempt
        Ask for the resources of this try, counted from 1.
    everything
        Plan all jobs, also those whose results are there.

    Raises
    ------
    DryRunError
        With what Snakemake says.
    """
    arguments = ["--snakefile", str(find_snakefile(folder)), "--configfile", str(configfile), "--dry-run"]
    # A dry run has one core unless told otherwise, and rules would seem to use one thread.
    arguments += ["--cores", "10000", "--attempt", str(attempt), "--quiet", "rules", "host", "reason"]
    arguments += ["--profile", str(profile)] if profile else []
    arguments += ["--forceall"] if everything else []
    # A variable of the shell that starts Snakemake must not add a profile of its own.
    environment = {key: value for key, value in os.environ.items() if key != "SNAKEMAKE_PROFILE"}
    library = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [library, environment.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", "platewise.preflight.dry_run", *arguments]
    with _left_as_it_was(folder / ".snakemake"):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    text, _, answer = done.stdout.rpartition("\n")
    if done.returncode != 0:
        said = "\n".join(line for line in (text + "\n" + done.stderr).splitlines() if not line.startswith("Using "))
        raise DryRunError(
            f"Snakemake cannot plan the campaign: {said.strip()[-3000:]}. Hint: `snakemake --dry-run` says the same."
        )
    raw = json.loads(answer)
    jobs = [
        PlannedJob(**job | {"inputs": tuple(job["inputs"]), "outputs": tuple(job["outputs"])}) for job in raw["jobs"]
    ]
    return DryRun(jobs, raw["settings"])


@contextmanager
def _left_as_it_was(folder: Path) -> Iterator[None]:
    """Remove the empty folders that Snakemake makes in its own one even for a dry run."""
    before = {path.name for path in folder.iterdir()} if folder.is_dir() else None
    try:
        yield
    finally:
        if folder.is_dir():
            for path in folder.iterdir():
                if path.name not in (before or ()):
                    with suppress(OSError):
                        path.rmdir()
        if before is None:
            with suppress(OSError):
                folder.rmdir()


def main(arguments: Sequence[str]) -> int:
    """Run Snakemake's dry run with ``arguments`` and print jobs and settings; return its exit status."""
    from snakemake import cli
    from snakemake.logging import logger
    from snakemake.persistence import PersistenceBase
    from snakemake_interface_logger_plugins.common import LogEvent

    jobs: list[dict[str, Any]] = []

    def listen(record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) == LogEvent.JOB_INFO and record.output:
            jobs.append(_described(record))
        return True

    # A cache of what the dry run saw, for the next one: nothing is to be left behind.
    PersistenceBase.save_iocache = lambda self: None
    # A filter, since Snakemake sets the handlers anew when it starts.
    logger.addFilter(listen)
    _, parsed = cli.parse_args(arguments)
    status = 0
    try:
        cli.main(arguments)
    except SystemExit as ended:
        status = int(ended.code or 0)
    # What is not set has a type of its own and is left out.
    plain = {key: value for key, value in vars(parsed).items() if isinstance(value, bool | int | str)}
    kept = {key: value for key, value in plain.items() if key in _SETTINGS or key.startswith("slurm_")}
    sys.stdout.write("\n" + json.dumps({"jobs": jobs, "settings": kept}))
    return status


def _described(record: logging.LogRecord) -> dict[str, Any]:
    resources = {
        name: value
        for name, value in record.resources.items()
        # What depends on files that are not there yet is a string of a type of its own.
        if type(value) in (int, float, str) and not name.startswith("_")
    }
    return {
        "rule": record.rule_name,
        "wildcards": dict(record.wildcards),
        "threads": int(record.threads),
        "resources": resources,
        "inputs": [str(path) for path in record.input],
        "outputs": [str(path) for path in record.output],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
