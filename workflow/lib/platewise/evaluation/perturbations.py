"""What replicates say of each perturbation: the values behind `map_replicate` and `percent_replicating`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import PERTURBATION, PLATE
from platewise.config.evaluation import EvaluationConfig
from platewise.evaluation.inference import benjamini_hochberg
from platewise.evaluation.items import CannotScoreError
from platewise.evaluation.levels import Campaign
from platewise.evaluation.precision import PrecisionNull, mean_precision, precision_p_values, replicate_precision
from platewise.evaluation.replicating import percent_replicating
from platewise.evaluation.similarity import Cosine, Pearson
from platewise.profiles.frame import treatment_codes

PERTURBATION_COLUMNS = [PERTURBATION, "Wells", "MapReplicate", "PValue", "QValue", "Replicating", "Note"]


def score_perturbations(campaign: Campaign, config: EvaluationConfig) -> pd.DataFrame:
    """Score the replicates of every perturbation.

    Returns
    -------
    perturbations
        ``PERTURBATION_COLUMNS``, a row for each perturbation but the negative controls, sorted by name.
        ``MapReplicate`` is the mean average precision of its wells, with p and Benjamini-Hochberg q; ``Replicating`` is
        the share of its treatments (doses) that replicate, at a level that they share: of perturbations without effect
        at most 5 % have one that does, however many doses there are. NaN and a ``Note`` where there is no value.
    """
    level, controls = campaign.wells, campaign.controls
    treated = level.metadata[~controls].reset_index(drop=True)
    names = np.unique(treated[PERTURBATION].to_numpy(dtype=str)).astype(object)
    empty = np.full(len(names), np.nan)
    table = pd.DataFrame(
        {
            PERTURBATION: names,
            "Wells": treated[PERTURBATION].value_counts().reindex(names).to_numpy(dtype=np.int32),
            "MapReplicate": empty,
            "PValue": empty,
            "QValue": empty,
            "Replicating": empty,
            "Note": np.full(len(names), "", dtype=object),
        }
    )
    notes = []
    try:
        clusters, plates = level.clusters(), level.metadata[PLATE].to_numpy(dtype=str)
        precision = replicate_precision(Cosine(level.values), clusters, plates, controls)
        means = mean_precision(precision)
        # Numbers of perturbations go with their names; controls have one too.
        place = np.searchsorted(names.astype(str), np.unique(level.metadata[PERTURBATION].to_numpy(dtype=str)))
        p = precision_p_values(precision, means, PrecisionNull(config.null_size, config.seed))
        rows = place[means.clusters]
        table.loc[rows, "MapReplicate"], table.loc[rows, "PValue"] = means.values, p
        table["QValue"] = benjamini_hochberg(table["PValue"].to_numpy())
    except CannotScoreError as reason:
        notes.append(f"no replicate mAP: {reason}")
    try:
        codes, treatments = treatment_codes(treated)
        of = np.searchsorted(names.astype(str), treatments[PERTURBATION].to_numpy(dtype=str))
        items = percent_replicating(Pearson(level.values[~controls]), codes, of, config.seed, any_dose=True)
        table["Replicating"] = pd.Series(items.values).groupby(items.clusters).mean().reindex(range(len(names)))
    except CannotScoreError as reason:
        notes.append(f"replicates not compared: {reason}")
    if notes:
        table["Note"] = "; ".join(notes)
    else:
        table.loc[table["MapReplicate"].isna(), "Note"] = "one well, or no control beside it"
    return table[PERTURBATION_COLUMNS]
