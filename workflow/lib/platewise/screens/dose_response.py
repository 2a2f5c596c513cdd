"""Dose response: which perturbations leave the controls as the dose rises, and at which dose half of it is reached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from platewise.algorithms import ALGORITHMS
from platewise.columns import DOSE, MOA, PERTURBATION
from platewise.config.evaluation import EvaluationConfig
from platewise.evaluation.inference import benjamini_hochberg
from platewise.plan.doses import LEAST_DOSES
from platewise.profiles.frame import is_negcon
from platewise.profiles.normalise import MAD_TO_SD
from platewise.screens.dose_curve import Curve, fit_curve
from platewise.screens.plate_quality import DISTANCE
from platewise.screens.trend import least_trend_p, trend_p_value
from platewise.tables import read_provenance, read_table, write_table

RESPONSE, NO_TREND, NO_RESPONSE, NOT_TESTED = "response", "no trend", "no response", "not tested"
WITHIN, ABOVE, BELOW = "within the doses", "above the highest dose", "below the lowest dose"
RESPONSE_COLUMNS = [
    PERTURBATION,
    MOA,
    "Doses",
    "Wells",
    "LowestDose",
    "HighestDose",
    "Effect",
    "TopPValue",
    "TopQValue",
    "TrendPValue",
    "PValue",
    "QValue",
    "Answer",
    "Place",
    "EC50",
    "Midpoint",
    "Low",
    "High",
    "Hill",
    "Bottom",
    "Top",
    "R2",
    "Note",
]
# Wells at the upper end of the doses that are held against the controls.
_TOP_WELLS = 3
# Beyond this many pairs of wells the exact distribution costs more than it brings.
_MOST_EXACT = 50_000


def run_fit_dose_response(distances_path: str, out: str, config: EvaluationConfig) -> None:
    """Write ``C/screens/dose_response.parquet`` from the distances of one kind of profiles.

    Parameters
    ----------
    distances_path
        ``C/screens/{features}.{correction}.distances.parquet``.
    out
        The table.
    config
        Section ``evaluation``; ``max_q`` is used.
    """
    note = str(read_provenance(distances_path).get("note", ""))
    table = dose_response(read_table(distances_path), config.max_q, note)
    facts = {"stage": "screens", "algorithm": ALGORITHMS["screens"], "parameters": {"max_q": config.max_q}}
    write_table(table, out, facts)


def dose_response(wells: pd.DataFrame, max_q: float, note: str = "") -> pd.DataFrame:
    """Test every perturbation that has doses for a response, and fit a curve to those that have one.

    Two things must hold: the wells at the highest dose (with those at the next ones, up to three wells) lie farther
    from the negative controls than these do, each held out (Mann-Whitney, one-sided); and distances rise with the dose
    (Jonckheere-Terpstra over the perturbation's own wells, which needs no controls). p is the larger of the two, q its
    Benjamini-Hochberg value over the perturbations that were tested.

    Parameters
    ----------
    wells
        A row a well with ``Distance``; wells of a perturbation without a dose above 0 are left out and counted.
    max_q
        A perturbation with q below it responds.
    note
        Why there are no distances.

    Returns
    -------
    table
        ``RESPONSE_COLUMNS``, a row for every perturbation with a dose above 0 but the negative controls. ``Answer`` is
        ``response``; ``no trend`` where only the first of the two holds: it acts, and at which dose is not shown; ``no
        response``; or ``not tested``. Only a response has a curve. ``EC50`` is NaN where it does not lie ``within the
        doses`` (``Place``), ``Midpoint`` is that of the curve, wherever it lies; ``Low`` and ``High`` are its 95 %
        interval, from 0 and to infinity where it is open. ``Effect`` is how far the top wells' mean lies from the
        controls' median, in units of their scaled median absolute deviation: one bad control well counts as one.
    """
    control = is_negcon(wells)
    controls = wells.loc[control, DISTANCE].to_numpy(dtype=float)
    doses = wells[DOSE].astype(float)
    series = []
    for name, own in wells[~control].groupby(PERTURBATION, sort=True):
        given = doses[own.index] > 0
        if given.any():
            series.append(_series(str(name), own, doses[own.index], controls, max_q, note))
    table = pd.DataFrame([one.row for one in series], columns=RESPONSE_COLUMNS)
    for p, q in (("TopPValue", "TopQValue"), ("PValue", "QValue")):
        table[q] = benjamini_hochberg(table[p].to_numpy(dtype=float))
    for place, one in enumerate(series):
        if not np.isfinite(table.loc[place, "PValue"]):
            continue
        answer = NO_TREND if table.loc[place, "TopQValue"] < max_q else NO_RESPONSE
        if table.loc[place, "QValue"] < max_q:
            answer = RESPONSE
            curve = fit_curve(one.doses, one.distances, float(np.median(controls)))
            for column, value in describe_curve(curve, one.doses, one.distances).items():
                table.loc[place, column] = value
        table.loc[place, "Answer"] = answer
    return table


def describe_curve(curve: Curve, doses: np.ndarray, distances: np.ndarray) -> dict[str, float | str]:
    """Return a curve as columns; an EC50 outside the doses is an answer, and no number."""
    place = WITHIN if doses.min() <= curve.ec50 <= doses.max() else ABOVE if curve.ec50 > doses.max() else BELOW
    residual = ((distances - curve.at(doses)) ** 2).sum()
    return {
        "Place": place,
        "EC50": curve.ec50 if place == WITHIN else float("nan"),
        "Midpoint": curve.ec50,
        "Low": curve.low,
        "High": curve.high,
        "Hill": curve.hill,
        "Bottom": curve.bottom,
        "Top": curve.top,
        "R2": float(1 - residual / ((distances - distances.mean()) ** 2).sum()),
    }


@dataclass(frozen=True)
class _Series:
    """The wells of a perturbation at doses above 0, and its row as far as it is known before others are."""

    doses: np.ndarray
    distances: np.ndarray
    row: dict[str, float | str]


def _series(name: str, own: pd.DataFrame, doses: pd.Series, controls: np.ndarray, max_q: float, note: str) -> _Series:
    given = doses > 0
    levels = doses[given].to_numpy()
    distances = own.loc[given, DISTANCE].to_numpy(dtype=float)
    different, sizes = np.unique(levels, return_counts=True)
    left_out = int((~given).sum())
    notes = [f"{left_out} wells without a dose above 0 are left out"] if left_out else []
    row = dict.fromkeys(RESPONSE_COLUMNS, float("nan")) | {
        PERTURBATION: name,
        MOA: str(own[MOA].iloc[0] or ""),
        "Doses": len(different),
        "Wells": len(levels),
        "LowestDose": different[0],
        "HighestDose": different[-1],
        "Answer": NOT_TESTED,
        "Place": "",
    }
    if len(different) < LEAST_DOSES:
        notes.append(f"only {len(different)} of {LEAST_DOSES} doses that a curve needs have wells")
    elif note or not (np.isfinite(controls).all() and len(controls)):
        notes.append(note or "no negative controls")
    else:
        top = distances[levels >= _top_dose(levels)]
        row["TopPValue"], row["TrendPValue"] = _farther(top, controls), trend_p_value(distances, levels)
        row["PValue"] = max(row["TopPValue"], row["TrendPValue"])
        centre = np.median(controls)
        row["Effect"] = float((top.mean() - centre) / (MAD_TO_SD * np.median(np.abs(controls - centre))))
        least = least_trend_p(tuple(sizes.tolist()))
        if least >= max_q:
            notes.append(f"so few wells cannot show a trend with a p below {least:.2g}")
    return _Series(levels, distances, row | {"Note": "; ".join(notes)})


def _top_dose(levels: np.ndarray) -> float:
    """Return the dose from which on there are ``_TOP_WELLS`` wells, or the lowest."""
    ordered = np.sort(levels)[::-1]
    return float(ordered[min(_TOP_WELLS, len(ordered)) - 1])


def _farther(top: np.ndarray, controls: np.ndarray) -> float:
    both = np.concatenate([top, controls])
    exact = len(np.unique(both)) == len(both) and len(top) * len(controls) <= _MOST_EXACT
    return float(mannwhitneyu(top, controls, alternative="greater", method="exact" if exact else "asymptotic").pvalue)
