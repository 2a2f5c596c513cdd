"""Wells of a small campaign with known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Names that XML must escape or cannot hold, and letters beyond ASCII.
NAMES = ['ac"id & <b>', "β-compound", "plain", "with\ttab\x07bell", "e", "f"]


def campaign(perturbations: int = 6, strength: float = 8.0, plates: int = 4) -> pd.DataFrame:
    """Pairs (0, 1), (2, 3), (4, 5) share a direction; 12 controls a plate."""
    rng = np.random.default_rng(0)
    rows = []
    for plate in range(plates):
        for well in range(perturbations + 12):
            name = NAMES[well] if well < perturbations else "DMSO"
            profile = rng.normal(size=10)
            if well < perturbations:
                profile[well // 2] += strength
            rows.append(
                {
                    "Metadata_Plate": f"P{plate}",
                    "Metadata_Well": f"A{well + 1:02d}",
                    "Metadata_Batch": "B",
                    "Metadata_Perturbation": name,
                    "Metadata_Dose": np.nan,
                    "Metadata_MOA": f"moa {well // 2}" if well < 4 else "",
                    "Metadata_ControlType": "" if well < perturbations else "negcon",
                    "Metadata_CellCount": 100.0,
                    **{f"Cells_X_{index}": value for index, value in enumerate(profile)},
                }
            )
    return pd.DataFrame(rows)
