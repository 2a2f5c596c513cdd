"""What a piece of work costs this process: CPU seconds, seconds that pass, memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


@dataclass
class Cost:
    """Filled in when the work is done.

    Attributes
    ----------
    seconds
        CPU seconds of the process, all its threads together (user and system), not those of other processes.
    wall_seconds
        Seconds that passed.
    peak_mb
        The most memory that the process held at any moment of the work, in megabytes (10^6 bytes): all that is
        resident, the interpreter, libraries and weights included. Linux keeps this high-water mark and resets it on
        demand; elsewhere it is the process's highest since its start.
    """

    seconds: float = float("nan")
    wall_seconds: float = float("nan")
    peak_mb: float = float("nan")


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what is done inside the ``with`` block."""
    cost = Cost()
    reset = _reset_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    yield cost
    cost.seconds, cost.wall_seconds = time.process_time() - cpu, time.perf_counter() - wall
    cost.peak_mb = _peak_since_reset() if reset else _peak_ever()


def _reset_peak() -> bool:
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def _peak_since_reset() -> float:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def _peak_ever() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
