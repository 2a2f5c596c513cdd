"""Tables of hit calling and dose response whose every row is known, with a name that tries to be more than one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.screens.activity import ACTIVITY_COLUMNS
from platewise.screens.dose_response import dose_response
from platewise.screens.hits import WELL_COLUMNS
from platewise.screens.plate_quality import plate_quality

DOSES = (0.1, 1.0, 10.0, 100.0)
RISING = 5 + 20 / (1 + (2 / np.repeat(DOSES, 3)) ** 1.5) + np.tile([-0.5, 0.0, 0.5], 4)


def screen_tables(hostile: str) -> dict[str, pd.DataFrame]:
    """Activity, distances, controls and dose responses by name of the table.

    ``hostile`` rises with its dose; aspirin does not; ``strong`` acts at every dose; a gene has no dose, and ``lone``
    one well at one dose. P1 has a positive control, P2 has none.
    """
    rows = []
    for name, values in (
        (hostile, RISING),
        ("aspirin", np.tile([4.5, 5.0, 5.6], 4)),
        ("strong", np.tile([80, 81, 79], 4)),
    ):
        rows += [(name, dose, "", value) for dose, value in zip(np.repeat(DOSES, 3), values, strict=True)]
    rows += [("gene", np.nan, "", 30.0)] * 2 + [("lone", 1.0, "", 7.0)]
    rows += [("DMSO", np.nan, "negcon", 5 + 0.1 * (number % 11 - 5)) for number in range(22)]
    rows += [("killer", 10.0, "poscon", value) for value in (38.0, 40.0, 42.0)]
    table = pd.DataFrame(rows, columns=["Metadata_Perturbation", "Metadata_Dose", "Metadata_ControlType", "Distance"])
    table["Metadata_Plate"] = np.where(
        table["Metadata_ControlType"] == "poscon", "P1", np.where(table.index % 2, "P1", "P2")
    )
    table["Metadata_Well"] = [f"{'ABCDEFGH'[number // 12]}{number % 12 + 1:02d}" for number in range(len(table))]
    table = table.assign(Metadata_Batch="week 1", Metadata_MOA="", Metadata_CellCount=100.0 + table.index)[WELL_COLUMNS]
    activity = [
        [hostile, 100.0, 3, 0.95, 0.001, 0.004, True, ""],
        ["gene", np.nan, 2, 1.0, 0.001, 0.004, True, ""],
        ["aspirin", 1.0, 3, 0.3, 0.4, 0.5, False, ""],
        ["strong", 1.0, 3, 0.9, 0.14, 0.2, False, "2 wells beside 6 controls a plate cannot have a p below 0.14"],
        ["lone", 1.0, 1, np.nan, np.nan, np.nan, False, "one well: no other to compare it with"],
    ]
    return {
        "activity": pd.DataFrame(activity, columns=ACTIVITY_COLUMNS),
        "distances": table,
        "controls": plate_quality(table),
        "dose_response": dose_response(table, 0.05),
    }
