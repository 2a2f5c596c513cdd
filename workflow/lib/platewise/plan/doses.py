"""Whether anything was given at enough doses for a dose response."""

from __future__ import annotations

import math
from collections.abc import Iterable

from platewise.columns import NEGCON
from platewise.config.table import TableConfig
from platewise.plan.campaign import Campaign
from platewise.profiles.plates import read_arrow, table_paths

# Different doses above 0 that a curve of four parameters needs.
LEAST_DOSES = 4


def has_dose_series(campaign: Campaign) -> bool:
    """Return whether a perturbation other than the negative controls has at least ``LEAST_DOSES`` doses above 0."""
    if campaign.config.table is not None:
        return _several(_doses_of(campaign.config.table))
    wells = (well for plate in campaign.plates.values() for well in plate.treatments)
    return _several((well.perturbation, well.dose) for well in wells if well.control_type != NEGCON)


def _several(given: Iterable[tuple[str, float]]) -> bool:
    doses: dict[str, set[float]] = {}
    for perturbation, dose in given:
        if dose > 0:
            found = doses.setdefault(perturbation, set())
            found.add(dose)
            if len(found) >= LEAST_DOSES:
                return True
    return False


def _doses_of(tables: TableConfig) -> Iterable[tuple[str, float]]:
    columns = tables.columns
    if columns.dose is None:
        return
    asked = [name for name in (columns.perturbation, columns.dose, columns.control_type) if name]
    for path in table_paths(tables, []):
        # Checked when the campaign was loaded.
        table = read_arrow(path, asked, [])
        if table is None:
            continue
        kinds = table.column(columns.control_type).to_pylist() if columns.control_type else [None] * len(table)
        given = (table.column(name).to_pylist() for name in (columns.perturbation, columns.dose))
        for perturbation, dose, kind in zip(*given, kinds, strict=True):
            if str(kind).strip().lower() != NEGCON and str(perturbation) not in tables.negcon:
                yield str(perturbation), _number(dose)


def _number(value: object) -> float:
    """Return a dose, whatever type the table has it in; NaN for none."""
    try:
        return float(str(value))
    except ValueError:
        return math.nan
