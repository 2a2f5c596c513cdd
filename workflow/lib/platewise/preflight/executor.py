"""The plugin that submits jobs to SLURM: whether it is there, and which of its known faults the profile avoids."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from platewise.errors import Problem
from platewise.preflight.findings import Finding, error, warning

PLUGIN = "snakemake-executor-plugin-slurm"
# Whole campaigns and injected faults were run with it.
PROVEN = ("2.8.0",)
_FAULTS = Path(__file__).with_name("faults.tsv")
_UNSET = ("", "False")


@dataclass(frozen=True)
class Fault:
    """A fault of some versions of the plugin.

    ``setting`` is the executor's setting that avoids it and ``safe`` the value that does (as Python writes it; empty
    for not set); without a setting nothing does. ``issue`` is its number at the plugin's repository, empty where it
    was found in our own tests alone.
    """

    versions: str
    setting: str
    safe: str
    stops: bool
    issue: str
    reason: str
    remedy: str

    def strikes(self, installed: str, settings: Mapping[str, Any]) -> bool:
        """Tell whether this version has the fault and the settings do not avoid it."""
        from packaging.specifiers import SpecifierSet

        if not SpecifierSet(self.versions, prereleases=True).contains(installed):
            return False
        value = str(settings.get(self.setting, ""))
        avoided = value in _UNSET if self.safe in _UNSET else value == self.safe
        return not (self.setting and avoided)


def known_faults(path: Path = _FAULTS) -> list[Fault]:
    """Return the faults that are known."""
    with path.open(encoding="utf-8", newline="") as handle:
        return [Fault(**row | {"stops": row["stops"] == "yes"}) for row in csv.DictReader(handle, delimiter="\t")]


def installed_version() -> str | None:
    """Return the plugin's version; None if it is not installed."""
    try:
        return version(PLUGIN)
    except PackageNotFoundError:
        return None


def check_executor(installed: str | None, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Hold the plugin and the run's settings against the known faults.

    Parameters
    ----------
    installed
        The plugin's version.
    settings
        Those of the run, as Snakemake names them (``slurm_no_requeue``).
    """
    if installed is None:
        yield error(PLUGIN, "no such package", f"version {PROVEN[-1]}", f"pip install {PLUGIN}=={PROVEN[-1]}")
        return
    for fault in known_faults():
        if fault.strikes(installed, settings):
            source = f" (issue {fault.issue})" if fault.issue else ""
            found = f"version {installed}, of which a fault is known: {fault.reason}{source}"
            yield Finding(_problem(fault, found), fault.stops)
    if installed not in PROVEN:
        yield warning(
            PLUGIN,
            f"version {installed}",
            f"{' or '.join(PROVEN)}, with which failures were tested",
            "try a small campaign first, or install the tested version",
        )
    if "SLURM_JOB_ID" in os.environ:
        yield warning(
            "environment variable SLURM_JOB_ID",
            os.environ["SLURM_JOB_ID"],
            "none: Snakemake is best started on a login node",
            "start it there, in tmux or screen; inside a job it ends with the job's time limit",
        )


def _problem(fault: Fault, found: str) -> Problem:
    if not fault.setting:
        return Problem(PLUGIN, found, "a version without it", fault.remedy)
    key = fault.setting.replace("_", "-")
    wanted = f"{key}: {fault.safe.lower()}" if fault.safe not in _UNSET else f"no {key}"
    return Problem(PLUGIN, found, wanted, fault.remedy)
