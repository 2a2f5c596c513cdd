"""Compiled loops: numba with a cache on disk, so that only the first job of a machine pays for compiling.

The cache lies beside the source when that folder can be written, else in the user's cache folder, else where
``NUMBA_CACHE_DIR`` says (which wins over both when it is set). Where none of them can be written the kernels are
compiled in memory. Numba notices changes of a kernel's own file only, therefore **a kernel calls kernels and reads
constants of its own file only** (tested): otherwise an edit could leave a stale kernel in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

# error_model "numpy": a division by zero gives inf or NaN instead of an error, as everywhere else in the code.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` on first use and keep the machine code on disk where that is possible."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder for its cache that it may write to
        return numba.njit(**_OPTIONS)(function)
