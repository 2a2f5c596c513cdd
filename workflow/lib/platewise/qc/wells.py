"""Quality of the wells of a plate: counts, brightness and flags in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from platewise.columns import (
    BATCH,
    CELL_COUNT,
    CONTROL_TYPE,
    DOSE,
    LEFT_OUT,
    MOA,
    NEGCON,
    PERTURBATION,
    PLATE,
    SITE,
    WELL,
)
from platewise.config.qc import QcConfig

METADATA = (PLATE, WELL, BATCH, PERTURBATION, DOSE, MOA, CONTROL_TYPE)
# Normal consistency: 1.4826 times the median absolute deviation of a normal sample is its standard deviation.
_MAD_TO_SD = 1.4826


def well_quality(
    platemap: pd.DataFrame,
    fields: pd.DataFrame,
    channels: Sequence[str],
    settings: QcConfig,
    intensities: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Summarise one plate: a row for every well of the plate map.

    Parameters
    ----------
    platemap
        The plate's wells with the metadata columns, one row each.
    fields
        The plate's manifests, one row a field, with ``Mean_``, ``Focus_`` and ``Saturated_`` columns where measured.
    channels
        Names of the channels.
    settings
        Thresholds of the flags.
    intensities
        Indexed by well: ``Mean_{channel}`` over the well's cells and ``Metadata_CellCount``, the cells that enter its
        profile (`cell_intensities`); where rules left cells out, ``Metadata_LeftOutCells``. Without it, counts come
        from the manifests (all cells) and means from the fields.

    Returns
    -------
    wells
        Metadata, ``Metadata_CellCount``, ``Metadata_LeftOutCells`` where given, ``FieldsOk``, ``FieldsBad``, ``Flag``
        (words, empty when fine) and ``Mean_{channel}`` (NaN where nothing was measured), in the order of the plate map.
    """
    names = platemap[WELL]
    ok = fields[fields["Status"] == "ok"]
    wells = platemap[[name for name in METADATA if name in platemap]].reset_index(drop=True)
    if intensities is None:
        intensities = _from_fields(ok, channels)
    wells[CELL_COUNT] = _per_well(intensities.get(CELL_COUNT), names, 0).astype(int)
    if LEFT_OUT in intensities:
        wells[LEFT_OUT] = _per_well(intensities[LEFT_OUT], names, np.nan).astype(float)
    wells["FieldsOk"] = _per_well(ok.groupby(WELL).size(), names, 0).astype(int)
    wells["FieldsBad"] = _per_well(fields[fields["Status"] != "ok"].groupby(WELL).size(), names, 0).astype(int)
    wells["Flag"] = flag_wells(wells, fields, channels, settings)
    for name in channels:
        wells[f"Mean_{name}"] = _per_well(intensities.get(f"Mean_{name}"), names, np.nan).astype(float)
    return wells


def cell_intensities(cells: pd.DataFrame, channels: Sequence[str]) -> pd.DataFrame:
    """Return, for every well in ``cells``, the number of rows and the mean of each channel over its cells.

    Reads ``Cells_Intensity_MeanIntensity_{channel}``; channels without such a column get no column.
    """
    groups = cells.groupby(WELL)
    table = pd.DataFrame({CELL_COUNT: groups.size()})
    for name in channels:
        column = f"Cells_Intensity_MeanIntensity_{name}"
        if column in cells:
            table[f"Mean_{name}"] = groups[column].mean()
    return table


def flag_wells(wells: pd.DataFrame, fields: pd.DataFrame, channels: Sequence[str], settings: QcConfig) -> list[str]:
    """Say for each row of ``wells`` what is wrong with it; several reasons are joined by ``; ``."""
    low = _low_counts(wells, settings)
    blurred = unfocused_fields(fields, channels, settings)
    full = _saturated_fields(fields, channels, settings)
    by_well = dict(list(fields.groupby(WELL)))
    flags = []
    for row, well in enumerate(wells[WELL]):
        reasons = [_field_words(by_well.get(well)), low[row]]
        reasons += [_site_words("out of focus", blurred.get(well)), _site_words("saturated", full.get(well))]
        flags.append("; ".join(reason for reason in reasons if reason))
    return flags


def robust_z(values: np.ndarray, reference: np.ndarray, least_scale: float = 0.0) -> np.ndarray:
    """(value - median) / (1.4826 MAD) of a reference; the scale is never below ``least_scale``.

    NaN values stay NaN and count for nothing in the reference. A reference that is empty, or has no spread and no
    ``least_scale``, gives NaN: nothing can be said.
    """
    known = reference[np.isfinite(reference)]
    if known.size == 0:
        return np.full(values.shape, np.nan)
    middle = np.median(known)
    scale = max(_MAD_TO_SD * float(np.median(np.abs(known - middle))), least_scale)
    return (values - middle) / scale if scale > 0 else np.full(values.shape, np.nan)


