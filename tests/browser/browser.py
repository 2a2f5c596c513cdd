"""A real browser, without a window: what a page holds after its scripts ran, and what its console said."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NO_BROWSER = "no browser: install chromium to check the pages in one"


def browse(page: Path, profile: Path, fragment: str = "") -> tuple[str, str]:
    """Open a page; returns its elements after all scripts ran, and what the browser's console said."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", "--virtual-time-budget=8000", "--enable-logging=stderr"]
    flags += ["--window-size=1200,900"]
    done = subprocess.run(
        [BROWSER, *flags, f"--user-data-dir={profile}", "--dump-dom", page.as_uri() + fragment],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "</html>" in done.stdout, done.stderr
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def add_script(page: Path, script: str, target: Path) -> Path:
    """Copy a page with a script that does what a person would do; the policy of the copy allows it."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    source = page.read_text(encoding="utf-8")
    source = source.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    target.write_text(source.replace("</body>", f"<script>{script}</script>\n</body>"), encoding="utf-8")
    return target
