"""Nuclei of known DNA content."""

import numpy as np
import pandas as pd

UNTREATED = {"2N": 0.56, "S": 0.17, "4N": 0.24, "8N": 0.01, "debris": 0.02}
# Content at 2N, in camera units.
CONTENT_2N = 37.0


def draw_nuclei(count, shares, rng, variation=0.1, content_2n=CONTENT_2N):
    """Content of nuclei with these shares, blurred by a coefficient of variation."""
    kinds = rng.choice(list(shares), count, p=list(shares.values()))
    options = {
        "2N": np.full(count, 2.0),
        "S": rng.uniform(2, 4, count),
        "4N": np.full(count, 4.0),
        "8N": np.full(count, 8.0),
        "debris": rng.uniform(0.2, 1.2, count),
    }
    content = np.select([kinds == name for name in options], list(options.values()))
    return content_2n / 2 * content * np.exp(rng.normal(0, variation, count))


def platemap(plate, names, doses=None):
    """A row a well; DMSO is the negative control."""
    count = len(names)
    return pd.DataFrame(
        {
            "Metadata_Plate": plate,
            "Metadata_Well": [f"{'ABCDEFGH'[place // 12]}{place % 12 + 1:02d}" for place in range(count)],
            "Metadata_Batch": "B",
            "Metadata_Perturbation": list(names),
            "Metadata_Dose": [np.nan] * count if doses is None else list(doses),
            "Metadata_MOA": "",
            "Metadata_ControlType": ["negcon" if name == "DMSO" else "" for name in names],
        }
    )
