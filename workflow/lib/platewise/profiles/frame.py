"""Profile tables as arrays and back: metadata columns first, then features."""

from __future__ import annotations

from collections.abc import Sequence

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
    WELL,
    feature_columns,
    metadata_columns,
)

WELL_METADATA = [PLATE, WELL, BATCH, PERTURBATION, DOSE, MOA, CONTROL_TYPE, CELL_COUNT]
DROPPED_COLUMNS = ["Step", "Row", "Reason"]


def split_profiles(table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """Take a profile table apart.

    Returns
    -------
    metadata
        The ``Metadata_`` columns, index from 0.
    values
        Features, float64, ``(rows, features)``.
    features
        Their names, in the order of the columns of ``values``.
    """
    features = feature_columns(table.columns)
    metadata = table[metadata_columns(table.columns)].reset_index(drop=True)
    return metadata, table[features].to_numpy(dtype=np.float64), features


def join_profiles(metadata: pd.DataFrame, values: np.ndarray, features: Sequence[str]) -> pd.DataFrame:
    """Put a profile table together; features are stored as float32."""
    body = pd.DataFrame(values.astype(np.float32), columns=list(features))
    return pd.concat([metadata.reset_index(drop=True), body], axis=1)


def is_negcon(metadata: pd.DataFrame) -> np.ndarray:
    """Return which rows are negative controls, as bool ``(rows,)``."""
    return (metadata[CONTROL_TYPE] == NEGCON).to_numpy()


def treatment_keys(table: pd.DataFrame) -> pd.MultiIndex:
    """Return perturbation and dose of each row, to look rows up by.

    A missing dose is -1, which no dose is: NaN equals nothing.
    """
    return pd.MultiIndex.from_arrays([table[PERTURBATION], table[DOSE].astype(float).fillna(-1.0)])


def treatment_codes(metadata: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Number the treatments (perturbation at a dose) in the order of name and dose.

    Returns
    -------
    codes
        The treatment of each row, from 0, ``(rows,)``.
    treatments
        ``Metadata_Perturbation`` and ``Metadata_Dose`` of each treatment; a missing dose is a dose of its own.
    """
    grouped = metadata.groupby([PERTURBATION, DOSE], dropna=False, sort=True)
    codes = grouped.ngroup().to_numpy()
    first = pd.Series(codes).drop_duplicates()
    rows = first.index[np.argsort(first.to_numpy())]
    treatments = metadata.loc[rows, [PERTURBATION, DOSE]].reset_index(drop=True)
    return codes, treatments


def dropped_table(rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """Return the table of dropped rows from (step, row, reason); it has its columns also when empty."""
    return pd.DataFrame(list(rows), columns=DROPPED_COLUMNS).astype(str)


def dropped_path(path: str) -> str:
    """Return where the rows dropped on the way to ``path`` are recorded: ``x.parquet`` gives ``x.dropped.parquet``."""
    return str(path).removesuffix(".parquet") + ".dropped.parquet"
