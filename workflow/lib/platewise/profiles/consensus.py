"""Replicate wells to one profile a treatment (level 5)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from platewise.algorithms import ALGORITHMS
from platewise.columns import (
    BATCH,
    CELL_COUNT,
    CONTROL_TYPE,
    DOSE,
    MOA,
    PERTURBATION,
    feature_columns,
    metadata_columns,
)
from platewise.config.profiles import ConsensusConfig
from platewise.profiles.frame import join_profiles, split_profiles, treatment_codes
from platewise.tables import read_columns, read_table, write_table

REPLICATES = "Metadata_Replicates"
# Features combined at a time: of 10,000 wells, 20 MB.
_CHUNK = 250
# Below this agreement a replicate still counts a little (Subramanian et al. 2017, L1000).
MIN_WEIGHT = 0.01
_FEW = 8


def run_build_consensus(profiles_path: str, out: str, config: ConsensusConfig) -> None:
    """Write one row a treatment from the wells of a campaign.

    Parameters
    ----------
    profiles_path
        ``{features}.{correction}.parquet`` (level 4c).
    out
        ``{features}.{correction}.consensus.parquet``.
    config
        Section ``profiles.consensus``.
    """
    names = read_columns(profiles_path)
    metadata = read_table(profiles_path, metadata_columns(names))
    codes, treatments = treatment_codes(metadata)
    features = feature_columns(names)
    combined = np.empty((len(treatments), len(features)), dtype=np.float32)
    # The weights of MODZ come from all features of a well.
    step = len(features) if config.method == "modz" else _CHUNK
    for start in range(0, len(features), max(step, 1)):
        chunk = features[start : start + step]
        values = read_table(profiles_path, chunk).to_numpy(dtype=np.float32)
        combined[:, start : start + len(chunk)] = combine(values, codes, len(treatments), config.method)
    facts = {"stage": "profiles", "algorithm": ALGORITHMS["profiles"], "parameters": config.model_dump()}
    write_table(join_profiles(describe_treatments(metadata, codes, treatments), combined, features), out, facts)


def consensus(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """Join the wells of every treatment, controls included.

    Parameters
    ----------
    table
        Wells, any level with features.
    method
        ``median``, ``mean`` or ``modz``.

    Returns
    -------
    treatments
        Sorted by perturbation and dose: ``Metadata_Perturbation``, ``Metadata_Dose``, ``Metadata_MOA``,
        ``Metadata_ControlType``, ``Metadata_Replicates`` (wells), ``Metadata_Batch`` (all, joined by ``|``),
        ``Metadata_CellCount`` (mean), features.
    """
    metadata, values, features = split_profiles(table)
    codes, treatments = treatment_codes(metadata)
    combined = combine(values, codes, len(treatments), method)
    return join_profiles(describe_treatments(metadata, codes, treatments), combined, features)


def describe_treatments(metadata: pd.DataFrame, codes: np.ndarray, treatments: pd.DataFrame) -> pd.DataFrame:
    """Return the metadata of consensus profiles from that of wells; arguments as `treatment_codes` gives them."""
    grouped = metadata.groupby(codes)
    columns = {
        PERTURBATION: treatments[PERTURBATION],
        DOSE: treatments[DOSE],
        MOA: grouped[MOA].first(),
        CONTROL_TYPE: grouped[CONTROL_TYPE].first(),
        REPLICATES: grouped.size().astype(np.int32),
        BATCH: grouped[BATCH].agg(lambda batches: "|".join(sorted(set(batches)))),
        CELL_COUNT: grouped[CELL_COUNT].mean(),
    }
    return pd.DataFrame(columns)


def combine(
    values: np.ndarray, codes: np.ndarray, groups: int, method: str, rows: np.ndarray | None = None
) -> np.ndarray:
    """Combine the rows of each group.

    Parameters
    ----------
    values
        ``(rows, features)``.
    codes
        Group of each row, from 0 below ``groups``; every group has a row.
    groups
        Number of groups.
    method
        ``median``, ``mean`` or ``modz``.
    rows
        The rows that have a code, in its order; all without it.

    Returns
    -------
    combined
        ``(groups, features)``.
    """
    combined = np.empty((groups, values.shape[1]))
    order = np.argsort(codes, kind="stable")
    order = order if rows is None else rows[order]
    sizes = np.bincount(codes, minlength=groups)
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes):
        # Groups of one size are stacked and combined all at once.
        chosen = np.flatnonzero(sizes == size)
        stack = values[order[starts[chosen][:, None] + np.arange(size)]]
        if size == 1:
            combined[chosen] = stack[:, 0]
        elif method == "mean":
            combined[chosen] = stack.mean(axis=1, dtype=np.float64)
        elif method == "median":
            combined[chosen] = _median(stack)
        else:
            combined[chosen] = [modz(group) for group in stack.astype(np.float64, copy=False)]
    return combined


def _median(stack: np.ndarray) -> np.ndarray:
    """Return the median over the second axis, NaN where a value is."""
    size = stack.shape[1]
    if size > _FEW:
        return np.median(stack.astype(np.float64, copy=False), axis=1)
    # A few values are sorted by exchanging neighbours, all groups and features at once: some ten times as fast.
    rows = [stack[:, place] for place in range(size)]
    middle = (size - 1) // 2
    for end in range(size - 1, max(middle, 1) - 1, -1):
        for place in range(end):
            rows[place], rows[place + 1] = (
                np.minimum(rows[place], rows[place + 1]),
                np.maximum(rows[place], rows[place + 1]),
            )
    return (rows[middle].astype(np.float64) + rows[size // 2]) / 2


def modz(rows: np.ndarray) -> np.ndarray:
    """Return the replicates' mean, each weighted by its mean Spearman correlation with the others.

    As Subramanian et al. 2017 (Cell 171, 1437) and pycytominer: correlations below 0.01 count as 0.01.

    Parameters
    ----------
    rows
        Replicates, ``(replicates, features)``.
    """
    if len(rows) < 3:
        # Two replicates agree with each other equally: their weights are the same.
        return rows.mean(axis=0)
    ranks = rankdata(rows, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=1))
    length[length == 0] = 1.0
    agreement = np.maximum((ranks / length[:, None]) @ (ranks / length[:, None]).T, MIN_WEIGHT)
    np.fill_diagonal(agreement, 0.0)
    weights = agreement.sum(axis=1)
    return (weights / weights.sum()) @ rows
