"""A campaign of well profiles with known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd


def campaign(
    perturbations: int = 12,
    plates: int = 4,
    batches: int = 2,
    controls: int = 6,
    moas: int = 4,
    strength: float = 5.0,
    batch_effect: float = 0.0,
    annotated: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """Perturbations of one mechanism share a direction; every plate holds each once, at a place drawn anew."""
    rng = np.random.default_rng(seed)
    directions, shifts = rng.normal(size=(moas, 16)), rng.normal(size=(batches, 16))
    rows = []
    for plate in range(plates):
        places = rng.permutation(perturbations + controls)
        batch = plate * batches // plates
        for well in range(perturbations + controls):
            treated = well < perturbations
            profile = rng.normal(size=16) + batch_effect * shifts[batch]
            if treated:
                profile += strength * directions[well % moas]
            rows.append(
                {
                    "Metadata_Plate": f"P{plate}",
                    "Metadata_Well": f"{'ABCD'[places[well] // 6]}{places[well] % 6 + 1:02d}",
                    "Metadata_Batch": f"B{batch}",
                    "Metadata_Perturbation": f"drug {well:02d}" if treated else "DMSO",
                    "Metadata_Dose": np.nan,
                    "Metadata_MOA": f"moa {well % moas}" if treated and annotated else "",
                    "Metadata_ControlType": "" if treated else "negcon",
                    "Metadata_CellCount": int(rng.integers(80, 120)),
                    **{f"Cells_X_{index}": value for index, value in enumerate(profile)},
                }
            )
    return pd.DataFrame(rows)
