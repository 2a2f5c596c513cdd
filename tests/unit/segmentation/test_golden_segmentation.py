"""The engines' results on one drawn field: a change of them must raise ALGORITHMS["segment"].

``python tests/unit/segmentation/test_golden_segmentation.py`` writes the golden numbers anew.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import tifffile

from platewise.algorithms import ALGORITHMS
from platewise.config.segmentation import ClassicalNuclei, FlowNuclei, SegmentationConfig
from platewise.segmentation.engine import make_engine

GOLDEN = Path(__file__).parents[1] / "golden" / "segmentation.json"
CHANNELS = ["DNA", "ER", "RNA", "AGP", "Mito"]


def drawn(folder):
    """A blob field, (c, y, x) float32."""
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
    return np.stack(image)


def areas(folder):
    """Areas of nuclei and cells, in the order of their numbers, by the engine that found the nuclei."""
    found = {}
    for nuclei in (ClassicalNuclei(), FlowNuclei()):
        labels = make_engine(SegmentationConfig(nuclei=nuclei), CHANNELS).segment([drawn(folder)])[0]
        found[nuclei.engine] = {
            "nuclei": np.bincount(labels.nuclei.ravel())[1:].tolist(),
            "cells": np.bincount(labels.cells.ravel())[1:].tolist(),
        }
    return found


def test_the_result_has_not_changed(tmp_path):
    golden = json.loads(GOLDEN.read_text())
    assert golden["algorithm"] == ALGORITHMS["segment"], "the number was raised: write the golden numbers anew"
    for engine, found in areas(tmp_path).items():
        for name, expected in golden[engine].items():
            # Some pixels of slack for another processor's rounding; a network sums more of it.
            slack = 2 if engine == "classical" else 4
            same = len(found[name]) == len(expected) and np.allclose(found[name], expected, rtol=0, atol=slack)
            assert same, (
                f"{name} of {engine} changed: if this is on purpose, raise ALGORITHMS['segment'] and write the numbers "
                "anew"
            )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text(json.dumps({"algorithm": ALGORITHMS["segment"], **areas(folder)}, indent=1) + "\n")
