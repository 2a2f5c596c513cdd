"""What jobs need before their work: this library and no other, and a log of what happens."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

from platewise.errors import PlatewiseError


def use_library(folder: str) -> None:
    """Make the processes that this one starts import platewise from ``folder``, whatever else is installed."""
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != folder]
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, *paths])


def log_to(path: str) -> None:
    """Write log lines and uncaught exceptions to ``path``; errors also appear on the console.

    An error that platewise raises on purpose is shown by its message alone on the console, since the message says what
    to do; the log always has the traceback.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    # Their INFO lines are about themselves.
    for name in ("numba", "asyncio", "matplotlib", "fontTools"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        root.critical("".join(traceback.format_exception(kind, error, trace)))
        if isinstance(error, PlatewiseError):
            sys.stderr.write(f"{kind.__name__}: {error}\n")
        else:
            traceback.print_exception(kind, error, trace)

    sys.excepthook = report
