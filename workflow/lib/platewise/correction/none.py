"""No correction: the profiles as they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.config.correction import NoCorrection
from platewise.correction.method import Corrected


def leave_uncorrected(metadata: pd.DataFrame, values: np.ndarray, config: NoCorrection) -> Corrected:
    """Return the profiles unchanged."""
    return Corrected(values)
