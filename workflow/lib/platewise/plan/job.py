"""One job of a campaign, as those see it who look from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, eq=False, slots=True)
class Job:
    """One job.

    ``stage`` is what people call its rule (``embed:deep``); ``plate`` and ``block`` are empty where the job is the
    campaign's or the whole plate's; ``wildcards`` are in the order of the output's path; ``kept`` are those inputs
    whose age does not matter (``ancient``).
    """

    rule: str
    stage: str
    plate: str
    block: str
    wildcards: tuple[str, ...]
    inputs: tuple[str, ...]
    kept: tuple[str, ...]
    outputs: tuple[str, ...]
    log: str
    benchmark: str

    @property
    def tables(self) -> list[str]:
        """The outputs that are Parquet tables."""
        return [output for output in self.outputs if output.endswith(".parquet")]

    @property
    def label(self) -> str:
        """The job in words: its rule, then the values of its wildcards."""
        return " ".join((self.rule, *self.wildcards))


def make_job(
    root: str,
    rule: str,
    stage: str,
    place: str,
    wildcards: Sequence[str],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    kept: Sequence[str] = (),
    plate: str = "",
    block: str = "",
) -> Job:
    """Make a job; ``place`` is where its log and benchmark lie."""
    log, benchmark = f"{root}/logs/{place}.log", f"{root}/benchmarks/{place}.tsv"
    return Job(rule, stage, plate, block, tuple(wildcards), tuple(inputs), tuple(kept), tuple(outputs), log, benchmark)
