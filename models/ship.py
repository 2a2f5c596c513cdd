"""Copy trained weights to this folder, each with its card and what its recipe scored on images that it had not seen.

    python models/ship.py results/dsb2018 nuclei=flow:flow nuclei=scale

`nuclei=flow:flow` ships the segmenter `flow`, for nuclei, with the scores of the contender `flow`. Without a contender
the card has none.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "lib"))

from platewise.segmentation.description import read_info, read_kind, shipped_model

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


def ship(results: Path, target: str, segmenter: str, contender: str | None) -> None:
    """Copy one segmenter's weights and write its card."""
    folder = results / "campaign" / "segmenters" / segmenter / "all"
    weights = folder / "weights.safetensors"
    place = shipped_model(read_info(weights, (read_kind(weights),), target).kind, target)
    shutil.copyfile(weights, place)
    card = (folder / "card.md").read_text()
    if contender:
        card, _, _ = card.rpartition("\n\n")
        table = scores_table(pd.read_parquet(results / "campaign" / "segmentation" / "summary.parquet"), contender)
        card += (
            "\n\nScores of networks made in the same way, each on the groups of images that it had not seen (means "
            f"over images, 95 % intervals over groups):\n\n{table}\n"
        )
    place.with_suffix(".md").write_text(card)
    print(place.stem)


def main() -> None:
    """Ship what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("segmenters", nargs="+", metavar="TARGET=SEGMENTER[:CONTENDER]")
    arguments = parser.parse_args()
    for text in arguments.segmenters:
        target, _, rest = text.partition("=")
        segmenter, _, contender = rest.partition(":")
        ship(arguments.results, target, segmenter, contender or None)


if __name__ == "__main__":
    main()
