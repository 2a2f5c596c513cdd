"""Harmony, as harmonypy has it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import BATCH
from platewise.config.correction import HarmonyCorrection
from platewise.correction.method import Corrected, CorrectionRefusedError


def correct_by_harmony(metadata: pd.DataFrame, values: np.ndarray, config: HarmonyCorrection) -> Corrected:
    """Align batches in principal components (Korsunsky et al. 2019); the result is components, not features.

    Raises
    ------
    CorrectionRefusedError
        With a single batch, or too few features or wells for two components.
    """
    batches = metadata[BATCH].nunique()
    if batches < 2:
        raise CorrectionRefusedError(
            f"correction harmony: found {batches} batch; expected at least two. Hint: use the correction `none`."
        )
    components = min(config.components, *(size - 1 for size in values.shape))
    if components < 2:
        raise CorrectionRefusedError(
            f"correction harmony: found {values.shape[1]} features of {len(values)} wells; expected at least three of "
            "each, because wells are compared by two components or more. Hint: use the correction `none`."
        )
    import harmonypy
    from sklearn.decomposition import PCA

    reduced = PCA(components, svd_solver="full").fit_transform(values)
    meta = pd.DataFrame({"batch": metadata[BATCH].to_numpy()})
    fitted = harmonypy.run_harmony(reduced, meta, ["batch"], random_state=config.seed, verbose=False)
    aligned = np.asarray(fitted.Z_corr, dtype=np.float64)
    # harmonypy has returned both orientations in its releases.
    aligned = aligned if aligned.shape == reduced.shape else aligned.T
    return Corrected(aligned, {"components": components, "batches": batches}, prefix="Deep_harmony")
