"""The features of a fixed field must not change unless ALGORITHMS["measure"] does.

Run this file (`python tests/unit/measure/test_golden_measure.py`) to write the golden table anew.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "measure.json"
if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3] / "workflow" / "lib"))

from platewise.algorithms import ALGORITHMS  # noqa: E402
from platewise.config.measure import MeasureConfig  # noqa: E402
from platewise.measure.field import measure_field  # noqa: E402

CHANNELS = ["DNA", "ER"]
REWRITE = "python tests/unit/measure/test_golden_measure.py"


def golden_field():
    """Three cells, two of which touch, one at the border; all numbers are integers, so no machine rounds them."""
    rows, cols = np.mgrid[:64, :72]
    cells, nuclei = np.zeros((2, 64, 72), np.int32)
    for number, (row, col, height, width) in enumerate([(20, 18, 15, 13), (26, 44, 17, 12), (60, 30, 12, 20)], 1):
        shape = ((rows - row) * width) ** 2 + ((cols - col) * height) ** 2
        cells[(shape <= (height * width) ** 2) & (cells == 0)] = number
        nuclei[(4 * shape <= (height * width) ** 2) & (cells == number)] = number
    image = np.random.default_rng(11).integers(300, 900, (2, 64, 72))
    image[0] += 4000 * (nuclei > 0) + 11 * rows * (nuclei > 0)
    image[1] += 700 * (cells > 0) + 9 * cols * (cells > 0)
    return image.astype(np.float32), {"nuclei": nuclei, "cells": cells}


def measured():
    table = measure_field(*golden_field(), CHANNELS, MeasureConfig())
    return {name: [float(f"{value:.6g}") for value in values] for name, values in table.items()}


def test_features_have_not_changed():
    golden = json.loads(GOLDEN.read_text())
    if golden["algorithm"] != ALGORITHMS["measure"]:
        pytest.fail(f'ALGORITHMS["measure"] was raised: write the golden table anew with `{REWRITE}`')
    found = measured()
    assert list(found) == list(golden["features"]), f"columns changed: raise ALGORITHMS['measure'], then `{REWRITE}`"
    changed = [
        name
        for name, values in golden["features"].items()
        if not np.allclose(found[name], values, rtol=1e-4, atol=1e-9, equal_nan=True)
    ]
    if changed:
        pytest.fail(
            f"{len(changed)} features changed, first {changed[0]}: {golden['features'][changed[0]]} became "
            f"{found[changed[0]]}. If this is on purpose, raise ALGORITHMS['measure'] in platewise/algorithms.py "
            f"and write the golden table anew with `{REWRITE}`"
        )


if __name__ == "__main__":
    content = {"algorithm": ALGORITHMS["measure"], "features": measured()}
    lines = [f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in content["features"].items()]
    GOLDEN.write_text(
        f'{{"algorithm": {content["algorithm"]}, "features": {{\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8"
    )
