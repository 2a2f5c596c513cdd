"""Resolve ``requirements.in`` into ``lock.txt`` and the conda files, so that all three say the same.

``python envs/lock.py`` asks pip what it would install into an empty environment, and installs nothing.
``python envs/lock.py --check`` fails when the conda files are not what ``lock.txt`` says; it needs no network.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = "3.11"
HEAD = "# Made by envs/lock.py from envs/requirements.in; do not edit.\n"


def resolve() -> list[str]:
    """Return ``name==version`` of everything that ``requirements.in`` needs, sorted."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-"]
    report = subprocess.run([*command, "-r", HERE / "requirements.in"], check=True, capture_output=True, text=True)
    packages = [entry["metadata"] for entry in json.loads(report.stdout)["install"]]
    # A local build tag (+cpu) says which file this machine took, not which version is meant.
    return sorted((f"{p['name']}=={p['version'].split('+')[0]}" for p in packages), key=str.lower)


def conda_file(name: str, pins: list[str]) -> str:
    """Return a conda environment file that installs ``pins`` with pip, as `make setup` does."""
    lines = [
        f"name: platewise-{name}",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        f"  - python={PYTHON}",
        "  - pip",
    ]
    return HEAD + "\n".join([*lines, "  - pip:", *(f"      - {pin}" for pin in pins)]) + "\n"


def read_lock() -> list[str]:
    """Return the pins of ``lock.txt``."""
    return [line for line in (HERE / "lock.txt").read_text().splitlines() if line and not line.startswith("#")]


def main() -> None:
    """Write the files, or check them."""
    check = "--check" in sys.argv[1:]
    if not check:
        (HERE / "lock.txt").write_text(HEAD + "\n".join(resolve()) + "\n")
    stale = []
    for name in ("cpu", "gpu"):
        path, text = HERE / f"{name}.yaml", conda_file(name, read_lock())
        if check and (not path.is_file() or path.read_text() != text):
            stale.append(path.name)
        elif not check:
            path.write_text(text)
    if stale:
        sys.exit(f"not in step with lock.txt: {', '.join(stale)}. Run `make lock`.")


if __name__ == "__main__":
    main()
