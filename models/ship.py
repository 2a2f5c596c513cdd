"""Copy trained weights to this folder, each with its card and what its recipe scored on images that it had not seen.

    python models/ship.py config/dsb2018/config.yaml nuclei=flow:flow nuclei=scale

`nuclei=flow:flow` ships the segmenter `flow`, for nuclei, with the scores of the contender `flow`. The network for
sizes is scored by what its folds say of images that they have not seen. Others have no scores without a contender.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "lib"))

from platewise.segmentation.annotated import load_annotated
from platewise.segmentation.description import read_info, read_kind, shipped_model
from platewise.segmentation.diameter import object_diameter
from platewise.segmentation.images import standardise
from platewise.segmentation.scale import ScaleEstimator

WEIGHTS = "weights.safetensors"
MEASURES = ["f1@0.5", "f1@0.7", "f1@0.9", "dsb_score", "missed@0.7", "extra@0.7", "merged", "split"]


def scores_table(summary: pd.DataFrame, contender: str) -> str:
    """Return what a contender scored, a row a class of images, in Markdown; an interval is (low to high)."""
    rows = summary[(summary["Engine"] == contender) & summary["Measure"].isin(MEASURES)]
    if rows.empty:
        raise SystemExit(
            f"ship: no contender {contender!r} in the summary; it has {sorted(summary['Engine'].unique())}"
        )
    lines = [f"| images | n | {' | '.join(MEASURES)} |", f"| --- | ---: |{' ---: |' * len(MEASURES)}"]
    for kind, group in rows.groupby("Class", sort=False):
        cells = group.set_index("Measure").loc[MEASURES]
        shown = [f"{row.Value:.3f} ({row.Low:.3f} to {row.High:.3f})" for row in cells.itertuples()]
        note = next((f", {text}" for text in cells["Note"] if text), "")
        lines.append(f"| {kind}{note} | {cells['Images'].iloc[0]} | {' | '.join(shown)} |")
    return "\n".join(lines)


def sizes_table(results: Path, segmenter: str) -> str:
    """Return how well the networks of each fold tell the size of nuclei in images that they have not seen."""
    (table,) = (results / "campaign" / "annotations").glob("*.folds.parquet")
    folds, rows = pd.read_parquet(table), []
    for fold, images in folds.groupby("Fold"):
        estimator = ScaleEstimator(weights=results / "campaign" / "segmenters" / segmenter / str(fold) / WEIGHTS)
        for one in load_annotated(images):
            (found,) = estimator.diameters([standardise(one.image)])
            rows.append((one.image_class, abs(np.log2(found / object_diameter(one.label)))))
    errors = pd.DataFrame(rows, columns=["Class", "Error"])
    lines = ["| images | n | median | within 1.25 | within 1.5 |", "| --- | ---: | ---: | ---: | ---: |"]
    for kind, group in [("all", errors), *errors.groupby("Class", sort=True)]:
        # No answer is no hit.
        shares = [f"{(group['Error'] <= np.log2(factor)).mean():.3f}" for factor in (1.25, 1.5)]
        lines.append(f"| {kind} | {len(group)} | {2 ** group['Error'].median():.3f} | {' | '.join(shares)} |")
    return "\n".join(lines)


def ship(config: Path, target: str, segmenter: str, contender: str | None) -> None:
    """Copy one segmenter's weights and write its card."""
    results = Path("results") / config.parent.name
    folder = results / "campaign" / "segmenters" / segmenter / "all"
    weights = folder / WEIGHTS
    kind = read_kind(weights)
    place = shipped_model(read_info(weights, (kind,), target).kind, target)
    shutil.copyfile(weights, place)
    further = {
        "command": f"`platewise run --configfile {config} -- {weights}`",
        "licence": "the weights: MIT, as platewise; the images: see their source",
    }
    facts, rest = (folder / "card.md").read_text().split("\n\n| class |", 1)
    lines = [facts, *(f"| {key} | {text} |" for key, text in further.items())]
    card = "\n".join(lines) + "\n\n| class |" + rest
    unseen = "of networks made in the same way, each on the groups of images that it had not seen"
    if kind == "scale":
        words = f"Sizes {unseen}: how many times too large or too small, and the share of images within a factor"
        card = scored(card, words, sizes_table(results, segmenter))
    elif contender:
        table = scores_table(pd.read_parquet(results / "campaign" / "segmentation" / "summary.parquet"), contender)
        card = scored(card, f"Scores {unseen} (means over images, 95 % intervals over groups)", table)
    place.with_suffix(".md").write_text(card)
    print(place.stem)


def scored(card: str, words: str, table: str) -> str:
    """Return a card with a table in place of its last paragraph, which says that there is none."""
    return f"{card.rpartition(chr(10) * 2)[0]}\n\n{words}:\n\n{table}\n"


def main() -> None:
    """Ship what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="Of the campaign that trained them; run in the folder of results/.")
    parser.add_argument("segmenters", nargs="+", metavar="TARGET=SEGMENTER[:CONTENDER]")
    arguments = parser.parse_args()
    for text in arguments.segmenters:
        target, _, rest = text.partition("=")
        segmenter, _, contender = rest.partition(":")
        ship(arguments.config, target, segmenter, contender or None)


if __name__ == "__main__":
    main()
