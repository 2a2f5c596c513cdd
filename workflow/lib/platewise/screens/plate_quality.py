"""How well a plate's positive controls stand apart from its negative ones: Z' and SSMD."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import BATCH, CELL_COUNT, CONTROL_TYPE, NEGCON, PERTURBATION, PLATE, POSCON
from platewise.profiles.frame import treatment_codes
from platewise.profiles.normalise import MAD_TO_SD

DISTANCE = "Distance"
READOUTS = {DISTANCE: "distance", CELL_COUNT: "cell count"}
PLATE_COLUMNS = [
    PLATE,
    BATCH,
    "Readout",
    PERTURBATION,
    "Metadata_Dose",
    "Positives",
    "Negatives",
    "ZPrime",
    "SSMD",
    "RobustZPrime",
    "RobustSSMD",
    "Note",
]
_SCORES = ["ZPrime", "SSMD", "RobustZPrime", "RobustSSMD"]


def z_prime(positives: np.ndarray, negatives: np.ndarray, robust: bool = False) -> float:
    """Return Z' = 1 - 3 (s+ + s-) / |m+ - m-| (Zhang, Chung and Oldenburg 1999), at most 1.

    m and s are mean and standard deviation, or median and scaled median absolute deviation. NaN with fewer than two
    wells on a side, or where the centres are equal.
    """
    (centre, spread), (other_centre, other_spread) = _moments(positives, robust), _moments(negatives, robust)
    apart = abs(centre - other_centre)
    return float(1 - 3 * (spread + other_spread) / apart) if apart > 0 else float("nan")


def ssmd(positives: np.ndarray, negatives: np.ndarray, robust: bool = False) -> float:
    """Return SSMD = (m+ - m-) / sqrt(s+^2 + s-^2) (Zhang 2007), of any sign.

    m and s as in `z_prime`. NaN with fewer than two wells on a side, or where neither side varies.
    """
    (centre, spread), (other_centre, other_spread) = _moments(positives, robust), _moments(negatives, robust)
    joint = np.hypot(spread, other_spread)
    return float((centre - other_centre) / joint) if joint > 0 else float("nan")


def plate_quality(wells: pd.DataFrame, note: str = "") -> pd.DataFrame:
    """Hold the positive controls of every plate against its negative ones.

    Parameters
    ----------
    wells
        A row a well: metadata, ``Metadata_CellCount`` and ``Distance`` from the negative controls.
    note
        Why there are no distances.

    Returns
    -------
    quality
        ``PLATE_COLUMNS``: a row a plate, readout and treatment among its positive controls; a plate without any has one
        row a readout with a note.
    """
    rows = []
    for (plate, batch), own in wells.groupby([PLATE, BATCH], sort=True, dropna=False):
        negative = own[own[CONTROL_TYPE] == NEGCON]
        positive = own[own[CONTROL_TYPE] == POSCON].reset_index(drop=True)
        codes, treatments = treatment_codes(positive)
        for readout, words in READOUTS.items():
            against = negative[readout].to_numpy(dtype=float)
            found = [
                ((*treatment, positive.loc[codes == code, readout].to_numpy(dtype=float)))
                for code, treatment in enumerate(treatments.itertuples(index=False, name=None))
            ]
            for name, dose, values in found or [("", np.nan, np.empty(0))]:
                scores, why = _scores(values, against, note if readout == DISTANCE else "")
                rows.append((plate, batch, words, name, float(dose), len(values), len(against), *scores, why))
    return pd.DataFrame(rows, columns=PLATE_COLUMNS)


def _scores(positives: np.ndarray, negatives: np.ndarray, note: str) -> tuple[list[float], str]:
    """Return the four scores, and why there are none."""
    nothing = [float("nan")] * len(_SCORES)
    for count, words in ((len(positives), "positive"), (len(negatives), "negative")):
        if count < 2:
            return nothing, f"{'one' if count else 'no'} {words} control" + (": it has no spread" if count else "s")
    if not (np.isfinite(positives).all() and np.isfinite(negatives).all()):
        return nothing, note or "not known of every control"
    found = [score(positives, negatives, robust) for robust in (False, True) for score in (z_prime, ssmd)]
    return found, "" if np.isfinite(found).all() else "controls do not vary, or do not differ"


def _moments(values: np.ndarray, robust: bool) -> tuple[float, float]:
    if len(values) < 2:
        return float("nan"), float("nan")
    if not robust:
        return float(values.mean()), float(values.std(ddof=1))
    centre = np.median(values)
    return float(centre), float(MAD_TO_SD * np.median(np.abs(values - centre)))
