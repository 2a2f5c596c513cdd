"""Stage tasks over files: test contenders on images that they have not seen, and hold them against each other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from platewise.algorithms import ALGORITHMS
from platewise.config.segmentation import NucleiConfig
from platewise.device import torch_threads
from platewise.plan.engines import is_torch
from platewise.segmentation.annotated import load_annotated
from platewise.segmentation.engine import Label, NucleiEngine, make_nuclei_engine
from platewise.segmentation.evaluation import Annotated, Predict, score_images
from platewise.tables import read_table, write_table


def predict_held_out(
    name: str,
    engines: Mapping[str, NucleiConfig],
    folds: str | Path,
    fold: int,
    scores: str | Path,
    predictions: str | Path,
    threads: int = 1,
) -> None:
    """Segment the images of a fold, on the CPU, and score each.

    Parameters
    ----------
    name
        Of the contender.
    engines
        Its engines by the class of images that each is for; ``""`` is for all.
    folds
        The table of annotated images.
    fold
        The fold to test on.
    scores
        Table to write, a row an image (see ``evaluation.score_images``).
    predictions
        ZIP file to write, with the predicted labels.
    threads
        CPU threads.

    Raises
    ------
    ConfigError, DataError
        If an engine cannot be made, or an image has changed.
    """
    table = read_table(folds)
    predict = predict_by_class({kind: make_nuclei_engine(engine) for kind, engine in engines.items()})
    # torch alone would double the memory that is measured of an engine without it.
    with torch_threads(threads) if any(map(is_torch, engines.values())) else nullcontext():
        rows = score_images(predict, load_annotated(table[table["Fold"] == fold]), name, Path(predictions))
    facts = {
        "stage": "held_out",
        "contender": {kind: engine.model_dump(mode="json") for kind, engine in engines.items()},
        "algorithm": ALGORITHMS["segmentation_evaluation"],
    }
    write_table(rows, scores, facts)


def predict_by_class(engines: Mapping[str, NucleiEngine]) -> Predict:
    """Return what segments an image with the engine for its class, or with the one (``""``) for all."""

    def predict(one: Annotated) -> Label:
        return engines["" if "" in engines else one.image_class].segment([one.image])[0]

    return predict
