"""The impact of each variant of a campaign: of its wells' profiles and of its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import PERTURBATION, PLATE, TOUCHES_BORDER, WELL, split_statistic
from platewise.config.evaluation import EvaluationConfig
from platewise.evaluation.inference import benjamini_hochberg
from platewise.profiles.frame import split_profiles
from platewise.tables import read_table, write_table
from platewise.variants.classifier import standardise, tell_cells_apart
from platewise.variants.correlations import FEWEST_WELLS, compare_correlations

IMPACT_COLUMNS = [
    PERTURBATION,
    "WildType",
    "Wells",
    "WildTypeWells",
    "Plates",
    "Cells",
    "WildTypeCells",
    "CorrelationWildType",
    "CorrelationVariant",
    "CorrelationBetween",
    "Superiority",
    "Contrast",
    "CorrelationP",
    "CorrelationQ",
    "Auc",
    "NullLow",
    "NullHigh",
    "AucP",
    "AucQ",
    "Note",
]
# Cells of a well that a classifier sees, drawn at random, and splits of wild-type wells that it is held against.
CELLS_A_WELL = 50
SPLITS = 199
# Plates that have both: the classifier is tried on one that it has not seen.
_FEWEST_PLATES = 2
# How notes begin that tell a p which could not have been small.
LEAST_P_OF_WELLS = "with so few wells p of correlations is at least"
LEAST_P_OF_CELLS = "with so few wells of the wild type p of the classifier is at least"
_SURE = 0.05


def run_score_variants(
    cells_paths: Sequence[str],
    profiles_path: str,
    selection_path: str,
    out: str,
    pairs: Sequence[Sequence[str]],
    config: EvaluationConfig,
) -> None:
    """Write the impact of each variant.

    Parameters
    ----------
    cells_paths
        Tables of cells of all plates; one is read at a time, and of each well of a variant or a wild type at most 50
        cells are kept. Empty where a campaign starts from profiles of wells: no classifier is tried.
    profiles_path
        The preset's features before correction (level 4b): what each well was given, and what is correlated.
    selection_path
        ``classical.selection.parquet``: the classifier sees the features of cells of which a statistic was kept.
    out
        ``C/variants/impact.parquet`` (``IMPACT_COLUMNS``).
    pairs
        Variant and wild type, by the names of their perturbations.
    config
        Section ``evaluation``: permutations and seed.
    """
    profiles = read_table(profiles_path)
    named = {name for pair in pairs for name in pair}
    given = profiles.loc[profiles[PERTURBATION].isin(named), [PLATE, WELL]]
    selection = read_table(selection_path)
    kept = selection.loc[selection["Kept"].astype(bool), "Feature"]
    # Cells have what was measured, of which a profile may hold several statistics.
    features = list(dict.fromkeys(split_statistic(name)[0] for name in kept))
    wanted = set(given.itertuples(index=False, name=None))
    cells = sample_cells(cells_paths, wanted, features, config.seed) if cells_paths else None
    table = score_variants(profiles, cells, pairs, config.permutations, config.seed)
    facts = {"stage": "variants", "algorithm": ALGORITHMS["variants"], "parameters": {"cells_a_well": CELLS_A_WELL}}
    write_table(table, out, facts)


def sample_cells(
    paths: Sequence[str], wanted: set[tuple[str, str]], features: Sequence[str], seed: int
) -> dict[tuple[str, str], np.ndarray]:
    """Return features of at most 50 whole cells of each wanted (plate, well), float32 ``(cells, features)``.

    A well that lies in several files is drawn from each.
    """
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for path in paths:
        keys = read_table(path, [PLATE, WELL, TOUCHES_BORDER])
        if not wanted.intersection(keys[[PLATE, WELL]].drop_duplicates().itertuples(index=False, name=None)):
            continue
        values = read_table(path, features).to_numpy(dtype=np.float32)
        whole = keys[~keys[TOUCHES_BORDER].to_numpy(dtype=bool)]
        for key, rows in whole.groupby([PLATE, WELL], sort=True).groups.items():
            if key in wanted:
                found.setdefault(key, []).append(values[_draw(rows.to_numpy(), seed)])
    both = {key: np.concatenate(parts) for key, parts in found.items()}
    return {key: own[_draw(np.arange(len(own)), seed)] for key, own in both.items()}


def score_variants(
    profiles: pd.DataFrame,
    cells: Mapping[tuple[str, str], np.ndarray] | None,
    pairs: Sequence[Sequence[str]],
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Hold each variant against its wild type, on the plates that have both.

    Profiles are standardised plate by plate over the wells of both. That undoes any centre and scale that were taken
    from the wild type alone (it may be the negative control), after which exchanged wells would not be alike; a
    correction learned from controls or from replicates could not be undone, so that profiles come without one.

    Parameters
    ----------
    profiles
        Level 4b, all wells.
    cells
        (plate, well) to features of cells; None where there are profiles only.
    pairs
        Variant and wild type.
    permutations
        Exchanges of wells behind p of correlations.
    seed
        Of all draws; each variant has the same ones whatever else is in the campaign.

    Returns
    -------
    pandas.DataFrame
        A row a variant, in the order of ``pairs``. q is over the variants.
    """
    metadata, values, _ = split_profiles(profiles)
    rows = [_impact(metadata, values, cells, *pair, permutations, seed) for pair in pairs]
    table = pd.DataFrame(rows, columns=IMPACT_COLUMNS)
    for name in ("Correlation", "Auc"):
        table[f"{name}Q"] = benjamini_hochberg(table[f"{name}P"].to_numpy(dtype=np.float64))
    return table


