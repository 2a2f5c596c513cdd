"""Stage tasks over files: test contenders on images that they have not seen, and hold them against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt

from platewise.algorithms import ALGORITHMS
from platewise.config.segmentation import NucleiConfig
from platewise.device import torch_threads
from platewise.plan.engines import is_network
from platewise.segmentation.annotated import load_annotated
from platewise.segmentation.engine import NucleiEngine, make_nuclei_engine
from platewise.segmentation.evaluation import Annotated, score_images
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
    chosen = _ByClass({kind: make_nuclei_engine(engine) for kind, engine in engines.items()})
    # torch alone would double the memory that is measured of an engine without it.
    with torch_threads(threads) if any(map(is_network, engines.values())) else nullcontext():
        annotated = chosen.follow(load_annotated(table[table["Fold"] == fold]))
        rows = score_images(chosen.segment, annotated, name, Path(predictions))
    facts = {
        "stage": "held_out",
        "contender": {kind: engine.model_dump(mode="json") for kind, engine in engines.items()},
        "algorithm": ALGORITHMS["segmentation_evaluation"],
    }
    write_table(rows, scores, facts)


class _ByClass:
    """An engine for each class of images, or one (``""``) for all: the class is that of the image last handed on."""

    def __init__(self, engines: Mapping[str, NucleiEngine]) -> None:
        self._engines = engines
        self._kind = ""

    def follow(self, annotated: Iterable[Annotated]) -> Iterator[Annotated]:
        """Hand on images, and note the class of each."""
        for one in annotated:
            self._kind = one.image_class if "" not in self._engines else ""
            yield one

    def segment(self, image: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
        """Segment the image that was handed on."""
        return self._engines[self._kind].segment([image])[0]
