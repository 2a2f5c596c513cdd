"""For each treatment the features that moved away from the negative controls: how far, how surely, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import DOSE, PERTURBATION, PLATE, WELL
from platewise.evaluation.inference import benjamini_hochberg
from platewise.evaluation.stratified import stratified_p_values
from platewise.explanation.words import describe
from platewise.profiles.frame import is_negcon, split_profiles, treatment_codes
from platewise.profiles.normalise import MAD_TO_SD
from platewise.profiles.select import telling_features
from platewise.tables import read_table, read_tables, write_table

MOVER_COLUMNS = [PERTURBATION, DOSE, "Feature", "Effect", "Ratio", "PValue", "QValue"]
SUMMARY_COLUMNS = [PERTURBATION, DOSE, "Wells", "Moved", "Tested", "Words", "Note"]
# False discovery rate below which a feature counts as moved.
MAX_Q = 0.05
# Features of a treatment that are written, those that moved most: all of a large screen would be gigabytes.
MOST_FEATURES = 50


@dataclass(frozen=True)
class Movers:
    """Tables of what moved (``MOVER_COLUMNS``) and of treatments (``SUMMARY_COLUMNS``)."""

    features: pd.DataFrame
    treatments: pd.DataFrame


def run_explain_treatments(
    normalised_paths: Sequence[str],
    wells_paths: Sequence[str],
    selection_path: str,
    movers_out: str,
    summary_out: str,
    channels: Sequence[str],
) -> None:
    """Write what moved under each treatment of a campaign.

    Parameters
    ----------
    normalised_paths
        ``{features}.normalised.parquet`` of every plate (level 4a).
    wells_paths
        ``{features}.wells.parquet`` of every plate (level 3), for ratios.
    selection_path
        ``{features}.selection.parquet``: features that tell nothing are not tested.
    movers_out, summary_out
        ``C/explanation/{features}.movers.parquet`` and ``.treatments.parquet``.
    channels
        Names of the channels, for words.
    """
    tested = telling_features(read_table(selection_path))
    found = find_movers(read_tables(normalised_paths), read_tables(wells_paths), tested, channels)
    facts = {"stage": "explanation", "algorithm": ALGORITHMS["explanation"], "parameters": {"max_q": MAX_Q}}
    write_table(found.features, movers_out, facts)
    write_table(found.treatments, summary_out, facts)


def find_movers(
    normalised: pd.DataFrame, wells: pd.DataFrame, tested: Sequence[str], channels: Sequence[str]
) -> Movers:
    """Hold the wells of each treatment against the negative controls of their plates.

    A feature's effect is the median over wells of the well's value less the median of its plate's controls, in units of
    the controls' scale (level 4a). p is that of the rank test within plates (``stratified_p_values``): what is wrong
    with a plate's centre is shared by all its wells, and ranks within the plate do not see it. q is over the features
    of the treatment (Benjamini-Hochberg). The ratio is that of level 3: the median over wells of the well's value over
    the median of its plate's controls. Wells on plates without controls take part in none of these.

    Parameters
    ----------
    normalised, wells
        Levels 4a and 3 of all plates.
    tested
        Features to test. What is missing in a well counts as the plate's centre.
    channels
        Names of the channels.
    """
    metadata, values, features = split_profiles(normalised)
    place = {name: index for index, name in enumerate(features)}
    values = np.nan_to_num(values[:, [place[name] for name in tested]])
    control = is_negcon(metadata)
    plates = np.unique(metadata[PLATE].to_numpy(dtype=str), return_inverse=True)[1]
    controls = {plate: np.flatnonzero(control & (plates == plate)) for plate in np.unique(plates[control])}
    beside = np.isin(plates, list(controls))
    for plate, usual in controls.items():
        values[plates == plate] -= np.median(values[usual], axis=0)
    ratios = control_ratios(metadata, wells, tested)
    codes, treatments = treatment_codes(metadata)
    moved_parts, summary = [], []
    for code, (name, dose) in enumerate(treatments[[PERTURBATION, DOSE]].itertuples(index=False)):
        given = np.flatnonzero((codes == code) & ~control)
        if not len(given):
            continue
        own = given[beside[given]]
        effect, p, least = (np.full(len(tested), np.nan) for _ in range(3))
        if len(own):
            effect = np.median(values[own], axis=0)
        # The features of one well tell of the well as much as of the treatment.
        if len(own) > 1:
            rows = np.concatenate([own, *(controls[plate] for plate in np.unique(plates[own]))])
            p, least = stratified_p_values(values[rows], ~control[rows], plates[rows])
        # A feature without a ratio in any of these wells has none.
        ratio = pd.DataFrame(ratios[given]).median(axis=0).to_numpy()
        part = pd.DataFrame(
            {"Feature": tested, "Effect": effect, "Ratio": ratio, "PValue": p, "QValue": benjamini_hochberg(p)}
        )
        part.insert(0, PERTURBATION, name)
        part.insert(1, DOSE, float(dose))
        moved = part["QValue"] < MAX_Q
        words = describe(part[moved], channels)
        note = _note(len(given), len(own), least)
        summary.append((name, float(dose), len(given), int(moved.sum()), len(tested), words, note))
        order = np.lexsort([-part["Effect"].abs(), ~moved])
        moved_parts.append(part.iloc[order[:MOST_FEATURES]])
    table = pd.concat(moved_parts, ignore_index=True) if moved_parts else pd.DataFrame(columns=MOVER_COLUMNS)
    return Movers(table[MOVER_COLUMNS], pd.DataFrame(summary, columns=SUMMARY_COLUMNS))


def _note(given: int, own: int, least_p: np.ndarray) -> str:
    """Say what the wells of a treatment cannot tell: how many there are, how many lie beside controls, the least p."""
    notes = []
    if own < given:
        notes.append(
            "no negative controls on its plates"
            if own == 0
            else f"{given - own} of {given} wells on plates without negative controls"
        )
    if own == 1:
        notes.append("one well: nothing can be sure")
    elif own and len(least_p) and least_p.min() >= MAX_Q:
        notes.append(f"with so few wells p is at least {least_p.min():.2g}")
    return "; ".join(notes)


def control_ratios(metadata: pd.DataFrame, wells: pd.DataFrame, features: Sequence[str]) -> np.ndarray:
    """Return each well's features over the median of its plate's negative controls, ``(rows, features)``.

    NaN where the well's value or one of the plate's controls is not above 0, or the controls spread by more than a
    third of their median: 0 is then no natural beginning of the scale, as in a table that was normalised before.

    Parameters
    ----------
    metadata
        Rows that are wanted: ``Metadata_Plate``, ``Metadata_Well``.
    wells
        Level 3.
    features
        Columns of it.
    """
    known = pd.MultiIndex.from_frame(wells[[PLATE, WELL]])
    at = known.get_indexer(pd.MultiIndex.from_frame(metadata[[PLATE, WELL]]))
    values = wells[list(features)].to_numpy(dtype=np.float64)
    control = is_negcon(wells)
    plates = wells[PLATE].to_numpy(dtype=str)
    reference = np.full(values.shape, np.nan)
    for plate in np.unique(plates):
        own = plates == plate
        if (own & control).any():
            controls = pd.DataFrame(values[own & control])
            middle = controls.median(axis=0).to_numpy()
            spread = MAD_TO_SD * (controls - middle).abs().median(axis=0).to_numpy()
            trusted = (controls.min(axis=0).to_numpy() > 0) & (3 * spread <= middle)
            reference[own] = np.where(trusted, middle, np.nan)
    ratio = np.full(values.shape, np.nan)
    positive = (values > 0) & (reference > 0)
    ratio[positive] = values[positive] / reference[positive]
    return ratio[at]
