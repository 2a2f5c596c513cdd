"""Column names shared by all tables, as CellProfiler and pycytominer spell them."""

from __future__ import annotations

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

NEGCON = "negcon"
POSCON = "poscon"
CONTROL_TYPES = (NEGCON, POSCON, "")

COMPARTMENTS = ("Nuclei", "Cells", "Cytoplasm")
FEATURE_PREFIXES = ("Nuclei_", "Cells_", "Cytoplasm_", "Deep_")
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


def _is_position(name: str) -> bool:
    parts = name.split("_")
    if len(parts) < 2:
        return False
    return parts[1] in _NOT_PROFILED or (len(parts) > 2 and parts[2] == "Center")