def unfocused_fields(
    fields: pd.DataFrame, channels: Sequence[str], settings: QcConfig
) -> dict[str, dict[str, list[int]]]:
    """Return well -> channel -> sites whose focus falls far below that of the plate's usable fields."""
    ok = fields[fields["Status"] == "ok"]
    found: dict[str, dict[str, list[int]]] = {}
    for name in channels:
        if f"Focus_{name}" not in ok:
            continue
        slope = ok[f"Focus_{name}"].to_numpy(float)
        drop = np.nanmedian(slope) - slope if np.isfinite(slope).any() else np.full(slope.shape, np.nan)
        low = (robust_z(slope, slope, 1e-9) < -settings.focus_z) & (drop >= settings.min_focus_loss)
        _collect(found, ok[low], name)
    return found


def _saturated_fields(fields: pd.DataFrame, channels: Sequence[str], settings: QcConfig) -> dict:
    ok = fields[fields["Status"] == "ok"]
    found: dict[str, dict[str, list[int]]] = {}
    for name in channels:
        if f"Saturated_{name}" in ok:
            _collect(found, ok[ok[f"Saturated_{name}"] > settings.max_saturated], name)
    return found


def _collect(found: dict[str, dict[str, list[int]]], rows: pd.DataFrame, channel: str) -> None:
    for well, site in zip(rows[WELL], rows[SITE], strict=True):
        found.setdefault(well, {}).setdefault(channel, []).append(int(site))


def _low_counts(wells: pd.DataFrame, settings: QcConfig) -> list[str]:
    """Words for wells whose cells per usable field fall far below the controls'."""
    usable = wells["FieldsOk"].to_numpy() > 0
    density = np.where(usable, wells[CELL_COUNT] / np.maximum(wells["FieldsOk"], 1), np.nan)
    controls = usable & (wells[CONTROL_TYPE] == NEGCON).to_numpy()
    enough = controls.sum() >= settings.min_controls
    reference = density[controls if enough else usable]
    if reference.size == 0:
        return [""] * len(wells)
    middle = float(np.median(reference))
    # Counting alone scatters by the square root of the count: controls that agree better than that do so by chance.
    fields_of = np.median(wells["FieldsOk"].to_numpy()[controls if enough else usable])
    z = robust_z(density, reference, least_scale=float(np.sqrt(max(middle, 1.0) / fields_of)))
    against = "the negative controls'" if enough else f"the plate's (only {controls.sum()} usable negative controls)"
    return [_count_words(value, score, middle, against, settings) for value, score in zip(density, z, strict=True)]


def _count_words(density: float, z: float, middle: float, against: str, settings: QcConfig) -> str:
    if density == 0:
        return "no cells"
    if not z < -settings.low_count_z:
        return ""
    return f"few cells: {density:.3g} a field, {100 * density / middle:.0f} % of {against} median"


def _field_words(rows: pd.DataFrame | None) -> str:
    if rows is None:
        return "no images"
    bad = rows[rows["Status"] != "ok"]
    if bad.empty:
        return ""
    if len(bad) == len(rows):
        return f"no usable field (all {len(rows)} bad)" if len(rows) > 1 else "no usable field (its only one is bad)"
    sites = ", ".join(str(int(site)) for site in sorted(bad[SITE]))
    return f"{len(bad)} of {len(rows)} fields bad (site {sites})"


def _site_words(what: str, channels: dict[str, list[int]] | None) -> str:
    if not channels:
        return ""
    parts = [f"{name} site {', '.join(str(site) for site in sorted(sites))}" for name, sites in channels.items()]
    return f"{what} ({', '.join(parts)})"


def _from_fields(ok: pd.DataFrame, channels: Sequence[str]) -> pd.DataFrame:
    groups = ok.groupby(WELL)
    table = pd.DataFrame({CELL_COUNT: groups["CellsCount"].sum()})
    for name in channels:
        if f"Mean_{name}" in ok:
            table[f"Mean_{name}"] = groups[f"Mean_{name}"].mean()
    return table


def _per_well(values: pd.Series | None, names: pd.Series, missing: float) -> np.ndarray:
    if values is None:
        return np.full(len(names), missing)
    return values.reindex(names).fillna(missing).to_numpy()
