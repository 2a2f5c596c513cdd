"""Weights that cannot be used stop a campaign when it is planned, and without torch."""

import subprocess
import sys

import pytest

from platewise.errors import ConfigError
from platewise.plan.campaign import load_campaign


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "map.txt").write_text("well_position\tcompound\nA01\tDMSO\n")
    (tmp_path / "plates.tsv").write_text(
        f"plate\tbatch\treader\timages\tplatemap\nP1\tb1\tphenix\t{tmp_path}/images\t{tmp_path}/map.txt\n"
    )
    (tmp_path / "text.safetensors").write_text("this is no file of weights")
    return {
        "campaign": "test",
        "plates": str(tmp_path / "plates.tsv"),
        "plate_format": 6,
        "metadata": {"key": "compound", "negcon": ["DMSO"]},
        "images": {"channels": {"DNA": "5", "ER": "4", "RNA": "3", "AGP": "2"}},
        "segmentation": {
            "nuclei": {"engine": "flow", "nucleus_diameter": 30, "weights": str(tmp_path / "gone.safetensors")},
            "cells": {"engine": "flow", "weights": str(tmp_path / "text.safetensors")},
        },
    }


def test_weights_that_are_missing_or_broken_are_told_with_their_keys(raw):
    with pytest.raises(ConfigError) as caught:
        load_campaign(raw, "config.yaml")
    assert [problem.place for problem in caught.value.problems] == [
        "config.yaml, key segmentation.nuclei.weights",
        "config.yaml, key segmentation.cells.weights",
    ]
    assert "gone.safetensors" in caught.value.problems[0].found
    assert "no safetensors file" in caught.value.problems[1].found


def test_planning_imports_no_network():
    code = "import sys, platewise.plan.campaign; print([name for name in ('torch', 'skimage') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
