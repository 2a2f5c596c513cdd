import os
import subprocess
import sys

from platewise.errors import DataError
from platewise.jobs import use_library


def test_the_library_comes_first_and_once(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/other", "/lib"]))
    use_library("/lib")
    assert os.environ["PYTHONPATH"] == os.pathsep.join(["/lib", "/other"])


def run(tmp_path, line):
    code = f"from platewise.jobs import log_to\nlog_to({str(tmp_path / 'a/b.log')!r})\n{line}\n"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_an_error_of_ours_is_short_on_the_console_and_whole_in_the_log(tmp_path):
    done = run(tmp_path, "from platewise.errors import DataError\nraise DataError('x is wrong. Hint: mend it.')")
    assert done.returncode == 1
    assert done.stderr == f"{DataError.__name__}: x is wrong. Hint: mend it.\n"
    assert "Traceback" in (tmp_path / "a/b.log").read_text()


def test_any_other_error_shows_where_it_happened(tmp_path):
    done = run(tmp_path, "1 / 0")
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in (tmp_path / "a/b.log").read_text()
