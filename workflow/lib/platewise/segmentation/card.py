"""The card that lies beside trained weights: what they were made from, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from platewise.config.segmenters import TrainedSegmenter
from platewise.plan.segmenters import ALL


def training_card(
    name: str,
    fold: str,
    config: TrainedSegmenter,
    seed: int,
    source: str,
    table: pd.DataFrame,
    held: npt.NDArray[np.bool_],
    curves: Sequence[Mapping[str, float]],
    made: Mapping[str, str],
) -> str:
    """Return the card of a trained segmenter, in Markdown.

    Parameters
    ----------
    name, fold
        Of the segmenter; the fold that it has not seen, or ``all``.
    config, seed
        What shaped the training.
    source
        Where the images are from, and their licence.
    table
        The images that were trained on or looked at, a row an image.
    held
        (n,) those that were only looked at.
    curves
        A row a look.
    made
        Further facts, name to text.
    """
    kept = min(curves, key=lambda row: (np.isnan(row["validation_loss"]), row["validation_loss"]))
    # Without images to look at, the last weights are kept.
    kept = curves[-1] if np.isnan(kept["validation_loss"]) else kept
    split = "all folds" if fold == ALL else f"all folds but fold {fold}, none of whose groups was seen"
    facts = {
        "engine": f"{config.engine}, for {config.target} of {config.diameter:g} pixels",
        "made by": f"rule `train_segmenter`, segmenter `{name}`, fold `{fold}`, seed {seed}",
        "source of the images": source or "not told in the config (`annotations`, key `source`)",
        "split": f"{split}; {held.sum()} images of {table['Group'][held].nunique()} groups only looked at",
        "steps": f"{curves[-1]['step']:.0f} of {config.steps}; the weights of step {kept['step']:.0f} are kept",
        "validation loss": "not looked at" if np.isnan(kept["validation_loss"]) else f"{kept['validation_loss']:.4f}",
        **made,
    }
    lines = [f"# {name}", "", "| what | |", "| --- | --- |", *(f"| {key} | {text} |" for key, text in facts.items())]
    lines += ["", "| class | images | groups | objects | only looked at |", "| --- | ---: | ---: | ---: | ---: |"]
    for kind, rows in table.assign(Held=held).groupby("Class"):
        counts = (len(rows), rows["Group"].nunique(), rows["Objects"].sum(), rows["Held"].sum())
        lines.append(f"| {kind} | {' | '.join(f'{count:,}' for count in counts)} |")
    keys = config.model_dump(mode="json", exclude={"annotations", "train_on_all"})
    lines += ["", "| key | value |", "| --- | --- |"]
    lines += [
        f"| `{key}` | {', '.join(map(str, value)) if isinstance(value, list) else value} |"
        for key, value in keys.items()
    ]
    lines += ["", "Scores on images of its kind that it has not seen: rule `evaluate_segmentation`."]
    return "\n".join(lines) + "\n"
