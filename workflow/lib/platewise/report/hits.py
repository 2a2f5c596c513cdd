"""Hit calling as the page shows it: which treatments are active, and how well controls stand apart on each plate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.columns import CONTROL_TYPE, DOSE, NEGCON, PERTURBATION, PLATE
from platewise.evaluation.levels import describe_layout
from platewise.profiles.frame import treatment_keys
from platewise.report.numbers import dose, fixed, is_number, plural, significant
from platewise.screens.plate_quality import DISTANCE, READOUTS

# More rows than this are in the tables only.
MOST_TREATMENTS = 200
MOST_PLATES = 200


@dataclass(frozen=True)
class HitRow:
    """A treatment. ``state``: ``active``, ``not shown``, or ``unknown``."""

    name: str
    dose: str
    wells: int
    state: str
    precision: str
    q: str
    distance: str
    note: str


@dataclass(frozen=True)
class ControlCell:
    """How well controls stand apart by one readout: the usual scores, and the robust ones."""

    z_prime: str
    ssmd: str
    robust: str
    note: str


@dataclass(frozen=True)
class ControlRow:
    """A positive control of a plate, with a cell for each readout."""

    plate: str
    name: str
    positives: int
    negatives: int
    cells: list[ControlCell]


@dataclass(frozen=True)
class HitSection:
    """All that the section says; ``more`` of each table is left out."""

    max_q: str
    sentences: list[str]
    rows: list[HitRow]
    more: int
    readouts: list[str]
    controls: list[ControlRow]
    controls_more: int


def hit_section(activity: pd.DataFrame, distances: pd.DataFrame, quality: pd.DataFrame, max_q: float) -> HitSection:
    """Arrange the tables of hit calling of the preset.

    Parameters
    ----------
    activity
        A row a treatment (`screens.activity`).
    distances
        A row a well, with its distance from the negative controls (`screens.hits`).
    quality
        A row a plate, readout and positive control (`screens.plate_quality`).
    max_q
        False discovery rate below which a treatment is active.
    """
    away = _relative_distances(distances)
    table = activity.assign(Away=[away.get(key, np.nan) for key in treatment_keys(activity)])
    table = table.sort_values(["Active", "Away", PERTURBATION, DOSE], ascending=[False, False, True, True])
    rows = [_hit_row(row) for row in table.head(MOST_TREATMENTS).to_dict("records")]
    controls = _control_rows(quality)
    return HitSection(
        f"{max_q:g}",
        [_summary(activity), *layout_words(distances), _control_words(quality)],
        rows,
        max(len(table) - len(rows), 0),
        list(READOUTS.values()),
        controls[:MOST_PLATES],
        max(len(controls) - MOST_PLATES, 0),
    )


def layout_words(wells: pd.DataFrame) -> list[str]:
    """Say what the layout does not let one tell apart, as sentences."""
    limits = describe_layout(wells)
    return [f"{limit[0].upper()}{limit[1:]}." for limit in limits.values() if limit]


def _summary(activity: pd.DataFrame) -> str:
    known = activity[np.isfinite(activity["PValue"].to_numpy(dtype=float))]
    active = int(known["Active"].sum())
    words = (
        f"{active:,} of {plural(len(known), 'treatment')} that could be tested {'is' if active == 1 else 'are'} active."
    )
    unknown = activity.drop(known.index)
    for note, number in unknown["Note"].value_counts().items():
        words += f" {plural(int(number), 'treatment')} could not be tested: {note}."
    bounded = int((known["Note"] != "").sum())
    if bounded:
        words += f" {plural(bounded, 'treatment')} had too few wells to be shown active whatever they look like."
    return words


def _relative_distances(distances: pd.DataFrame) -> Mapping[tuple[str, float], float]:
    """Median distance of each treatment's wells, in units of the median control's."""
    if distances[DISTANCE].isna().all():
        return {}
    control = distances[CONTROL_TYPE] == NEGCON
    reference = float(distances.loc[control, DISTANCE].median())
    treated = distances[~control]
    medians = treated.groupby(treatment_keys(treated))[DISTANCE].median()
    return (medians / reference).to_dict() if reference > 0 else {}


def _hit_row(row: Mapping[str, object]) -> HitRow:
    known = is_number(row["PValue"])
    return HitRow(
        name=str(row[PERTURBATION]),
        dose=dose(row[DOSE]) if is_number(row[DOSE]) else "",
        wells=int(row["Replicates"]),
        state=("active" if row["Active"] else "not shown") if known else "unknown",
        precision=fixed(row["AveragePrecision"], 2),
        q=significant(row["QValue"], 2) if known else "not computed",
        distance=f"{fixed(row['Away'], 1)}x" if is_number(row["Away"]) else "not known",
        note=str(row["Note"]),
    )


def _control_words(quality: pd.DataFrame) -> str:
    computed = quality[quality["ZPrime"].notna()]
    if computed.empty:
        reasons = list(dict.fromkeys(quality["Note"]))
        return f"Z' and SSMD cannot be computed on any plate: {'; '.join(reasons)}."
    plates, every = computed[PLATE].nunique(), quality[PLATE].nunique()
    apart = computed[computed["Readout"] == READOUTS[DISTANCE]]["ZPrime"]
    words = f"Positive controls could be held against negative ones on {plates} of {plural(every, 'plate')}"
    return f"{words}; the median Z' of the distance is {fixed(float(apart.median()), 2)}."


def _control_rows(quality: pd.DataFrame) -> list[ControlRow]:
    """Return a row a plate and positive control; none where no plate has any score."""
    if quality["ZPrime"].isna().all():
        return []
    keys = [PLATE, PERTURBATION, DOSE]
    return [
        ControlRow(
            plate=str(plate),
            name=f"{name}{f' at {dose(given)}' if is_number(given) else ''}" or "none",
            positives=int(rows["Positives"].iloc[0]),
            negatives=int(rows["Negatives"].iloc[0]),
            cells=[
                _control_cell(row) for row in rows.set_index("Readout").loc[list(READOUTS.values())].to_dict("records")
            ],
        )
        for (plate, name, given), rows in quality.groupby(keys, sort=True, dropna=False)
    ]


def _control_cell(row: Mapping[str, object]) -> ControlCell:
    if not is_number(row["ZPrime"]):
        return ControlCell("not computed", "not computed", "", str(row["Note"]))
    robust = f"robust: {fixed(row['RobustZPrime'], 2)} and {fixed(row['RobustSSMD'], 1)}"
    return ControlCell(fixed(row["ZPrime"], 2), fixed(row["SSMD"], 1), robust, str(row["Note"]))
