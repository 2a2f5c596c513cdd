"""The classical engine's result on one rendered field: a change of it must raise ALGORITHMS["segment"].

``python tests/unit/segmentation/test_golden_segmentation.py`` writes the golden numbers anew.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import tifffile

from platewise.algorithms import ALGORITHMS
from platewise.config.segmentation import ClassicalNuclei, SegmentationConfig
from platewise.segmentation.engine import make_engine

GOLDEN = Path(__file__).parents[1] / "golden" / "segmentation.json"
CHANNELS = ["DNA", "ER", "RNA", "AGP", "Mito"]


def areas(folder):
    """Areas of nuclei and cells of a blob field, in the order of their numbers."""
    rows, columns = np.indices((300, 300))
    rng = np.random.default_rng(3)
    places = [(60, 60, 15), (64, 92, 14), (150, 170, 18), (220, 80, 16), (240, 240, 20), (110, 250, 12)]
    nuclei = sum(np.exp(-((((rows - y) ** 2 + (columns - x) ** 2) / (2 * (r / 1.3) ** 2)) ** 3)) for y, x, r in places)
    cells = sum(np.exp(-((((rows - y) ** 2 + (columns - x) ** 2) / (2 * (2.2 * r) ** 2)) ** 2)) for y, x, r in places)
    dna = 300 + 2500 * nuclei + rng.normal(0, 30, rows.shape)
    body = 400 + 1500 * cells + rng.normal(0, 40, rows.shape)
    # Through a file, as fields come: 16 bits.
    image = []
    for plane in (dna, body, body, body, body):
        path = Path(folder) / "plane.tiff"
        tifffile.imwrite(path, np.clip(plane, 0, 65535).astype(np.uint16))
        image.append(tifffile.imread(path).astype(np.float32))
    labels = make_engine(SegmentationConfig(nuclei=ClassicalNuclei()), CHANNELS).segment([np.stack(image)])[0]
    return {
        "nuclei": np.bincount(labels.nuclei.ravel())[1:].tolist(),
        "cells": np.bincount(labels.cells.ravel())[1:].tolist(),
    }


def test_the_result_has_not_changed(tmp_path):
    golden = json.loads(GOLDEN.read_text())
    assert golden["algorithm"] == ALGORITHMS["segment"], "the number was raised: write the golden numbers anew"
    found = areas(tmp_path)
    for name in ("nuclei", "cells"):
        # Two pixels of slack for another processor's rounding.
        same = len(found[name]) == len(golden[name]) and np.allclose(found[name], golden[name], rtol=0, atol=2)
        assert same, f"{name} changed: if this is on purpose, raise ALGORITHMS['segment'] and write the numbers anew"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text(json.dumps({"algorithm": ALGORITHMS["segment"], **areas(folder)}, indent=1) + "\n")
