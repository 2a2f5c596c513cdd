"""Which treatments change the share of polyploid nuclei, or of a phase of the cell cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import CONTROL_TYPE, DOSE, PERTURBATION, PLATE
from platewise.config.evaluation import EvaluationConfig
from platewise.evaluation.inference import benjamini_hochberg, bootstrap_ratios
from platewise.evaluation.intervals import wilson_interval
from platewise.evaluation.stratified import stratified_rank_test
from platewise.ploidy.classes import CLASSES
from platewise.profiles.frame import is_negcon, treatment_codes
from platewise.tables import read_tables, write_table

TREATMENT_COLUMNS = [
    PERTURBATION,
    DOSE,
    CONTROL_TYPE,
    "Class",
    "Wells",
    "Plates",
    "Nuclei",
    "Share",
    "Low",
    "High",
    "ControlShare",
    "ControlLow",
    "ControlHigh",
    "Superiority",
    "PValue",
    "QValue",
    "Note",
]
_SURE = 0.05


def run_score_ploidy(wells_paths: Sequence[str], out: str, config: EvaluationConfig) -> None:
    """Write the shares of every treatment of a campaign beside those of the controls.

    Parameters
    ----------
    wells_paths
        ``P/ploidy/wells.parquet`` of every plate.
    out
        ``C/ploidy/treatments.parquet``.
    config
        Section ``evaluation``: resamples and seed.
    """
    table = score_treatments(read_tables(wells_paths), config.bootstraps, config.seed)
    facts = {"stage": "ploidy", "algorithm": ALGORITHMS["ploidy"], "parameters": {"bootstraps": config.bootstraps}}
    write_table(table, out, facts)


def score_treatments(wells: pd.DataFrame, bootstraps: int, seed: int) -> pd.DataFrame:
    """Hold the wells of each treatment against the negative controls of their plates.

    A well is one observation, however many nuclei it has: its share of a class is ranked among those of the controls
    of its plate (``stratified_rank_test``), and q is over treatments, class by class (Benjamini-Hochberg). The interval
    of a share draws wells with all their nuclei; it is never narrower than that of as many independent nuclei (Wilson
    1927), which alone is left where there is one well.

    Parameters
    ----------
    wells
        A row a well: metadata, ``Nuclei``, ``CLASSES`` (counts; NaN where the plate has no peaks).
    bootstraps, seed
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        ``TREATMENT_COLUMNS``, five rows a treatment, negative controls included (without a test). ``ControlShare`` is
        of all control wells of the treatment's plates.
    """
    # Codes count on an index from 0.
    wells = wells.reset_index(drop=True)
    measured = _Measured(wells, bootstraps, seed)
    codes, treatments = treatment_codes(wells)
    rows = []
    for code in range(len(treatments)):
        # A treatment may be a control on some plates and none on others: the sheet says of each well what it is.
        for controls in (True, False):
            given = np.flatnonzero((codes == code) & (measured.control == controls))
            if len(given):
                name, dose = treatments.loc[code]
                scored = _score(measured, given, controls)
                kind = wells[CONTROL_TYPE].iloc[given[0]]
                rows += [{PERTURBATION: name, DOSE: float(dose), CONTROL_TYPE: kind} | row for row in scored]
    table = pd.DataFrame(rows, columns=TREATMENT_COLUMNS)
    for kind in CLASSES:
        own = table["Class"] == kind
        table.loc[own, "QValue"] = benjamini_hochberg(table.loc[own, "PValue"].to_numpy(dtype=np.float64))
    return table


class _Measured:
    """The wells as arrays: counts (wells, classes), nuclei, plates, which are controls, and which can be used."""

    def __init__(self, wells: pd.DataFrame, bootstraps: int, seed: int) -> None:
        self.counts = wells[list(CLASSES)].to_numpy(dtype=np.float64)
        self.nuclei = wells["Nuclei"].to_numpy(dtype=np.float64)
        self.plates = wells[PLATE].to_numpy(dtype=str)
        self.control = is_negcon(wells)
        self.usable = (self.nuclei > 0) & np.isfinite(self.counts).all(axis=1)
        self._bootstraps, self._seed = bootstraps, seed
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def intervals(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return shares and intervals (``share_intervals``) of some wells; computed once for those many ask for."""
        key = rows.tobytes()
        if key not in self._known:
            # The same draws whatever else is in the campaign.
            rng = np.random.default_rng(self._seed)
            found = np.full((3, len(CLASSES)), np.nan)
            if len(rows):
                found = share_intervals(self.counts[rows], self.nuclei[rows], self._bootstraps, rng)
            self._known[key] = tuple(found)
        return self._known[key]


def _score(wells: _Measured, given: np.ndarray, controls: bool) -> Iterator[dict[str, object]]:
    """Yield a row a class of the wells ``given`` to one treatment."""
    own = given[wells.usable[given]]
    usual = np.flatnonzero(np.isin(wells.plates, wells.plates[own]) & wells.usable & wells.control)
    shares, low, high = wells.intervals(own)
    usual_shares, usual_low, usual_high = wells.intervals(usual)
    # Controls are not held against themselves.
    compared = usual[:0] if controls else usual
    together = np.concatenate([own, compared])
    treated = np.arange(len(together)) < len(own)
    notes = _notes(wells, given, own)
    if len(own) and not controls and not len(usual):
        notes.append("no negative controls on its plates")
    for place, kind in enumerate(CLASSES):
        values = wells.counts[together, place] / wells.nuclei[together]
        test = stratified_rank_test(values, treated, wells.plates[together])
        few = [f"with so few wells p is at least {test.least_p:.2g}"] if test.least_p > _SURE else []
        yield {
            "Class": kind,
            "Wells": len(own),
            "Plates": len(np.unique(wells.plates[own])),
            "Nuclei": int(wells.nuclei[own].sum()),
            "Share": shares[place],
            "Low": low[place],
            "High": high[place],
            "ControlShare": usual_shares[place],
            "ControlLow": usual_low[place],
            "ControlHigh": usual_high[place],
            "Superiority": test.superiority,
            "PValue": test.p,
            "QValue": np.nan,
            "Note": "; ".join(notes + few),
        }


def _notes(wells: _Measured, given: np.ndarray, own: np.ndarray) -> list[str]:
    """Say which wells of a treatment were left out, and what is left."""
    empty = int((wells.nuclei[given] == 0).sum())
    unscored = len(given) - len(own) - empty
    notes = [f"{empty} of {len(given)} wells without nuclei"] if empty else []
    notes += [f"{unscored} of {len(given)} wells on plates without peaks"] if unscored else []
    notes += ["one well: the interval is of its nuclei and does not hold how wells differ"] if len(own) == 1 else []
    return notes


def share_intervals(
    counts: np.ndarray, nuclei: np.ndarray, bootstraps: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the shares of all nuclei, and the ends of their 95 % intervals, each ``(classes,)``.

    Parameters
    ----------
    counts, nuclei
        Nuclei by class ``(wells, classes)`` and in all ``(wells,)``, of the wells of one treatment.
    bootstraps, rng
        Resamples of the wells.
    """
    total = nuclei.sum()
    shares = counts.sum(axis=0) / total
    low, high = np.array([wilson_interval(int(count), int(total)) for count in counts.sum(axis=0)]).T
    if len(nuclei) > 1:
        drawn = bootstrap_ratios(counts, nuclei, bootstraps, rng)
        between = np.quantile(drawn, [0.025, 0.975], axis=0)
        low, high = np.minimum(low, between[0]), np.maximum(high, between[1])
    return shares, low, high
