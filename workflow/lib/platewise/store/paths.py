"""Where things lie in a plate store."""

from __future__ import annotations

from pathlib import Path

from platewise.plan.wells import ROW_NAMES, parse_well

# The manifest's column with the content hash of each label.
HASH_COLUMNS = {"nuclei": "NucleiHash", "cells": "CellsHash"}
LABELS = tuple(HASH_COLUMNS)


def row_and_column(well: str) -> tuple[str, str]:
    """Return the names of a well's row and column groups: ``A01`` gives ``("A", "01")``."""
    row, column = parse_well(well)
    return ROW_NAMES[row], f"{column + 1:02d}"


def well_path(store: Path, well: str) -> Path:
    """Return the folder of a well."""
    return store.joinpath(*row_and_column(well))


def field_path(store: Path, well: str, site: int) -> Path:
    """Return the folder of a field: a complete OME-Zarr image group once committed."""
    return well_path(store, well) / str(int(site))
