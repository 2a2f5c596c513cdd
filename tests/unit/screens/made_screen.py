"""A screen of well profiles whose controls, effects and doses are known."""

from __future__ import annotations

import numpy as np
import pandas as pd

DOSES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def wells_table(
    given: list[tuple[str, float, str]], values: np.ndarray, plates: list[str] | np.ndarray
) -> pd.DataFrame:
    """Profiles of wells; ``given`` is perturbation, dose and control type of each."""
    names, doses, kinds = zip(*given, strict=True)
    places = pd.Series(plates).groupby(list(plates)).cumcount()
    metadata = {
        "Metadata_Plate": list(plates),
        "Metadata_Well": [f"{'ABCDEFGHIJKLMNOP'[place // 24]}{place % 24 + 1:02d}" for place in places],
        "Metadata_Batch": "b1",
        "Metadata_Perturbation": list(names),
        "Metadata_Dose": np.array(doses, dtype=float),
        "Metadata_MOA": "",
        "Metadata_ControlType": list(kinds),
        "Metadata_CellCount": 100.0,
    }
    features = pd.DataFrame(values, columns=[f"Cells_AreaShape_F{number}" for number in range(values.shape[1])])
    return pd.concat([pd.DataFrame(metadata), features], axis=1)


def distance_table(series: dict[str, tuple[np.ndarray, np.ndarray]], controls: np.ndarray) -> pd.DataFrame:
    """Distances of wells: perturbation to (doses, distances), and of the negative controls."""
    given = [(name, dose, "") for name, (doses, _) in series.items() for dose in doses]
    given += [("DMSO", np.nan, "negcon")] * len(controls)
    table = wells_table(given, np.zeros((len(given), 1)), ["P1"] * len(given))
    return table.assign(Distance=np.concatenate([*(values for _, values in series.values()), controls]))
