"""What the arguments of Snakemake ask for, as far as it matters before it starts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from platewise.errors import ConfigError, Problem

# Options with which Snakemake only tells, and runs and writes nothing.
_ASKS = {"--dry-run", "--dryrun", "--help", "--version", "-v", "--lint", "--list-rules", "--list-target-rules"}
_ASKS |= {"--summary", "-S", "--detailed-summary", "-D", "--dag", "--rulegraph", "--filegraph", "--d3dag", "-h", "-l"}
# Short options that take no value may be joined, as in -np.
_JOINED_DRY_RUN = re.compile("-[npFkq]*n[npFkq]*")


def only_asks(arguments: Sequence[str]) -> bool:
    """Tell whether nothing will be run or written."""
    return any(
        argument.split("=")[0] in _ASKS or _JOINED_DRY_RUN.fullmatch(argument) is not None for argument in arguments
    )


def working_folder(arguments: Sequence[str], folder: Path) -> Path:
    """Return where Snakemake will work: ``--directory`` moves it."""
    for argument, following in pairwise([*arguments, ""]):
        if argument in ("--directory", "-d"):
            return folder / following
        if argument.startswith("--directory="):
            return folder / argument.partition("=")[2]
        if argument.startswith("-d") and not argument.startswith("--"):
            return folder / argument.removeprefix("-d")
    return folder


def refuse_missing_configs(arguments: Sequence[str], started: Path) -> None:
    """Raise if a config file that is named is not there: Snakemake would end in a traceback.

    Raises
    ------
    ConfigError
        With every file that is missing.
    """
    missing = [name for name in config_files(arguments) if not (started / name).is_file()]
    if missing:
        remedy = f"correct the path; it is relative to {started}"
        raise ConfigError([Problem("--configfile", name, "a file", remedy) for name in missing])


def config_files(arguments: Sequence[str]) -> list[str]:
    """Return the values of ``--configfile``, which takes several."""
    found: list[str] = []
    listing = False
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if argument.startswith("-"):
            named = option in ("--configfile", "--configfiles")
            found += [value] if named and equals else []
            listing = named and not equals
        elif listing:
            found.append(argument)
    return found


def missing_cores(arguments: Sequence[str]) -> list[str]:
    """Ask for all cores unless the user, or a profile of theirs, says how many jobs may run."""
    told = ("--cores", "-c", "--jobs", "-j", "--profile", "--workflow-profile", "--executor", "-e")
    given = any(argument.split("=")[0] in told or argument[:2] in ("-c", "-j") for argument in arguments)
    return [] if given else ["--cores", "all"]


def missing_quiet(arguments: Sequence[str]) -> list[str]:
    """Show one line a finished job and how many are left, unless the user asks for more or less."""
    given = any(argument.split("=")[0] in ("--quiet", "-q", "--verbose") for argument in arguments)
    return [] if given else ["--quiet", "rules", "reason", "host"]
