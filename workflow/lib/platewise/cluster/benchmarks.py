"""The benchmark files that Snakemake writes, one a job: what the job used and, if asked for, what it was given.

Snakemake watches the process of a ``script:`` and its children from outside: twice a second in the first 15 seconds,
then every 30. Its own processes are not counted. So a peak of memory between two looks is missed, and the CPU time ends
with the last look: a job of a second or two may show none.
"""

from __future__ import annotations

import ast
import csv
import io
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platewise.errors import DataError


@dataclass(frozen=True)
class Benchmark:
    """What the last run of a job used, and what it was given.

    ``elapsed_s``, ``memory_mb`` (the highest sum of resident memory over the script's processes) and ``cpu_s`` are
    measured; ``asked_mb``, ``asked_min``, ``threads`` and ``gpus`` are there where Snakemake ran with
    ``--benchmark-extended``. None stands for what the file does not say.
    """

    elapsed_s: float
    memory_mb: float | None
    cpu_s: float | None
    asked_mb: int | None
    asked_min: int | None
    threads: int | None
    gpus: int | None


def read_benchmark(path: Path) -> Benchmark | None:
    """Read a job's benchmark file, plain or extended; None where the job has not run.

    Raises
    ------
    DataError
        If the file is cut short or holds something else.
    """
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None
    # The extended format lists all inputs of a job in one field.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    try:
        # Parameters are Python literals, with quotes of their own.
        row = list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE))[-1]
        resources = _resources(row.get("resources"))
        return Benchmark(
            elapsed_s=float(row["s"]),
            memory_mb=_number(row["max_rss"]),
            cpu_s=_number(row["cpu_time"]),
            asked_mb=_whole(resources.get("mem_mb")),
            asked_min=_whole(resources.get("runtime")),
            threads=_whole(row.get("threads")),
            gpus=_whole(resources.get("gpu", 0)) if resources else None,
        )
    except (LookupError, TypeError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path}: is not a benchmark of Snakemake's ({type(error).__name__}: {error}). "
            "Hint: remove the file; its job counts as not measured then."
        ) from error


def _resources(text: str | None) -> dict[str, Any]:
    found = {}
    # What was never evaluated is written as no literal.
    with suppress(ValueError, SyntaxError):
        found = ast.literal_eval(text or "{}")
    return found


def _number(text: str) -> float | None:
    return None if text in ("NA", "-") else float(text)


def _whole(value: Any) -> int | None:
    return int(value) if str(value).isdigit() else None
