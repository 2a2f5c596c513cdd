"""How far the labels of two runs agree, where they are not identical."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import PLATE, SITE, WELL
from platewise.compare.results import Pair
from platewise.compare.section import Listing, Section
from platewise.errors import DataError
from platewise.report.numbers import fixed, plural
from platewise.segmentation.scoring import score
from platewise.store.fields import read_label
from platewise.store.paths import LABELS

# Of a label that scores less, most objects have other outlines.
_MEASURE = "f1@0.7"


def compare_labels(pair: Pair, relabelled: pd.DataFrame, good: int, sample: int, seed: int) -> Section:
    """Score a sample of the fields whose labels differ, NEW against OLD.

    Parameters
    ----------
    pair
        The runs.
    relabelled
        Plate, well and site of the fields that are good in both with another label.
    good
        How many fields are good in both.
    sample
        At most this many fields are read, drawn evenly.
    seed
        Of the draw.
    """
    title = "Labels"
    if relabelled.empty:
        same = f"No label differs in the {plural(good, 'field')} that both have as good."
        return Section("labels", title, None, [same if good else "No field is good in both: no label is compared."])
    chosen = relabelled.iloc[draw(len(relabelled), sample, seed)]
    rows, unread = [], []
    for plate, well, site in chosen[[PLATE, WELL, SITE]].itertuples(index=False):
        try:
            rows.append([plate, well, site, *(_agreement(pair, plate, well, site, name) for name in LABELS)])
        except DataError as error:
            unread.append(str(error))
    table = pd.DataFrame(rows, columns=[PLATE, WELL, SITE, "Nuclei", "Cells"])
    table = table.sort_values(["Nuclei", "Cells"], kind="stable", ignore_index=True)
    facts = {"differ": len(relabelled), "scored": len(table), "unread": len(unread)}
    facts |= {f"{name.lower()}_f1": float(table[name].mean()) for name in ("Nuclei", "Cells")}
    sentences = []
    if len(table):
        sentences.append(
            f"Where labels differ, F1 of the objects at IoU 0.7, NEW against OLD, is {fixed(facts['nuclei_f1'])} for "
            f"nuclei and {fixed(facts['cells_f1'])} for cells (mean of {len(table)} of "
            f"{plural(len(relabelled), 'field')}, drawn evenly)."
        )
    if unread:
        sentences.append(f"The labels of {plural(len(unread), 'field')} could not be read, as of {unread[0]}")
    return Section("labels", title, True, sentences, facts, [Listing("fields", "F1 of sampled fields", table)])


def draw(total: int, most: int, seed: int) -> np.ndarray:
    """Return at most ``most`` of ``total`` places, drawn evenly, in order."""
    if total <= most:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, most, replace=False))


def _agreement(pair: Pair, plate: str, well: str, site: int, name: str) -> float:
    for results in (pair.old, pair.new):
        if not results.store(plate).is_dir():
            raise DataError(f"{results.store(plate)}: there is no plate store.")
    old, new = (read_label(results.store(plate), well, int(site), name) for results in (pair.old, pair.new))
    if old.shape != new.shape:
        raise DataError(f"{plate} {well} field {site}: {old.shape} pixels in OLD, {new.shape} in NEW.")
    return score(old, new)[_MEASURE]
