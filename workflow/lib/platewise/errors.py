"""Errors that a person can act on: where, what was found, what is allowed, what to do."""

from __future__ import annotations

from dataclasses import dataclass


class PlatewiseError(Exception):
    """Base of every error that platewise raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, said so that it can be put right.

    Parameters
    ----------
    place
        File, and row or key within it, e.g. ``config/plates.tsv, row 3, column plate``.
    found
        The offending value, as the user wrote it.
    expected
        The allowed values, or what the value must look like.
    remedy
        What the user should do.
    """

    place: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: found {self.found}; expected {self.expected}. Hint: {self.remedy}"


class ProblemsError(PlatewiseError):
    """Several problems found in one go, reported together."""

    def __init__(self, problems: list[Problem], title: str = "platewise cannot start") -> None:
        self.problems = list(problems)
        lines = [f"{title}: {len(self.problems)} problem(s)"]
        lines += [f"  {number}. {problem}" for number, problem in enumerate(self.problems, 1)]
        super().__init__("\n".join(lines))


class ConfigError(ProblemsError):
    """The config or one of its sheets is wrong; raised before any job runs."""


class DataError(PlatewiseError):
    """Data on disk contradict what was promised (a hash, a shape, a column)."""


class DeviceError(PlatewiseError):
    """A device that was asked for is not there."""
