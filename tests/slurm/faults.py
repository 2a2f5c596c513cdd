"""The faults that are injected, as the README's table tells of them; each is the subject of a test in `test_faults.py`.

The table is written by `make test-faults`, and dated by the run in which a fault's test was green.
"""

from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
_BEGIN, _END = "<!-- faults: written by `make test-faults` -->\n", "<!-- end of faults -->"
_HEAD = "| fault | what platewise does | what you do | last green |\n| --- | --- | --- | --- |\n"
_ITSELF = "goes on by itself"
_AGAIN = "the same command again"
_FAIL = "jobs fail and say so"
_FOUND = "the next stage finds it and stops"
_VERIFY = f"`platewise verify CONFIG`, then {_AGAIN}"
_REFUSES = "refuses to start a second time"


@dataclass(frozen=True)
class Fault:
    """What happened, what platewise does then, and what is left to the user."""

    what: str
    then: str
    do: str = "nothing"


FAULTS = {
    "cancelled": Fault("`scancel` of a running job", _ITSELF),
    "killed": Fault("`kill -9` of a job's process", _ITSELF),
    "node": Fault("a node is lost (`kill -9` of its slurmd) while its jobs write on", _ITSELF),
    "controller": Fault("slurmctld is away for 30 s (`kill -9`, started again)", _ITSELF),
    "wait": Fault("`kill -9` of Snakemake, its jobs still run", _REFUSES, "add `--earlier-jobs wait`"),
    "cancel": Fault("the same, and its jobs are not wanted", _REFUSES, "add `--earlier-jobs cancel`"),
    "restart": Fault("`kill -9` of Snakemake, its jobs have ended since", "waits to be started", _AGAIN),
    "two_writers": Fault(
        "`kill -9` of Snakemake, then plain `snakemake --unlock` and `snakemake` while its jobs still run",
        "two jobs write the same fields; each is committed once",
    ),
    "time": Fault("a job runs over its time limit", f"{_ITSELF}: the next try asks for more"),
    "memory": Fault("a job needs more memory than it asked for", f"{_ITSELF}: the next try asks for more"),
    "disk_full": Fault("the disk is full", _FAIL, f"make room, then {_AGAIN}"),
    "read_only": Fault(
        "the results folder turns read-only", "jobs fail and say so", f"make it writable, then {_AGAIN}"
    ),
    "corrupt": Fault("a committed field is corrupt on disk", _FOUND, _VERIFY),
    "label_deleted": Fault("a label array is deleted", _FOUND, _VERIFY),
    "manifest_cut": Fault("a manifest is cut in half", _FOUND, _VERIFY),
    "no_gpu": Fault(
        "a GPU job lands on a node where no GPU can be seen",
        "the job fails and says so; it does not fall back to the CPU",
        f"have the node mended, then {_AGAIN}",
    ),
}


def read_table(text: str) -> dict[str, tuple[str, ...]]:
    """Return the rows of the table in a page, by the fault's words."""
    table = text.partition(_BEGIN)[2].partition(_END)[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in table.splitlines()[2:] if line]
    return {row[0]: row for row in rows}


def write_table(text: str, green: dict[str, str]) -> str:
    """Return a page with its table anew; ``green`` are dates by fault, and those that are not in it keep theirs."""
    known = read_table(text)
    rows = []
    for key, fault in FAULTS.items():
        date = green.get(key) or (known[fault.what][3] if fault.what in known else "never")
        rows.append(f"| {fault.what} | {fault.then} | {fault.do} | {date} |\n")
    before, _, rest = text.partition(_BEGIN)
    return before + _BEGIN + _HEAD + "".join(rows) + _END + rest.partition(_END)[2]
