import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from numba.core.dispatcher import Dispatcher

import platewise
from platewise import jit
from platewise.measure import outline

RUN = """
import numpy as np
from platewise.measure import outline
from platewise.measure.objects import list_objects
objects = list_objects(np.ones((3, 3), np.int32), np.array([1]))
assert outline.outline(objects).sum() == 8
print(outline._boundary._cache.cache_path or "memory")
"""


def kernels():
    library = Path(platewise.__file__).parent
    for path in library.rglob("*.py"):
        if "\n@kernel\n" not in path.read_text():
            continue
        module = importlib.import_module(".".join(("platewise", *path.relative_to(library).with_suffix("").parts)))
        for name, value in vars(module).items():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__:
                yield module, name, value


def test_kernels_use_only_kernels_and_constants_of_their_own_file():
    """Numba's cache notices edits of a kernel's own file only: anything from elsewhere could go stale in it."""
    found = list(kernels())
    assert len(found) > 40
    for module, name, dispatcher in found:
        for used in dispatcher.py_func.__code__.co_names:
            value = vars(module).get(used)
            if isinstance(value, Dispatcher):
                assert value.py_func.__module__ == module.__name__, f"{module.__name__}.{name} calls {used}"
            elif value is not None:
                assert used in {"np", "math", "heapq"}, f"{module.__name__}.{name} reads {used}"


def run_from_read_only_copy(tmp_path, home, **environment):
    """Run a kernel in a process of its own from a copy of the library whose cache folder cannot be made."""
    library = tmp_path / "lib"
    shutil.copytree(
        Path(platewise.__file__).parent, library / "platewise", ignore=shutil.ignore_patterns("__pycache__")
    )
    # A file in the way keeps out even a user who may write anywhere, as tests in a container often do.
    (library / "platewise" / "measure" / "__pycache__").write_text("")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "XDG_"))}
    clean |= {"PYTHONPATH": str(library), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(home), **environment}
    done = subprocess.run([sys.executable, "-c", RUN], env=clean, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_kernels_are_cached_beside_their_source(tmp_path):
    library = tmp_path / "lib"
    shutil.copytree(
        Path(platewise.__file__).parent, library / "platewise", ignore=shutil.ignore_patterns("__pycache__")
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")}
    subprocess.run([sys.executable, "-c", RUN], env=clean | {"PYTHONPATH": str(library)}, check=True)
    assert list((library / "platewise" / "measure" / "__pycache__").glob("outline._boundary*.nbc"))


TYPES = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
import numpy as np
from platewise.measure.granularity import _eroded_by_cross
for kind in sys.argv[1:]:
    plane = np.array([[3, 1], [2, 4]], kind)
    assert _eroded_by_cross(plane).tolist() == [[1, 1], [2, 1]], kind
print("hits", sum(_eroded_by_cross.stats.cache_hits.values()))
"""


def test_jobs_that_fill_a_cache_at_once_never_take_each_others_code(tmp_path):
    """Numba's own index would lose entries here, and could give two codes one name."""
    clean = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    kinds = ("float32", "float64", "int32", "int64")
    jobs = [subprocess.Popen([sys.executable, "-c", TYPES, kind], env=clean, stdout=subprocess.PIPE) for kind in kinds]
    told = [job.communicate()[0].decode() for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 4
    assert all("compiling kernels: once for each kind of machine" in text for text in told)
    done = subprocess.run([sys.executable, "-c", TYPES, *kinds], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout == "hits 4\n"
    # One that was cut short is compiled anew.
    file = next(tmp_path.rglob("granularity._eroded_by_cross*.nbc"))
    file.write_bytes(file.read_bytes()[:100])
    done = subprocess.run([sys.executable, "-c", TYPES, *kinds], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("hits 3\n")


def test_a_read_only_library_is_cached_in_the_home_of_the_user(tmp_path):
    (tmp_path / "home").mkdir()
    assert run_from_read_only_copy(tmp_path, tmp_path / "home").startswith(str(tmp_path / "home"))
    assert list((tmp_path / "home").rglob("outline._boundary*.nbc"))


def test_the_cache_folder_can_be_named(tmp_path):
    (tmp_path / "home").mkdir()
    cache = run_from_read_only_copy(tmp_path, tmp_path / "home", NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert cache.startswith(str(tmp_path / "cache"))


def test_without_any_writable_folder_kernels_are_compiled_in_memory(tmp_path):
    (tmp_path / "home").write_text("not a folder")
    assert run_from_read_only_copy(tmp_path, tmp_path / "home") == "memory"


def test_a_kernel_divides_by_zero_as_numpy_does():
    @jit.kernel
    def ratio(a, b):
        return a / b

    assert ratio(1.0, 0.0) == float("inf")
    assert isinstance(outline._boundary, Dispatcher)
