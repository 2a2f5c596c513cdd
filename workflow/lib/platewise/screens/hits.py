"""Hit calling: activity of treatments, distances of wells, and how well controls stand apart, as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import BATCH, CELL_COUNT, CONTROL_TYPE, DOSE, MOA, PERTURBATION, PLATE, WELL
from platewise.config.evaluation import EvaluationConfig
from platewise.evaluation.items import CannotScoreError
from platewise.profiles.frame import is_negcon, split_profiles
from platewise.screens.activity import treatment_activity
from platewise.screens.distance import control_distances
from platewise.screens.plate_quality import DISTANCE, plate_quality
from platewise.tables import read_provenance, read_table, write_table

WELL_COLUMNS = [PLATE, WELL, BATCH, PERTURBATION, DOSE, MOA, CONTROL_TYPE, CELL_COUNT, DISTANCE]


def run_call_hits(
    profiles_path: str,
    selected_path: str,
    activity_out: str,
    distances_out: str,
    plates_out: str,
    config: EvaluationConfig,
) -> None:
    """Write the activity of treatments, the distances of wells, and the quality of plates.

    Parameters
    ----------
    profiles_path, selected_path
        ``{features}.{correction}.parquet`` (level 4c) and ``{features}.selected.parquet`` (4b).
    activity_out
        ``C/evaluation/{features}.{correction}.activity.parquet``.
    distances_out, plates_out
        ``C/screens/{features}.{correction}.distances.parquet`` and ``.plates.parquet``.
    config
        Section ``evaluation``.
    """
    corrected = read_table(profiles_path)
    parameters = {name: getattr(config, name) for name in ("null_size", "max_q", "seed")}
    facts = {"stage": "screens", "algorithm": ALGORITHMS["screens"], "parameters": parameters}
    write_table(treatment_activity(corrected, config), activity_out, facts)
    # Sphering is repeated without the controls that are measured, from the profiles before it.
    shrinkage = read_provenance(profiles_path).get("chosen", {}).get("shrinkage")
    profiles = corrected if shrinkage is None else read_table(selected_path)
    distances, note = well_distances(profiles, 1.0 if shrinkage is None else float(shrinkage))
    write_table(distances, distances_out, facts | {"note": note})
    write_table(plate_quality(distances, note), plates_out, facts)


def well_distances(profiles: pd.DataFrame, shrinkage: float) -> tuple[pd.DataFrame, str]:
    """Return how far each well lies from the negative controls (``WELL_COLUMNS``), and why that is not known."""
    metadata, values, _ = split_profiles(profiles)
    note, found = "", np.full(len(metadata), np.nan)
    try:
        plates = metadata[PLATE].to_numpy(dtype=str)
        found = control_distances(values, plates, is_negcon(metadata), shrinkage).values
    except CannotScoreError as reason:
        note = str(reason)
    return metadata.assign(**{DISTANCE: found})[WELL_COLUMNS], note
