"""What a check found: a problem, and whether it stops the campaign."""

from __future__ import annotations

from dataclasses import dataclass

from platewise.errors import DataError, Problem


@dataclass(frozen=True)
class Finding:
    """A problem of the campaign or the cluster; ``stops`` if the campaign would end early or be spoilt by it."""

    problem: Problem | DataError
    stops: bool

    def __str__(self) -> str:
        return f"{'ERROR' if self.stops else 'warning'}: {self.problem}"


def error(place: str, found: str, expected: str, remedy: str) -> Finding:
    """Return a finding that stops the campaign."""
    return Finding(Problem(place, found, expected, remedy), stops=True)


def warning(place: str, found: str, expected: str, remedy: str) -> Finding:
    """Return a finding that a person should know of and that the campaign survives."""
    return Finding(Problem(place, found, expected, remedy), stops=False)
