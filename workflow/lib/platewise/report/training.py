"""What the page says of the training of an embedding, from what is stored beside its weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from platewise.errors import DataError
from platewise.report.numbers import percent, plural

AIMS = {
    "weak": "Trained to name what single cells were given; the classifier was then thrown away and the features kept.",
    "self": "Trained to know single cells again after random changes, without names; the features are kept.",
    "file": "Taken as it is: another campaign trained it.",
    "timm": "Taken as it is: others published it, and its weights came from a file.",
    "random": "Not trained: its weights are random, as a baseline of the trained ones.",
}
# With more classes than this in one batch, the first ones are named.
_MOST_NAMES = 20


def training_words(path: str | Path) -> list[str]:
    """Return sentences on an embedding: what it was trained for and on, and what it could not learn.

    Parameters
    ----------
    path
        Its ``model.json``.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    try:
        facts = json.loads(Path(path).read_text())
        return [AIMS[facts["kind"]], _size(facts), *(_training(facts) if facts["kind"] in ("weak", "self") else ())]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot be read ({type(error).__name__}: {error}). Hint: remove its folder and run again; the "
            "embedding will be trained anew."
        ) from error


def _size(facts: Mapping[str, Any]) -> str:
    shape = facts["architecture"]
    # One that others published has a name instead; it may have been taken from another campaign.
    name = shape["name"] if shape.get("kind") == "timm" else shape["network"]
    return f"Network {name} of {facts['parameters']:,} parameters, {shape['features']:,} features."


def _training(facts: Mapping[str, Any]) -> list[str]:
    figures, config = facts["figures"], facts["config"]
    words = [
        f"It learned from {figures['train_cells']:,} cells of {', '.join(facts['train_plates'])}, for "
        f"{config['epochs'] * config['steps_per_epoch']:,} steps of {config['train_batch']} cells."
    ]
    if facts["validation_plates"]:
        words.append(
            f"{figures['validation_cells']:,} cells of {', '.join(facts['validation_plates'])} were only measured on."
        )
    if figures["held_out_cells"]:
        words.append(
            f"{figures['held_out_cells']:,} cells in {plural(figures['held_out_wells'], 'well')} of the training "
            "plates were held out and only measured on."
        )
    words += _chance(facts)
    if config["adversary"]:
        against = ", ".join(config["adversary"]["against"])
        words.append(f"Adversary against: {against}, with weight {config['adversary']['weight']:g}.")
    alone = facts["classes_in_one_batch"]
    if alone:
        named = ", ".join(alone[:_MOST_NAMES]) + (" and others" if len(alone) > _MOST_NAMES else "")
        words.append(
            f"{len(alone)} of {len(facts['classes'])} classes occur in one batch only: to name one of them is to name "
            f"its batch, and what the network knows of them may be of either ({named})."
        )
    return words


def _chance(facts: Mapping[str, Any]) -> Iterator[str]:
    """Say what the accuracies would be of a network that knows nothing."""
    figures = facts["figures"]
    if figures["chance_accuracy"] is not None:
        yield (
            f"Guessing one of {plural(len(facts['classes']), 'class', 'classes')} is right in "
            f"{percent(figures['chance_accuracy'])} of the cells."
        )
    if figures["probe_batch_chance"] is not None:
        yield (
            f"The probe for the batch is right in {percent(figures['probe_batch_chance'])} by chance, one of "
            f"{plural(round(1 / figures['probe_batch_chance']), 'batch', 'batches')}."
        )
