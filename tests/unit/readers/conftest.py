"""Tiny images, and the real exports where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def exports() -> Path:
    folder = os.environ.get("PLATEWISE_DATA")
    if not folder:
        pytest.skip("set PLATEWISE_DATA to the folder of real data (phenix/, operetta/, imagexpress/)")
    return Path(folder)
