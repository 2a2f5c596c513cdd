"""Compiled loops: numba with a cache on disk, so that only the first job of a machine pays for compiling.

The cache lies beside the source when that folder can be written, else in the user's cache folder, else where
``NUMBA_CACHE_DIR`` says (which wins over both when it is set). Where none of them can be written the kernels are
compiled in memory. Numba notices changes of a kernel's own file only, therefore **a kernel calls kernels and reads
constants of its own file only** (tested): otherwise an edit could leave a stale kernel in the cache.

Many jobs, of machines of many kinds, may fill one cache at once. Numba's own cache has an index of each kernel's files,
in which two jobs can give two different codes the same name; here every code has a file of its own, named by what it
was compiled from and for, written whole or not at all, and there is no index.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core import event
from numba.core.serialize import dumps

from platewise.files import whole_file

log = logging.getLogger(__name__)

_DIGEST = hashlib.sha256().digest_size
# error_model "numpy": a division by zero gives inf or NaN instead of an error, as everywhere else in the code.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` on first use and keep the machine code on disk where that is possible."""
    try:
        compiled = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder for its cache that it may write to
        return numba.njit(**_OPTIONS)(function)
    cache = compiled._cache
    cache._cache_file = _CodeFiles(cache.cache_path, cache._impl.filename_base, cache._impl.locator.get_source_stamp())
    return compiled


class _CodeFiles:
    """A kernel's compiled codes, each in a file of its own: what numba's ``IndexDataCacheFile`` does with an index."""

    def __init__(self, folder: str, name: str, stamp: Any) -> None:
        self._folder = Path(folder)
        self._name = name
        self._stamp = stamp

    def save(self, key: Any, data: Any) -> None:
        """Write the code for ``key``: signature, processor and bytecode. Without room for it, it is not kept."""
        code = dumps(data)
        with suppress(OSError), whole_file(self._path(key)) as temporary:
            temporary.write_bytes(hashlib.sha256(code).digest() + code)

    def load(self, key: Any) -> Any:
        """Return the code for ``key``, None if there is none or its file is damaged."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        digest, code = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(code).digest() != digest:
            return None
        # As numba does it: what lies in the cache is code that we compiled, as in __pycache__.
        return pickle.loads(code)  # noqa: S301

    def flush(self) -> None:
        """Numba asks for it where an index is to be emptied; there is none."""

    def _path(self, key: Any) -> Path:
        made_from = repr((numba.__version__, self._stamp, key)).encode()
        return self._folder / f"{self._name}.{hashlib.sha256(made_from).hexdigest()[:24]}.nbc"


class _Told(event.Listener):
    """Says once that kernels are being compiled: the first job of a machine must not look hung."""

    def __init__(self) -> None:
        self._told = False

    def on_start(self, event: event.Event) -> None:
        """Called by numba before it compiles."""
        if not self._told:
            self._told = True
            log.info("compiling kernels: once for each kind of machine, 20 to 60 s")

    def on_end(self, event: event.Event) -> None:
        """Called by numba when it has compiled."""


event.register("numba:compile", _Told())
