"""The items that metrics compare (wells, treatments, perturbations), with what the baselines know of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.columns import (
    BATCH,
    CELL_COUNT,
    CONTROL_TYPE,
    MOA,
    NEGCON,
    PERTURBATION,
    PLATE,
    POSCON,
    WELL,
    split_annotation,
)
from platewise.config.network import NetworkConfig
from platewise.evaluation.similarity import CloseNumber, ClosePosition, Cosine, Similarity
from platewise.network.nodes import build_nodes
from platewise.plan.wells import parse_well
from platewise.profiles.frame import is_negcon, split_profiles, treatment_codes, treatment_keys

CELL_COUNT_BASELINE = "cell_count"
POSITION_BASELINE = "position"
SHUFFLED_BASELINE = "shuffled"
BASELINES = (CELL_COUNT_BASELINE, POSITION_BASELINE, SHUFFLED_BASELINE)
# The score itself, among its baselines.
SCORE = ""
# From this share of the treatments on, it is said what the layout does not let one tell apart.
_MENTIONED = 0.5


@dataclass(frozen=True)
class Level:
    """Items of one kind.

    Attributes
    ----------
    metadata
        A row an item.
    values
        Profiles, ``(items, features)``.
    wells
        Item of each well of the campaign, -1 for none, ``(wells,)``.
    places
        Row and column of each well of the campaign, ``(wells, 2)``.
    """

    metadata: pd.DataFrame
    values: np.ndarray
    wells: np.ndarray
    places: np.ndarray

    def keep(self, chosen: np.ndarray) -> Level:
        """Return the level with some of its items, bool ``(items,)``, numbered anew."""
        number = np.full(len(chosen) + 1, -1)
        number[:-1][chosen] = np.arange(chosen.sum())
        return Level(self.metadata[chosen].reset_index(drop=True), self.values[chosen], number[self.wells], self.places)

    def similarities(self) -> dict[str, Similarity | str]:
        """Return the score's similarity (under ``""``) and those of the baselines, or why there is none."""
        used = self.wells >= 0
        counts = self.metadata[CELL_COUNT].to_numpy(dtype=np.float64)
        return {
            SCORE: Cosine(self.values),
            CELL_COUNT_BASELINE: _without_counts(counts) or CloseNumber(counts),
            POSITION_BASELINE: ClosePosition(self.wells[used], self.places[used]),
        }

    def clusters(self) -> np.ndarray:
        """Return the perturbation of each item, numbered by name, ``(items,)``."""
        return self._numbers(PERTURBATION)

    def plates(self) -> np.ndarray:
        """Return the plate of each item, numbered by name, ``(items,)``."""
        return self._numbers(PLATE)

    def _numbers(self, column: str) -> np.ndarray:
        return np.unique(self.metadata[column].to_numpy(dtype=str), return_inverse=True)[1].ravel()

    def annotated(self) -> Level:
        """Return the items that have an annotation."""
        return self.keep(np.array([bool(split_annotation(moa)) for moa in self.metadata[MOA]], dtype=bool))


@dataclass(frozen=True)
class Campaign:
    """All three levels of one campaign after one correction.

    Attributes
    ----------
    wells
        All wells, controls included.
    controls
        Which of them are negative controls, bool ``(wells,)``.
    treatments, perturbations
        Without negative controls; the perturbations are the nodes of the network.
    """

    wells: Level
    controls: np.ndarray
    treatments: Level
    perturbations: Level


def read_levels(wells: pd.DataFrame, consensus: pd.DataFrame, network: NetworkConfig) -> Campaign:
    """Take the tables of levels 4c and 5 apart; doses are joined as in the network."""
    metadata, values, _ = split_profiles(wells)
    places = np.array([parse_well(well) for well in metadata[WELL]]).reshape(-1, 2)
    controls = is_negcon(metadata)
    well_level = Level(metadata, values, np.arange(len(metadata)), places)

    treatment_metadata, treatment_values, features = split_profiles(consensus)
    row_of_well = _consensus_rows(metadata, treatment_metadata)
    everything = Level(treatment_metadata, treatment_values, row_of_well, places)

    nodes = build_nodes(
        treatment_metadata, treatment_values, features, network.model_copy(update={"include_negcon": False})
    )
    node_of_row = np.append(nodes.members, -1)
    perturbations = Level(nodes.metadata, nodes.values, node_of_row[row_of_well], places)
    return Campaign(well_level, controls, everything.keep(~is_negcon(treatment_metadata)), perturbations)


def describe_layout(metadata: pd.DataFrame) -> dict[str, str]:
    """Return what the layout of a campaign does not let one tell apart, in words; empty where it does.

    Parameters
    ----------
    metadata
        Of all wells. Controls, positive ones too, are no treatments: they may well be spread where nothing else is.

    Returns
    -------
    notes
        ``position``: of several plates, at least half of the treatments sit in one well position. ``batch``: of several
        batches, at least half of the treatments lie in one.
    """
    treated = metadata[~metadata[CONTROL_TYPE].isin([NEGCON, POSCON])].reset_index(drop=True)
    by_treatment = treated.groupby(treatment_codes(treated)[0])
    notes = {"position": "", "batch": ""}
    if treated[PLATE].nunique() > 1:
        alone = (by_treatment[WELL].nunique() == 1).to_numpy()
        notes["position"] = _inseparable(alone, "sit", "one well position", "position")
    if treated[BATCH].nunique() > 1:
        alone = (by_treatment[BATCH].nunique() == 1).to_numpy()
        notes["batch"] = _inseparable(alone, "lie", "one batch", "batch")
    return notes


def _inseparable(alone: np.ndarray, verb: str, place: str, what: str) -> str:
    """Say of how many treatments, bool ``(treatments,)``, it is true; nothing of less than half of them."""
    if alone.mean() < _MENTIONED:
        return ""
    if alone.all():
        return f"every treatment {verb}s in {place}: treatment and {what} cannot be told apart"
    number = f"{alone.sum():,} of {len(alone):,} treatments {verb}"
    return f"{number} in {place}: of these, treatment and {what} cannot be told apart"


def _without_counts(counts: np.ndarray) -> str:
    """Return why profiles cannot be compared by cell count; empty where they can."""
    missing = int((~np.isfinite(counts)).sum())
    if missing == 0:
        return ""
    if missing == len(counts):
        return "no cell counts in the profiles"
    return f"{missing:,} of {len(counts):,} profiles {'has' if missing == 1 else 'have'} no cell count"


def _consensus_rows(wells: pd.DataFrame, treatments: pd.DataFrame) -> np.ndarray:
    return treatment_keys(treatments).get_indexer(treatment_keys(wells))
