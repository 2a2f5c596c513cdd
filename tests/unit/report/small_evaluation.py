"""An evaluation of segmentation engines whose every number is known, with names that try to be more than names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from small_campaign import HOSTILE, IMAGE

from platewise.report.segmentation_contenders import Contender
from platewise.report.segmentation_page import EvaluationTables, Gallery, write_segmentation_page
from platewise.segmentation.evaluation import COLUMNS
from platewise.segmentation.scoring import ERRORS, SCORES
from platewise.segmentation.summary import ablate, compare_engines, summarise

REFERENCE = "flow"
OTHER = HOSTILE
PARTS = {REFERENCE: ("x", "y"), "flow only x": ("x",), "flow only y": ("y",)}
# 36 images of one class in 18 pairs of crops, and 4 of another, each its own group.
IMAGES = [(f"dots{place:02d}", "round_dots", f"g{place // 2}") for place in range(36)]
IMAGES += [(f"{IMAGE}{place}", "blobs & <b>bulbs</b>", f"h{place}") for place in range(4)]
CONTENDERS = [
    Contender(REFERENCE, "a network & more", 120, 0, IMAGE),
    Contender(OTHER, "default settings", 0, 2),
]


def engine_rows(engine: str, value: float, seconds: float) -> pd.DataFrame:
    """Rows of one engine: every score falls by 0.001 from image to image; errors are what is missing to 1."""
    # The small part keeps means off the halves between two roundings.
    values = value + 0.0002 - 0.001 * np.arange(len(IMAGES))
    table = pd.DataFrame(IMAGES, columns=["Image", "Class", "Group"]).assign(Engine=engine)
    table["Fold"] = np.arange(len(IMAGES)) % 2
    for name in SCORES:
        table[name] = 1 - values if name in ERRORS else values
    costs = {"Objects": 10, "Predicted": 11, "Megapixels": 0.5, "Seconds": seconds, "WallSeconds": 1.0, "PeakMB": 250.0}
    return table.assign(**costs)[list(COLUMNS)]


def make_tables() -> EvaluationTables:
    """Rows of a better and a worse engine, and of the better one's parts."""
    spec = [(REFERENCE, 0.9, 1.0), (OTHER, 0.5, 0.1), ("flow only x", 0.88, 0.5), ("flow only y", 0.7, 0.5)]
    rows = pd.concat([engine_rows(*one) for one in spec], ignore_index=True)
    steps = {"step": [10, 20, 30], "learning_rate": [0.1] * 3, "train_loss": [1.0, 0.5, 0.25]}
    curve = pd.DataFrame(steps | {"validation_loss": [1.5, 1.0, 0.75]})
    no_validation = curve.assign(validation_loss=np.nan)
    return EvaluationTables(
        rows,
        summarise(rows),
        compare_engines(rows, REFERENCE),
        {REFERENCE: ablate(rows, PARTS)},
        {HOSTILE: {"0": curve, "1": curve, "all": no_validation}},
    )


def read_image(name: str) -> np.ndarray:
    """A grey ramp, (1, 40, 60)."""
    return np.tile(np.arange(60, dtype=np.float32), (1, 40, 1))


def read_truth(name: str) -> np.ndarray:
    """One square."""
    label = np.zeros((40, 60), np.int32)
    label[10:20, 10:20] = 1
    return label


def read_prediction(engine: str, name: str) -> np.ndarray:
    """The same square, moved by five columns."""
    return np.roll(read_truth(name), 5, axis=1)


def write_evaluation(target: Path, **changes) -> None:
    """Write the page; keywords replace the arguments."""
    arguments = {
        "campaign": "small & <brave>",
        "tables": make_tables(),
        "contenders": CONTENDERS,
        "reference": REFERENCE,
        "gallery": Gallery((REFERENCE,), read_image, read_truth, read_prediction),
        "home": "index.html",
    }
    write_segmentation_page(target, **{**arguments, **changes})
