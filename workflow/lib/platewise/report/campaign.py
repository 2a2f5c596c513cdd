"""What the campaign's page says of plates, counts and losses, from the tables of all stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.columns import (
    BATCH,
    CELL_COUNT,
    CONTROL_TYPE,
    DOSE,
    MOA,
    NEGCON,
    PERTURBATION,
    PLATE,
    SITE,
    WELL,
    feature_columns,
)
from platewise.report.headline import Counts
from platewise.report.plates import colour_limits, overview_png
from platewise.tables import read_table


@dataclass(frozen=True)
class PlateCard:
    """A plate in the overview."""

    plate: str
    href: str
    picture: str
    cells: int
    fields_bad: int
    flagged: int
    batch: str


@dataclass(frozen=True)
class BadFieldRow:
    """A field that was left out, somewhere in the campaign."""

    plate: str
    href: str
    well: str
    site: int
    reason: str


@dataclass(frozen=True)
class Loss:
    """Rows that a step dropped for one reason, with a few of their names."""

    step: str
    reason: str
    number: int
    examples: str


@dataclass(frozen=True)
class Selection:
    """How many features of one kind were kept, and why the others were not.

    ``filled`` values of ``gappy`` kept features were missing in a well, and were set to the controls' centre.
    ``fitted`` plates were looked at; those in ``later`` came after.
    """

    features: str
    kept: int
    dropped: list[tuple[str, int]]
    filled: int
    gappy: int
    fitted: int
    later: list[str]


def count_campaign(profiles: pd.DataFrame, qc_wells: pd.DataFrame | None, qc_fields: pd.DataFrame | None) -> Counts:
    """Count what was screened: from the QC tables where there are images, else from the profiles."""
    wells = profiles if qc_wells is None else qc_wells
    treated = wells[wells[CONTROL_TYPE].fillna("") != NEGCON]
    perturbations = treated.drop_duplicates(PERTURBATION)
    moas = {moa for text in perturbations[MOA].fillna("") for moa in str(text).split("|") if moa}
    counts = wells[CELL_COUNT] if CELL_COUNT in wells else pd.Series(dtype=float)
    return Counts(
        plates=wells[PLATE].nunique(),
        batches=wells[BATCH].nunique(),
        wells=len(wells),
        perturbations=len(perturbations),
        treatments=len(treated.drop_duplicates([PERTURBATION, DOSE])),
        mechanisms=len(moas),
        annotated=int((perturbations[MOA].fillna("") != "").sum()),
        cells=int(counts.sum()) if counts.notna().any() else None,
        fields_ok=None if qc_fields is None else int((qc_fields["Status"] == "ok").sum()),
        fields_bad=None if qc_fields is None else int((qc_fields["Status"] != "ok").sum()),
        flagged=None if qc_wells is None else int((qc_wells["Flag"] != "").sum()),
    )


def plate_cards(
    qc_wells: Mapping[str, pd.DataFrame],
    qc_fields: Mapping[str, pd.DataFrame],
    plate_format: Mapping[str, int],
    pages: Mapping[str, str],
) -> tuple[list[PlateCard], float]:
    """Draw every plate's cell counts on one scale, from 0 to the returned upper end."""
    everything = np.concatenate([table[CELL_COUNT].to_numpy(float) for table in qc_wells.values()])
    low, high = colour_limits(everything, from_zero=True)
    cards = []
    for plate, wells in qc_wells.items():
        values = dict(zip(wells[WELL], wells[CELL_COUNT].astype(float), strict=True))
        fields = qc_fields.get(plate)
        cards.append(
            PlateCard(
                plate=plate,
                href=pages[plate],
                picture=overview_png(plate_format[plate], values, low, high),
                cells=int(wells[CELL_COUNT].sum()),
                fields_bad=0 if fields is None else int((fields["Status"] != "ok").sum()),
                flagged=int((wells["Flag"] != "").sum()),
                batch=", ".join(sorted(map(str, wells[BATCH].unique()))),
            )
        )
    return cards, high


def bad_field_rows(qc_fields: Mapping[str, pd.DataFrame], pages: Mapping[str, str]) -> list[BadFieldRow]:
    """List the bad fields of all plates."""
    return [
        BadFieldRow(plate, pages.get(plate, ""), row[WELL], int(row[SITE]), row["Reason"] or "no reason stored")
        for plate, table in qc_fields.items()
        for row in table[table["Status"] != "ok"].sort_values([WELL, SITE]).to_dict("records")
    ]


def losses(paths: Sequence[str | Path], examples: int = 5) -> list[Loss]:
    """Count the rows that steps dropped, by step and reason."""
    tables = [read_table(path, ["Step", "Row", "Reason"]) for path in paths]
    table = pd.concat(tables, ignore_index=True).drop_duplicates() if tables else pd.DataFrame()
    if table.empty:
        return []
    found = []
    for (step, reason), rows in table.groupby(["Step", "Reason"], sort=True):
        names = list(rows["Row"].astype(str))
        more = f" and {len(names) - examples} more" if len(names) > examples else ""
        found.append(Loss(str(step), str(reason), len(names), ", ".join(names[:examples]) + more))
    return found


def feature_selection(
    features: str, selection: pd.DataFrame, fitted_on: Sequence[str], plates: Sequence[str]
) -> Selection:
    """Count kept and dropped features of a selection table (``Feature``, ``Kept``, ``Reason``, ``Missing``).

    What a reason says in parentheses is about one feature and left out of the count. ``plates`` are all of the
    campaign, ``fitted_on`` those that features were chosen on.
    """
    kept = selection["Kept"].astype(bool)
    reasons = selection.loc[~kept, "Reason"].astype(str).str.split(" (", regex=False).str[0].value_counts()
    dropped = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    gaps = selection.loc[kept, "Missing"]
    reasons = [(reason, int(number)) for reason, number in dropped]
    later = [plate for plate in plates if plate not in set(fitted_on)]
    filled, gappy = int(gaps.sum()), int((gaps > 0).sum())
    return Selection(features, int(kept.sum()), reasons, filled, gappy, len(fitted_on), later)


def profile_matrix(profiles: pd.DataFrame) -> np.ndarray:
    """Return the features of a profile table as (well, feature) float64."""
    return profiles[feature_columns(profiles.columns)].to_numpy(np.float64)
