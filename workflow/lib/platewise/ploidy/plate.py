"""The peaks of one plate, and how much DNA the nuclei of each of its wells hold."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import PLATE, WELL
from platewise.ploidy.classes import CLASSES, boundaries, count_classes
from platewise.ploidy.content import content_columns, dna_content
from platewise.ploidy.peaks import Peaks, fit_peaks
from platewise.profiles.frame import is_negcon
from platewise.tables import read_table, write_table

log = logging.getLogger(__name__)

PEAK_COLUMNS = [PLATE, "Content2N", "Spread", "Share2N", "ShareS", "Share4N", "ShareRest", "Nuclei", "Note"]
BOUNDARY_COLUMNS = [f"Boundary_{kind}" for kind in CLASSES[1:]]
HISTOGRAM_COLUMNS = [PLATE, WELL, "Content", "Nuclei"]
# Of the histograms, from 1/4 N to 64 N; what lies outside is in the first and the last bin.
BINS_PER_OCTAVE = 16
_LOWEST, _HIGHEST = -2, 6


def run_fit_ploidy(
    cells_paths: Sequence[str], platemap: pd.DataFrame, channel: str, peaks_out: str, wells_out: str, histogram_out: str
) -> None:
    """Write the peaks of a plate, its wells' nuclei by class, and their histograms.

    Parameters
    ----------
    cells_paths
        The plate's tables of cells; of one block at a time the five columns that are needed are read, and one number a
        nucleus is kept.
    platemap
        A row a well (``treatments_frame``).
    channel
        Of the DNA stain.
    peaks_out, wells_out, histogram_out
        ``P/ploidy/peaks.parquet`` (``PEAK_COLUMNS``, ``BOUNDARY_COLUMNS``), ``wells.parquet`` (a row for each well of
        the plate map) and ``histogram.parquet`` (``HISTOGRAM_COLUMNS``).
    """
    contents: dict[str, list[np.ndarray]] = {}
    for path in cells_paths:
        cells = read_table(path, content_columns(channel))
        values = dna_content(cells, channel)
        for well, own in cells.groupby(WELL, sort=True).indices.items():
            contents.setdefault(str(well), []).append(values[own])
    by_well = {well: np.concatenate(parts) for well, parts in contents.items()}
    peaks, wells, histogram = analyse_plate(by_well, platemap)
    plate = platemap[PLATE].iloc[0] if len(platemap) else ""
    log.info("%s: %s", plate, peaks["Note"].iloc[0] or "two peaks")
    facts = {"stage": "ploidy", "algorithm": ALGORITHMS["ploidy"], "channel": channel}
    for table, out in ((peaks, peaks_out), (wells, wells_out), (histogram, histogram_out)):
        write_table(table, out, facts)


def analyse_plate(
    contents: dict[str, np.ndarray], platemap: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Fit the peaks to the nuclei of all negative controls, and count the nuclei of each well by them.

    Parameters
    ----------
    contents
        Well to the DNA content of its nuclei, NaN for those that are left out.
    platemap
        A row a well, all of one plate.

    Returns
    -------
    peaks
        One row.
    wells
        The plate map with ``Nuclei`` (used), ``LeftOut`` and a count a class, NaN where the plate has no peaks.
    histogram
        ``Content`` is the lower end of a bin of 1/16 octave, log2 of N; where the plate has no peaks, as if the median
        nucleus of its controls (without controls, of the plate) had 2N. Bins without nuclei have no row.
    """
    none = np.zeros(0)
    used = {well: values[np.isfinite(values)] for well, values in contents.items()}
    controls = [used.get(well, none) for well in platemap.loc[is_negcon(platemap), WELL]]
    pooled = np.concatenate([*controls, none])
    peaks = fit_peaks(pooled)
    counts = np.array([count_classes(used.get(well, none), peaks) for well in platemap[WELL]])
    wells = platemap.assign(
        Nuclei=[len(used.get(well, none)) for well in platemap[WELL]],
        LeftOut=[len(contents.get(well, none)) - len(used.get(well, none)) for well in platemap[WELL]],
    )
    wells[list(CLASSES)] = counts.reshape(len(wells), len(CLASSES))
    plate = platemap[PLATE].iloc[0] if len(platemap) else ""
    unit = peaks.content_2n if peaks.found else _median_above_0(pooled if len(pooled) else _all(used))
    parts = [_histogram(plate, well, used[well], unit) for well in platemap[WELL] if len(used.get(well, none))]
    histogram = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=HISTOGRAM_COLUMNS)
    return _peak_row(plate, peaks), wells, histogram


def _peak_row(plate: str, peaks: Peaks) -> pd.DataFrame:
    row = (plate, peaks.content_2n, peaks.spread, *peaks.shares, peaks.nuclei, peaks.note)
    ends = boundaries(peaks).tolist()
    return pd.DataFrame([(*row, *ends)], columns=[*PEAK_COLUMNS, *BOUNDARY_COLUMNS])


def _histogram(plate: str, well: str, content: np.ndarray, unit: float) -> pd.DataFrame:
    """Count the nuclei of a well in bins of log2 N."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.floor((np.log2(np.maximum(content / unit, 0)) + 1) * BINS_PER_OCTAVE) / BINS_PER_OCTAVE
    last = _HIGHEST - 1 / BINS_PER_OCTAVE
    bins, nuclei = np.unique(np.clip(np.nan_to_num(places, nan=_LOWEST), _LOWEST, last), return_counts=True)
    return pd.DataFrame({PLATE: plate, WELL: well, "Content": bins, "Nuclei": nuclei})


def _median_above_0(content: np.ndarray) -> float:
    above = content[content > 0]
    return float(np.median(above)) if len(above) else 1.0


def _all(used: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([*used.values(), np.zeros(0)])
