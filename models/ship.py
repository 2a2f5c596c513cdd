"""Copy trained weights to this folder, each with its card and what its recipe scored on images that it had not seen.

    python models/ship.py config/dsb2018/config.yaml nuclei=flow:flow nuclei=scale

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


def ship(config: Path, target: str, segmenter: str, contender: str | None) -> None:
    """Copy one segmenter's weights and write its card."""
    results = Path("results") / config.parent.name
    folder = results / "campaign" / "segmenters" / segmenter / "all"
    weights = folder / "weights.safetensors"
    place = shipped_model(read_info(weights, (read_kind(weights),), target).kind, target)
    shutil.copyfile(weights, place)
    further = {
        "command": f"`platewise run --configfile {config} -- {weights}`",
        "licence": "the weights: MIT, as platewise; the images: see their source",
    }
    facts, rest = (folder / "card.md").read_text().split("\n\n| class |", 1)
    lines = [facts, *(f"| {key} | {text} |" for key, text in further.items())]
    card = "\n".join(lines) + "\n\n| class |" + rest
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
    parser.add_argument("config", type=Path, help="Of the campaign that trained them; run in the folder of results/.")
    parser.add_argument("segmenters", nargs="+", metavar="TARGET=SEGMENTER[:CONTENDER]")
    arguments = parser.parse_args()
    for text in arguments.segmenters:
        target, _, rest = text.partition("=")
        segmenter, _, contender = rest.partition(":")
        ship(arguments.config, target, segmenter, contender or None)


if __name__ == "__main__":
    main()
