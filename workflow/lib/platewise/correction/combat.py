"""ComBat, as scanpy has it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import BATCH
from platewise.config.correction import CombatCorrection
from platewise.correction.method import Corrected, CorrectionRefusedError


def correct_by_combat(metadata: pd.DataFrame, values: np.ndarray, config: CombatCorrection) -> Corrected:
    """Remove each batch's mean and scale by empirical Bayes (Johnson, Li and Rabinovic 2007).

    Raises
    ------
    CorrectionRefusedError
        With a single batch, a batch of one well, or a single feature.
    """
    sizes = metadata[BATCH].value_counts()
    if len(sizes) < 2 or sizes.min() < 2:
        raise CorrectionRefusedError(
            f"correction combat: found batches of {', '.join(map(str, sizes.tolist()))} wells; expected at least two "
            "batches of two wells or more. Hint: use the correction `none`."
        )
    if values.shape[1] < 2:
        raise CorrectionRefusedError(
            f"correction combat: found {values.shape[1]} feature; expected at least two, because a batch's mean and "
            "scale are shrunk towards those of its other features. Hint: use the correction `none`."
        )
    import anndata
    import scanpy

    names = [str(row) for row in range(len(metadata))]
    obs = pd.DataFrame({"batch": metadata[BATCH].to_numpy()}, index=names, dtype="category")
    data = anndata.AnnData(values.copy(), obs=obs)
    corrected = scanpy.pp.combat(data, key="batch", inplace=False)
    note = "ComBat equalises all wells of the batches: where batches hold different treatments it removes phenotype"
    return Corrected(np.asarray(corrected, dtype=np.float64), {"batches": len(sizes)}, note)
