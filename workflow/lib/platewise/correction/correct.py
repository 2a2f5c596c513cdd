"""Correct the wells of a campaign (level 4c) and write them as Parquet and AnnData."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import PLATE, WELL
from platewise.config.correction import CorrectionMethod
from platewise.correction.combat import correct_by_combat
from platewise.correction.harmony import correct_by_harmony
from platewise.correction.method import Correct, Corrected, CorrectionRefusedError
from platewise.correction.mnn import correct_by_mnn
from platewise.correction.none import leave_uncorrected
from platewise.correction.replicates import correct_by_replicates
from platewise.correction.sphering import correct_by_sphering
from platewise.files import whole_file
from platewise.profiles.frame import join_profiles, split_profiles
from platewise.tables import read_provenance, read_table, write_table

METHODS: dict[str, Correct] = {
    "none": leave_uncorrected,
    "sphering": correct_by_sphering,
    "replicates": correct_by_replicates,
    "combat": correct_by_combat,
    "harmony": correct_by_harmony,
    "mnn": correct_by_mnn,
}


def run_correct_batches(selected_path: str, out: str, h5ad_out: str, method: CorrectionMethod) -> None:
    """Write the corrected wells.

    Parameters
    ----------
    selected_path
        ``{features}.selected.parquet`` (level 4b).
    out
        ``{features}.{correction}.parquet``: the rows of the input, in their order.
    h5ad_out
        The same as AnnData: ``obs`` holds the metadata, ``X`` the features.
    method
        One of ``correction.methods``.

    Raises
    ------
    CorrectionRefusedError
        If the data do not allow the method, unless it says ``when_refused: leave``.
    """
    table, corrected = correct(read_table(selected_path), method)
    facts = {
        "stage": "correction",
        "algorithm": ALGORITHMS["correction"],
        "parameters": method.model_dump(),
        "chosen": corrected.facts,
        "note": corrected.note,
    }
    write_table(table, out, facts)
    write_h5ad(table, h5ad_out)


def correct(table: pd.DataFrame, method: CorrectionMethod) -> tuple[pd.DataFrame, Corrected]:
    """Correct the wells of a campaign; the rows stay as they are.

    Returns
    -------
    table
        Level 4c.
    corrected
        What the method chose, and its note.
    """
    metadata, values, features = split_profiles(table)
    try:
        corrected = METHODS[method.method](metadata, values, method)
        _check_numbers(corrected, method.method)
    except CorrectionRefusedError as refusal:
        if getattr(method, "when_refused", "error") == "error":
            raise
        # A note is one of several that are joined by semicolons.
        reason = str(refusal).split(". Hint:")[0].replace("; ", ", ")
        corrected = Corrected(values, {"refused": reason}, f"profiles are not corrected: {reason}")
    if corrected.prefix:
        features = [f"{corrected.prefix}{index:03d}" for index in range(corrected.values.shape[1])]
    return join_profiles(metadata, corrected.values, features), corrected


def _check_numbers(corrected: Corrected, method: str) -> None:
    bad = ~np.isfinite(corrected.values)
    if bad.any():
        raise CorrectionRefusedError(
            f"correction {method}: found no number for {bad.any(axis=0).sum()} of {bad.shape[1]} corrected features in "
            f"{bad.any(axis=1).sum()} of {len(bad)} wells; expected one everywhere. Hint: use another correction, or "
            "leave features that do not vary within batches out of the profiles."
        )


def correction_note(profiles_path: str) -> str:
    """Return what the reader of scores must know about the correction behind a level-4c table."""
    return str(read_provenance(profiles_path).get("note", ""))


def write_h5ad(table: pd.DataFrame, path: str | Path) -> None:
    """Write a profile table as AnnData, through a temporary file and a rename.

    Rows are named ``{plate}_{well}``; missing words are written as empty strings.
    """
    import anndata

    metadata, values, features = split_profiles(table)
    names = metadata[PLATE].astype(str) + "_" + metadata[WELL].astype(str)
    save_h5ad(
        anndata.AnnData(
            values.astype(np.float32), obs=plain_obs(metadata).set_index(names), var=pd.DataFrame(index=features)
        ),
        path,
    )


def plain_obs(metadata: pd.DataFrame) -> pd.DataFrame:
    """Return metadata with words as plain strings, as AnnData can store them."""
    words = {name: metadata[name].fillna("").astype(str) for name in metadata if metadata[name].dtype == object}
    return metadata.assign(**words)


def save_h5ad(data: object, path: str | Path) -> None:
    """Write an AnnData object whole or not at all."""
    with whole_file(path) as temporary:
        data.write_h5ad(temporary, compression="gzip")
