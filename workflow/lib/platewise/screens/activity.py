"""Which treatments are active: their wells look more like each other than like the controls of their plates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import DOSE, PERTURBATION, PLATE
from platewise.config.evaluation import EvaluationConfig
from platewise.evaluation.inference import benjamini_hochberg
from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.precision import (
    Precision,
    PrecisionNull,
    mean_precision,
    precision_p_values,
    replicate_precision,
)
from platewise.evaluation.similarity import Cosine
from platewise.profiles.frame import is_negcon, split_profiles, treatment_codes

ACTIVITY_COLUMNS = [
    PERTURBATION,
    DOSE,
    "Replicates",
    "AveragePrecision",
    "PValue",
    "QValue",
    "Active",
    "Note",
]


def treatment_activity(wells: pd.DataFrame, config: EvaluationConfig) -> pd.DataFrame:
    """Return the activity of every treatment but the negative controls (Kalinin et al. 2025, as copairs has it).

    A well is a query: wells of the same treatment (perturbation at a dose) should be more alike to it than the negative
    controls of its plate. ``AveragePrecision`` is the mean over the treatment's wells, p that of random rankings
    (`precision_p_values`), q after Benjamini and Hochberg over all treatments, and a treatment with q <
    ``config.max_q`` is active. Where no perturbation has several doses, the means are those behind `map_replicate`,
    which joins doses.

    Parameters
    ----------
    wells
        Level 4c.
    config
        ``null_size``, ``max_q`` and ``seed`` are used.

    Returns
    -------
    activity
        ``ACTIVITY_COLUMNS``, a row a treatment, by name and dose; NaN and a note where it cannot be told.
    """
    metadata, values, _ = split_profiles(wells)
    controls = is_negcon(metadata)
    codes, treatments = treatment_codes(metadata)
    rows = np.unique(codes[~controls])
    table = treatments.iloc[rows].reset_index(drop=True)
    table[DOSE] = table[DOSE].astype(float)
    table["Replicates"] = np.bincount(codes[~controls], minlength=len(treatments))[rows]
    table["AveragePrecision"] = table["PValue"] = np.nan
    table["Note"] = ""
    precision = replicate_precision(Cosine(values), codes, metadata[PLATE].to_numpy(dtype=str), controls)
    try:
        means = mean_precision(precision)
        null = PrecisionNull(config.null_size, config.seed)
        table["AveragePrecision"], table["PValue"] = means.values, precision_p_values(precision, means, null)
        table["Note"] = _notes(precision, means, null, config.max_q)
    except CannotScoreError as reason:
        table["Note"] = str(reason)
    table["QValue"] = benjamini_hochberg(table["PValue"].to_numpy(dtype=float))
    table["Active"] = table["QValue"] < config.max_q
    return table[ACTIVITY_COLUMNS]


def _notes(precision: Precision, means: Items, null: PrecisionNull, max_q: float) -> list[str]:
    """Say of each treatment why it has no p, or why its p cannot be small whatever its wells look like."""
    # The p that a treatment would have whose wells all rank before every control.
    least = precision_p_values(precision, Items(np.ones(len(means.values)), means.clusters), null)
    notes = []
    for place, group in enumerate(means.clusters):
        own = precision.groups == group
        positives, negatives = precision.positives[own], precision.negatives[own]
        if not positives.any():
            notes.append("one well: no other to compare it with")
        elif not negatives.any():
            notes.append("no negative controls on its plates")
        elif least[place] >= max_q:
            fewest = int(negatives[negatives > 0].min())
            controls = "1 control" if fewest == 1 else f"{fewest} controls"
            notes.append(f"{int(own.sum())} wells beside {controls} a plate cannot have a p below {least[place]:.2g}")
        else:
            notes.append("")
    return notes
