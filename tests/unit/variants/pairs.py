"""Wells and cells of a wild type and variants of known effect."""

import numpy as np
import pandas as pd


def draw_campaign(shifts, seed=0, plates=4, wells=4, cells=30, features=60):
    """Wells of a wild type and of variants whose cells are shifted by so much in a sixth of the features.

    Plates differ, and wells differ by more than their cells do. Returns profiles (centred plate by plate) and cells.
    """
    rng = np.random.default_rng(seed)
    names = ["WT", *shifts]
    rows, profiles, drawn = [], [], {}
    for plate in range(plates):
        brightness = rng.normal(0, 1, features)
        for place, name in enumerate(name for name in names for _ in range(wells)):
            effect = np.zeros(features)
            effect[: features // 6] = {"WT": 0.0, **shifts}[name]
            own = rng.normal(size=(cells, features)) + rng.normal(0, 0.2, features) + brightness + effect
            key = (f"P{plate}", f"{'ABCDEFGH'[place // 12]}{place % 12 + 1:02d}")
            drawn[key] = own.astype(np.float32)
            profiles.append(np.median(own, axis=0) - brightness)
            rows.append((*key, "B", name, np.nan, "", "", cells))
    columns = ["Plate", "Well", "Batch", "Perturbation", "Dose", "MOA", "ControlType", "CellCount"]
    table = pd.DataFrame(rows, columns=[f"Metadata_{name}" for name in columns])
    values = pd.DataFrame(np.array(profiles), columns=[f"Cells_AreaShape_F{place}" for place in range(features)])
    return pd.concat([table, values], axis=1), drawn
