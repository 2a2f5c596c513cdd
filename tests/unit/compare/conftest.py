"""Small runs of a campaign, written by hand."""

import sys
from pathlib import Path

# The fixture module beside this file, under its own name.
sys.path.insert(0, str(Path(__file__).parent))

import pytest
from small_run import write_run


@pytest.fixture
def old(tmp_path):
    return write_run(tmp_path / "results" / "mine")


@pytest.fixture
def pair(tmp_path, old):
    """Write NEW with changes and open both."""
    from platewise.compare.results import open_results

    def write(**changes):
        return open_results(old, write_run(tmp_path / "results" / "mine_v2", **changes))

    return write
