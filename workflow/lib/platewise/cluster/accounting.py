"""What SLURM's accounting says of the jobs that runs in a folder have submitted, each try a record."""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platewise.cluster.queue import RUN_ID, SEPARATOR, ask, parse_comment, parse_time, used_slurm

_FIELDS = (
    "JobIDRaw",
    "JobName",
    "State",
    "WorkDir",
    "ReqMem",
    "MaxRSS",
    "TimelimitRaw",
    "ElapsedRaw",
    "TotalCPU",
    "AllocCPUS",
    "AllocTRES",
    "Comment",
    # The last one: it may hold anything.
    "SubmitLine",
)
_UNITS = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
_MEMORY = re.compile(r"(?P<amount>\d+(?:\.\d+)?)(?P<unit>[KMGT])(?P<per>[cn]?)$")
# The only states in which a job has used what it needed, or has met a limit.
COMPLETED, OUT_OF_MEMORY, OUT_OF_TIME, FAILED = "COMPLETED", "OUT_OF_MEMORY", "TIMEOUT", "FAILED"
_ENDED = (COMPLETED, OUT_OF_MEMORY, OUT_OF_TIME, FAILED)


@dataclass(frozen=True)
class Attempt:
    """One try of a job, ended.

    ``rule`` and ``wildcards`` (their values joined by ``_``) name the job, ``run`` the run id of the Snakemake that
    submitted it and ``number`` its try (0 where nobody knows). ``state`` is ``COMPLETED``, ``OUT_OF_MEMORY``,
    ``TIMEOUT`` or ``FAILED``; ``memory_mb`` is what all its steps held together at their peaks, None where a step was
    too short to be looked at; ``asked_mb`` and ``asked_min`` are None where there was no limit.
    """

    rule: str
    wildcards: str
    run: str
    number: int
    state: str
    memory_mb: float | None
    asked_mb: int | None
    elapsed_s: int
    asked_min: int | None
    cpu_s: int
    cpus: int
    gpus: int


def has_accounting() -> bool:
    """Tell whether SLURM's accounting can be asked here."""
    return shutil.which("sacct") is not None


def read_attempts(folder: Path, configfile: Path, days: int) -> list[Attempt]:
    """Return the ended jobs that Snakemake submitted from ``folder`` for a config in the last ``days`` days.

    None where there is no SLURM, or no run in ``folder`` used it. Cancelled jobs and those whose node died tell nothing
    of what they need, and are left out.

    Raises
    ------
    QueueError
        If the accounting does not answer.
    """
    if not has_accounting() or not used_slurm(folder):
        return []
    command = ["sacct", f"--user={getpass.getuser()}", f"--starttime=now-{days}days", "--noheader", "--parsable2"]
    text = ask(*command, f"--delimiter={SEPARATOR}", f"--format={','.join(_FIELDS)}")
    return list(parse_attempts(text, folder, configfile))


def parse_attempts(text: str, folder: Path, configfile: Path) -> Iterator[Attempt]:
    """Yield the attempts in what sacct printed: a line a job, each followed by the lines of its steps."""
    for job, *steps in _group(text):
        submitted = _Submitted.parse(job["SubmitLine"])
        # Many sites store no comment, but all store how the job was submitted.
        described = parse_comment(job["Comment"]) or parse_comment(submitted.comment)
        state = _state([job, *steps])
        if described is None or state not in _ENDED or RUN_ID.search(job["JobName"]) is None:
            continue
        if Path(job["WorkDir"]).resolve() != folder.resolve() or not submitted.belongs_to(configfile, folder):
            continue
        cpus = int(job["AllocCPUS"] or 1)
        gpus = re.search(r"gres/gpu=(\d+)", job["AllocTRES"])
        yield Attempt(
            *described,
            run=job["JobName"],
            number=submitted.attempt,
            state=state,
            memory_mb=_held(steps),
            asked_mb=_asked(job["ReqMem"], cpus),
            elapsed_s=int(job["ElapsedRaw"] or 0),
            # Also UNLIMITED and Partition_Limit.
            asked_min=int(job["TimelimitRaw"]) if job["TimelimitRaw"].isdigit() else None,
            cpu_s=parse_time(job["TotalCPU"]),
            cpus=cpus,
            gpus=int(gpus[1]) if gpus else 0,
        )


def parse_memory(text: str) -> float | None:
    """Return the MB (1024 x 1024 bytes) of SLURM's ``1.5G`` or ``178432K``; None for an empty field or no amount."""
    found = _MEMORY.match(text)
    return None if found is None else float(found["amount"]) * _UNITS[found["unit"]]


def _asked(text: str, cpus: int) -> int | None:
    """Return what ``ReqMem`` says; before SLURM 21.08, a ``c`` or ``n`` at its end says a CPU's or a node's."""
    amount = parse_memory(text)
    # Zero stands for all of the node's.
    return int(amount * (cpus if text.endswith("c") else 1)) or None if amount is not None else None


def _held(steps: Iterable[dict[str, str]]) -> float | None:
    """Return the sum of the steps' peaks: the job's limit holds for all of them together.

    The batch step is a Snakemake, the other one another Snakemake and the script.
    """
    held = [parse_memory(step["MaxRSS"]) for step in steps if not step["JobIDRaw"].endswith(".extern")]
    known = [amount for amount in held if amount is not None]
    return sum(known) if known and len(known) == len(held) else None


def _state(lines: Iterable[dict[str, str]]) -> str:
    # "CANCELLED by 0"; of a job whose script was killed for its memory only the step may say so.
    states = [line["State"].partition(" ")[0] for line in lines]
    return OUT_OF_MEMORY if OUT_OF_MEMORY in states else states[0]


def _group(text: str) -> Iterator[list[dict[str, str]]]:
    jobs: dict[str, list[dict[str, str]]] = {}
    for line in text.splitlines():
        fields = line.split(SEPARATOR, len(_FIELDS) - 1)
        # A line break in somebody's submit line starts a line that is none.
        if len(fields) == len(_FIELDS):
            record = dict(zip(_FIELDS, fields, strict=True))
            jobs.setdefault(record["JobIDRaw"].partition(".")[0], []).append(record)
    return iter(jobs.values())


@dataclass(frozen=True)
class _Submitted:
    """What the executor's sbatch command says: the comment, the try and the configs of the Snakemake in the job."""

    comment: str
    attempt: int
    configfiles: tuple[str, ...]

    @classmethod
    def parse(cls, line: str) -> _Submitted:
        options, _, wrapped = line.partition(" --wrap=")
        comment = re.search(r" --comment[ =](\S+)", options)
        words: list[str] = []
        # Accounting may cut a long line, in the middle of a quoted word too.
        with suppress(ValueError):
            words = shlex.split(wrapped)
        attempt = next(iter(_values(words, "--attempt")), "")
        return cls(
            comment[1] if comment else "",
            int(attempt) if attempt.isdigit() else 0,
            tuple(_values(words, "--configfiles")),
        )

    def belongs_to(self, configfile: Path, folder: Path) -> bool:
        """Tell whether the job was submitted for a config; a job that does not name any may have been."""
        return not self.configfiles or any(
            (folder / name).resolve() == configfile.resolve() for name in self.configfiles
        )


def _values(words: list[str], option: str) -> Iterator[str]:
    if option in words:
        for word in words[words.index(option) + 1 :]:
            if word.startswith("--"):
                return
            yield word