def _impact(
    metadata: pd.DataFrame,
    values: np.ndarray,
    cells: Mapping[tuple[str, str], np.ndarray] | None,
    variant: str,
    wild_type: str,
    permutations: int,
    seed: int,
) -> dict[str, object]:
    given = metadata[PERTURBATION].isin([variant, wild_type])
    on_both = metadata[given].groupby(PLATE)[PERTURBATION].nunique()
    shared = on_both.index[on_both == 2]
    own = np.flatnonzero(given & metadata[PLATE].isin(shared))
    mutant = (metadata[PERTURBATION].iloc[own] == variant).to_numpy()
    plates = metadata[PLATE].iloc[own].to_numpy(dtype=str)
    row: dict[str, object] = {
        PERTURBATION: variant,
        "WildType": wild_type,
        "Wells": int(mutant.sum()),
        "WildTypeWells": int((~mutant).sum()),
        "Plates": len(shared),
        "Cells": 0,
        "WildTypeCells": 0,
    }
    notes = []
    if given.sum() > len(own):
        notes.append(f"{int(given.sum()) - len(own)} wells on plates without the other of the two")
    if not len(own):
        return row | {"Note": "; ".join([*notes, "variant and wild type share no plate"])}
    alike = standardise(values[own], plates)
    test = compare_correlations(alike, mutant, plates, permutations, np.random.default_rng(seed))
    row |= {
        "CorrelationWildType": test.wild_type,
        "CorrelationVariant": test.variant,
        "CorrelationBetween": test.between,
        "Superiority": test.superiority,
        "Contrast": test.contrast,
        "CorrelationP": test.p,
    }
    for kind, count in (("wild type", int((~mutant).sum())), ("variant", int(mutant.sum()))):
        if count < FEWEST_WELLS:
            notes.append(f"{count} well of the {kind}, and {FEWEST_WELLS} at least are needed to compare correlations")
    if test.least_p > _SURE:
        notes.append(f"{LEAST_P_OF_WELLS} {test.least_p:.2g}")
    if cells is None:
        return row | {"Note": "; ".join([*notes, "profiles of wells only: there are no cells for a classifier"])}
    keys = list(metadata.iloc[own][[PLATE, WELL]].itertuples(index=False, name=None))
    parts = [cells[key] for key in keys if key in cells]
    at = np.repeat([place for place, key in enumerate(keys) if key in cells], [len(part) for part in parts]).astype(int)
    row |= {"Cells": int(mutant[at].sum()), "WildTypeCells": int((~mutant[at]).sum())}
    if len(shared) < _FEWEST_PLATES:
        few = (
            f"{len(shared)} plate with both, and {_FEWEST_PLATES} at least are needed to hold one out for a classifier"
        )
        return row | {"Note": "; ".join([*notes, few])}
    if not parts:
        return row | {"Note": "; ".join([*notes, "no cells"])}
    told = tell_cells_apart(np.concatenate(parts), at, mutant, plates, SPLITS, np.random.default_rng(seed))
    row |= {"Auc": told.auc, "AucP": told.p}
    if np.isnan(told.auc):
        notes.append("fewer than two plates with cells of both")
    elif np.isnan(told.p):
        notes.append("too few wells of the wild type for a null of the classifier")
    else:
        row["NullLow"], row["NullHigh"] = np.quantile(told.null, [0.025, 0.975])
        if told.least_p > _SURE:
            notes.append(f"{LEAST_P_OF_CELLS} {told.least_p:.2g}")
    return row | {"Note": "; ".join(notes)}


def _draw(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= CELLS_A_WELL:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, CELLS_A_WELL, replace=False))
