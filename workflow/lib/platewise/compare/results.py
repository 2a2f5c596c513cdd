"""A campaign's results, found by their files: a folder says what it holds without the config it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from platewise.errors import Problem, ProblemsError
from platewise.report.colours import natural

# Features and correction, as the files of the campaign level are named: ("classical", "sphering").
Variant = tuple[str, str]


@dataclass(frozen=True)
class Results:
    """A results folder, ``{results}/{campaign}``. Anything may be missing from it but everything."""

    folder: Path

    @cached_property
    def plates(self) -> tuple[str, ...]:
        """Names of the plates, in natural order."""
        folders = (self.folder / "plates").glob("*")
        return tuple(sorted((path.name for path in folders if path.is_dir()), key=natural))

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Kinds of features that have well profiles on some plate."""
        return tuple(
            sorted({path.name.split(".")[0] for path in self.folder.glob("plates/*/profiles/*.wells.parquet")})
        )

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """Features and corrections that have a table at the campaign level."""
        folder = self.folder / "campaign"
        names = [path.name for pattern in ("consensus", "scores") for path in folder.glob(f"*/*.*.{pattern}.parquet")]
        names += [path.parent.name for path in folder.glob("network/*.*/edges.parquet")]
        return tuple(sorted({(name.split(".")[0], name.split(".")[1]) for name in names}))

    @property
    def page(self) -> Path:
        """The campaign's page."""
        return self.folder / "report" / "index.html"

    def blocks(self, plate: str, kind: str) -> list[Path]:
        """Return the block tables of a plate that are there; ``kind`` is their folder, such as ``fields``."""
        return sorted((self.folder / "plates" / plate / kind).glob("*.parquet"))

    def store(self, plate: str) -> Path:
        """Return the plate store."""
        return self.folder / "plates" / plate / "plate.zarr"

    def wells(self, plate: str, features: str) -> Path:
        """Return the table of level 3 of a plate."""
        return self.folder / "plates" / plate / "profiles" / f"{features}.wells.parquet"

    def profiles(self, variant: Variant) -> Path:
        """Return the table of level 4c."""
        return self.folder / "campaign" / "profiles" / f"{'.'.join(variant)}.parquet"

    def consensus(self, variant: Variant) -> Path:
        """Return the table of level 5."""
        return self.folder / "campaign" / "profiles" / f"{'.'.join(variant)}.consensus.parquet"

    def network(self, variant: Variant) -> Path:
        """Return the folder of a network."""
        return self.folder / "campaign" / "network" / ".".join(variant)

    def evaluation(self, variant: Variant, kind: str) -> Path:
        """Return a table of the evaluation; ``kind`` is ``scores``, ``batches`` or ``perturbations``."""
        return self.folder / "campaign" / "evaluation" / f"{'.'.join(variant)}.{kind}.parquet"


@dataclass(frozen=True)
class Pair:
    """The two runs that are compared."""

    old: Results
    new: Results

    @property
    def plates(self) -> list[str]:
        """Names of the plates of both."""
        return [plate for plate in self.old.plates if plate in self.new.plates]

    def shared(self, kind: str) -> list:
        """Return what both have of ``features`` or ``variants``."""
        return [name for name in getattr(self.old, kind) if name in getattr(self.new, kind)]

    def lacking(self, kind: str) -> list[str]:
        """Say which ``features`` or ``variants`` only one of them has, in words."""
        found = []
        for side, mine, other in (("OLD", self.old, self.new), ("NEW", self.new, self.old)):
            names = [name for name in getattr(mine, kind) if name not in getattr(other, kind)]
            words = ", ".join(name if isinstance(name, str) else ".".join(name) for name in names)
            found += [f"Only {side} has {'profiles' if kind == 'variants' else 'features'} {words}."] if names else []
        return found


def open_results(old: Path, new: Path) -> Pair:
    """Return the two runs.

    Raises
    ------
    ProblemsError
        If a folder is not there, or holds no results of a campaign; both folders are looked at.
    """
    problems = [problem for name, path in (("OLD", old), ("NEW", new)) if (problem := _find_problem(name, path))]
    if problems:
        raise ProblemsError(problems, "platewise cannot compare")
    return Pair(Results(old), Results(new))


def _find_problem(name: str, folder: Path) -> Problem | None:
    expected = "the results of a campaign: a folder with plates/ and campaign/ in it"
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        return Problem(f"{name}, {folder}", found, expected, "give {results}/{campaign}, such as results/my_screen")
    if _holds_results(folder):
        return None
    below = sorted((path for path in folder.iterdir() if path.is_dir() and _holds_results(path)), key=str)
    if below:
        remedy = f"give one of the campaigns in it, such as {below[0]}"
    else:
        remedy = "give {results}/{campaign}; if the campaign has not run yet, run it first"
    return Problem(f"{name}, {folder}", "a folder without results", expected, remedy)


def _holds_results(folder: Path) -> bool:
    patterns = ("plates/*/fields/*.parquet", "plates/*/profiles/*.parquet", "campaign/*/*.parquet")
    return any(next(folder.glob(pattern), None) is not None for pattern in patterns)
