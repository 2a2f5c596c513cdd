"""A plate's treatments as the table that profiles and QC are joined with: the part of the plan that needs pandas."""

from __future__ import annotations

import pandas as pd

from platewise.columns import BATCH, CONTROL_TYPE, DOSE, MOA, PERTURBATION, PLATE, WELL
from platewise.plan.plates import Plate


def treatments_frame(plate: Plate) -> pd.DataFrame:
    """Return a row for each well of the plate map, in plate order, with the metadata columns of a level 3 table."""
    return pd.DataFrame(
        {
            PLATE: plate.row.plate,
            WELL: [treatment.well for treatment in plate.treatments],
            BATCH: plate.row.batch,
            PERTURBATION: [treatment.perturbation for treatment in plate.treatments],
            DOSE: [treatment.dose for treatment in plate.treatments],
            MOA: [treatment.moa for treatment in plate.treatments],
            CONTROL_TYPE: [treatment.control_type for treatment in plate.treatments],
        }
    )
