"""The tables of hit calling, from the files of a campaign."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_activity import CONFIG, screen

from platewise.config.correction import NoCorrection, SpheringCorrection
from platewise.correction.correct import run_correct_batches
from platewise.profiles.frame import is_negcon, split_profiles
from platewise.screens.activity import treatment_activity
from platewise.screens.distance import control_distances
from platewise.screens.hits import WELL_COLUMNS, run_call_hits, well_distances
from platewise.tables import read_provenance, read_table, write_table


def call(folder, wells: pd.DataFrame, method) -> tuple[pd.DataFrame, ...]:
    paths = {
        name: str(folder / f"{name}.parquet") for name in ("selected", "corrected", "activity", "distances", "plates")
    }
    write_table(wells, paths["selected"])
    run_correct_batches(paths["selected"], paths["corrected"], str(folder / "corrected.h5ad"), method)
    run_call_hits(paths["corrected"], paths["selected"], paths["activity"], paths["distances"], paths["plates"], CONFIG)
    return tuple(read_table(paths[name]) for name in ("corrected", "activity", "distances", "plates"))


@pytest.mark.parametrize("method", [NoCorrection(method="none"), SpheringCorrection(method="sphering", shrinkage=0.2)])
def test_the_tables_of_a_campaign(tmp_path, method) -> None:
    wells = screen((0.5, 5.0), strength=3.0)
    corrected, activity, distances, plates = call(tmp_path, wells, method)
    pd.testing.assert_frame_equal(activity, treatment_activity(corrected, CONFIG))
    assert list(distances) == WELL_COLUMNS
    assert len(distances) == len(wells)
    # Sphering is repeated, with its own strength, from the profiles before it.
    metadata, values, _ = split_profiles(read_table(tmp_path / "selected.parquet"))
    shrinkage = 0.2 if method.method == "sphering" else 1.0
    expected = control_distances(values, metadata["Metadata_Plate"].to_numpy(), is_negcon(metadata), shrinkage)
    np.testing.assert_allclose(distances["Distance"], expected.values)
    assert plates["Note"].tolist() == ["no positive controls"] * 8
    assert read_provenance(tmp_path / "activity.parquet")["stage"] == "screens"


def test_with_too_few_controls_distances_are_missing_and_say_why() -> None:
    wells = screen((1.0,), controls=1)
    table, note = well_distances(wells, 1.0)
    assert note == "4 negative controls are too few to tell how far a well is from them"
    assert table["Distance"].isna().all()
    assert len(table) == len(wells)
