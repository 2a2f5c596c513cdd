"""Hold the engines of whole cells against the rendered truth, on fields that no training has seen.

    python benchmarks/bench_cells.py                      # seeded, and flow with the weights that come with platewise
    python benchmarks/bench_cells.py --weights PATH       # flow with other weights

Nuclei are the true ones: what is scored is the cells. Every field is seen twice: as a random mixture of its channels in
one, as annotations have it, and as ER, RNA and AGP, as a campaign has it. `platewise simulate --annotations` renders
training images with other seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "lib"))

from platewise.config.segmentation import FlowCells, SeededCells
from platewise.segmentation.engine import CellsEngine, make_cells_engine
from platewise.segmentation.evaluation import Annotated, score_images
from platewise.segmentation.summary import summarise
from platewise.simulate.annotations import draw_annotation
from platewise.simulate.stains import CHANNELS

# Far from any that a training would take.
SEED = 900_000
SIZE = 540
SHOWN = ["f1@0.5", "f1@0.7", "mean_f1", "merged", "split", "seconds_per_megapixel"]


def fields(count: int) -> Iterator[Annotated]:
    """Render annotated images; their channels are the nuclear one, the cell channels, and the labels of nuclei."""
    for number in range(count):
        mixture, field = draw_annotation(number, SIZE, SEED)
        planes = field.images[[CHANNELS.index(name) for name in ("DNA", "ER", "RNA", "AGP")]]
        for kind, channels in (("mixture", mixture), ("ER, RNA, AGP", planes)):
            image = np.concatenate([channels, field.nuclei[None]]).astype(np.float32)
            group = f"field {number}"
            yield Annotated(f"{group}, {kind}", image, field.cells.astype(np.int32), group, kind)


def score_engine(name: str, engine: CellsEngine, annotated: list[Annotated]) -> pd.DataFrame:
    """Score an engine that is given the true nuclei."""

    def predict(one: Annotated) -> np.ndarray:
        image = one.image
        return engine.segment([image[1:-1]], [image[-1].astype(np.int32)], [image[0]])[0]

    return score_images(predict, annotated, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fields", type=int, default=30)
    parser.add_argument("--weights", help="Weights of the engine flow; without, those that come with platewise.")
    parser.add_argument("--engines", nargs="+", choices=["seeded", "flow"], default=["seeded", "flow"])
    arguments = parser.parse_args()
    annotated = list(fields(arguments.fields))
    configs = {"seeded": SeededCells(), "flow": FlowCells(engine="flow", weights=arguments.weights)}
    rows = [score_engine(name, make_cells_engine(configs[name]), annotated) for name in arguments.engines]
    summary = summarise(pd.concat(rows))
    for row in summary[summary["Measure"].isin(SHOWN)].itertuples():
        print(f"{row.Engine:8}{row.Class:14}{row.Measure:24}{row.Value:.3f}  {row.Low:.3f} to {row.High:.3f}")


if __name__ == "__main__":
    main()
