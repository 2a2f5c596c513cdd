"""Column names shared by all tables, as CellProfiler and pycytominer spell them."""

from __future__ import annotations

import re
from collections.abc import Iterable

PLATE = "Metadata_Plate"
WELL = "Metadata_Well"
SITE = "Metadata_Site"
OBJECT = "Metadata_ObjectNumber"
TOUCHES_BORDER = "Metadata_TouchesBorder"
BATCH = "Metadata_Batch"
PERTURBATION = "Metadata_Perturbation"
DOSE = "Metadata_Dose"
MOA = "Metadata_MOA"
CONTROL_TYPE = "Metadata_ControlType"
CELL_COUNT = "Metadata_CellCount"
# Share of a well's cells, those at the border aside, that the rules of profiles.cells left out.
LEFT_OUT = "Metadata_LeftOutCells"

NEGCON = "negcon"
POSCON = "poscon"
CONTROL_TYPES = (NEGCON, POSCON, "")

COMPARTMENTS = ("Nuclei", "Cells", "Cytoplasm")
FEATURE_PREFIXES = ("Nuclei_", "Cells_", "Cytoplasm_", "Deep_")
# What is said of a well's cells beside their median or mean: the median absolute deviation, and quantiles in percent.
STATISTIC_PATTERN = r"MAD|Q[0-9]{2}"
# Kept with the cells, never part of a profile: they say where a cell lies, not what it looks like.
_NOT_PROFILED = ("Location", "Center", "Number")


def metadata_columns(columns: Iterable[str]) -> list[str]:
    """Return the metadata columns among ``columns``, in their order."""
    return [name for name in columns if name.startswith("Metadata_")]


def feature_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns that enter profiles, in their order.

    Location, Center and Number columns are left out: they are measured, kept with the cells and
    carry no phenotype.
    """
    return [name for name in columns if name.startswith(FEATURE_PREFIXES) and not _is_position(name)]


def with_statistic(feature: str, statistic: str) -> str:
    """Return the column of a statistic other than median and mean: ``Nuclei_AreaShape_Area_MAD``, ``..._Q10``."""
    return f"{feature}_{statistic}" if statistic else feature


def split_statistic(column: str) -> tuple[str, str]:
    """Return the feature and the statistic of a column; the statistic is empty for a median or mean."""
    match = re.fullmatch(rf"(.+)_({STATISTIC_PATTERN})", column)
    return (match[1], match[2]) if match else (column, "")


def split_annotation(moa: str) -> list[str]:
    """Return the labels in ``a|b``; none for an empty annotation."""
    return [label.strip() for label in str(moa).split("|") if label.strip()]


def _is_position(name: str) -> bool:
    parts = name.split("_")
    if len(parts) < 2:
        return False
    return parts[1] in _NOT_PROFILED or (len(parts) > 2 and parts[2] == "Center")
