"""The user's jobs in the SLURM queue that work in a folder, and the runs that submitted them.

The executor gives every job of one run of Snakemake the same name, the run id, and names the rule in the comment.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platewise.errors import PlatewiseError

# A comment or name may hold blanks, but no unit separator.
SEPARATOR = "\x1f"
_FIELDS = ("%i", "%j", "%T", "%M", "%N", "%k", "%Z")
_COMMENT = re.compile(r"(?:rule|group)_(?P<rule>.+?)(?:_wildcards_(?P<wildcards>.*))?$")
RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
_TIMEOUT_S = 60
_HEAD_BYTES = 4096


class QueueError(PlatewiseError):
    """SLURM is installed here, but does not answer."""


@dataclass(frozen=True)
class QueuedJob:
    """A job in the queue.

    ``number`` is SLURM's job id, ``run`` the run id of the Snakemake that submitted it, ``state`` SLURM's word
    (``PENDING``, ``RUNNING``, ``COMPLETING``, ...), ``elapsed_s`` the seconds since it started, ``node`` where it runs
    (empty while it waits), ``wildcards`` the values of the rule's wildcards joined by ``_``, in the order of its
    output's path.
    """

    number: str
    run: str
    state: str
    elapsed_s: int
    node: str
    rule: str
    wildcards: str


def has_slurm() -> bool:
    """Tell whether SLURM's commands are installed here."""
    return shutil.which("squeue") is not None


def queued_jobs(folder: Path) -> list[QueuedJob]:
    """Return the user's jobs that Snakemake submitted from ``folder`` and that have not ended.

    None where there is no SLURM, or no run in ``folder`` ever used it: SLURM is not asked then, so that a machine with
    its commands and no cluster behind them is none the worse.

    Raises
    ------
    QueueError
        If SLURM does not answer: then nobody knows what still runs.
    """
    if not has_slurm() or not used_slurm(folder):
        return []
    return list(_parse(ask("squeue", "--me", "--noheader", f"--format={SEPARATOR.join(_FIELDS)}"), folder))


def used_slurm(folder: Path) -> bool:
    """Tell whether a run in ``folder`` submitted to SLURM: the executor says its run id at the head of the log."""
    for log in (folder / ".snakemake" / "log").glob("*.log"):
        with suppress(OSError), log.open("rb") as handle:
            if b"SLURM run ID" in handle.read(_HEAD_BYTES):
                return True
    return False


def cancel(jobs: Iterable[QueuedJob]) -> None:
    """Cancel jobs, run by run: by run id, so that jobs that a run had not yet shown are cancelled too."""
    for run in dict.fromkeys(job.run for job in jobs):
        ask("scancel", "--me", f"--name={run}")


def ask(*command: str) -> str:
    """Return what a command of SLURM prints.

    Raises
    ------
    QueueError
        If it fails, or does not answer within a minute.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise QueueError(f"{command[0]} did not answer within {_TIMEOUT_S} s. {_HINT}") from error
    if done.returncode != 0:
        raise QueueError(f"{command[0]} failed: {done.stderr.strip()}. {_HINT}")
    return done.stdout


_HINT = "Hint: try again when `squeue --me` answers."


def _parse(text: str, folder: Path) -> Iterator[QueuedJob]:
    place = folder.resolve()
    for line in text.splitlines():
        fields = line.split(SEPARATOR)
        if len(fields) != len(_FIELDS):
            continue
        number, name, state, elapsed, node, comment, where = fields
        # Some sites take comments away: then the job still counts, and only its rule is not known.
        described = parse_comment(comment) or ("", "")
        # A jobname prefix may stand before the run id.
        if RUN_ID.search(name) is None or Path(where).resolve() != place:
            continue
        yield QueuedJob(number, name, state, parse_time(elapsed), node, *described)


def parse_comment(text: str) -> tuple[str, str] | None:
    """Return the rule that a job's comment names and its wildcards, joined by ``_``; None for another's comment."""
    described = _COMMENT.match(text)
    return None if described is None else (described["rule"], described["wildcards"] or "")


def parse_time(text: str) -> int:
    """Return the seconds of SLURM's ``[days-][[hours:]minutes:]seconds``; 0 for what is no time (``INVALID``)."""
    seconds = 0
    with suppress(ValueError):
        days, _, clock = text.rpartition("-")
        for part in clock.split(":"):
            seconds = seconds * 60 + int(part.partition(".")[0])
        seconds += int(days or 0) * 24 * 3600
    return seconds
