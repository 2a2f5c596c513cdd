"""Whether profiles group by batch or by compound, before and after a correction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import BATCH, MOA, PERTURBATION, PLATE
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.correction.correct import correction_note
from platewise.evaluation.annotations import annotation_matches, by_annotation
from platewise.evaluation.comparable import comparable_groups
from platewise.evaluation.intervals import score_interval
from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.levels import Campaign, describe_layout, read_levels
from platewise.evaluation.mixing import (
    FEWEST_WELLS,
    KBET_WELLS,
    chance_silhouettes,
    ilisi,
    kbet_acceptance,
    regression_share,
    silhouettes,
)
from platewise.evaluation.precision import annotation_precision, mean_precision, replicate_precision
from platewise.evaluation.probe import Probe, probe
from platewise.evaluation.scores import NAN
from platewise.evaluation.similarity import Cosine
from platewise.notes import join_notes
from platewise.profiles.consensus import consensus
from platewise.profiles.frame import is_negcon, join_profiles, split_profiles
from platewise.profiles.normalise import robust_scale
from platewise.tables import read_table, read_tables, write_table

BATCH_COLUMNS = ["Features", "Correction", "Metric", "Value", "Low", "High", "Chance", "Better", "Note"]
# The name of level 3 in the column Correction.
UNCORRECTED = "uncorrected"
# Controls are what plates are centred on and what some corrections are fitted on.
CONTROLS_ONLY = "on negative controls alone, on which plates are centred: other wells may do worse"
# What a silhouette is by chance is a mean over wells: with many of them few deals of the batches suffice.
_DEALT_WELLS = 20_000
_MOST_DEALS, _FEWEST_DEALS = 20, 2
NOTHING_COMPARABLE = "nothing is comparable: no control or treatment has two wells in each of two batches"

Row = dict[str, Any]


def run_score_batches(
    profiles_path: str,
    consensus_path: str,
    out: str,
    config: EvaluationConfig,
    network: NetworkConfig,
    features: str,
    correction: str,
    wells_paths: Sequence[str] = (),
) -> None:
    """Write how strongly profiles group by batch, and by perturbation.

    Parameters
    ----------
    profiles_path, consensus_path
        Levels 4c and 5 of one correction; those of ``none`` are the uncorrected profiles of level 4b.
    out
        ``{features}.{correction}.batches.parquet``.
    config, network
        Sections of the config.
    features, correction
        Their names.
    wells_paths
        ``{features}.wells.parquet`` of every plate. When given, level 3 is scored too, as the correction
        ``uncorrected``: on the features of ``profiles_path``, each on the scale of the campaign's controls. The rows
        are the same for every correction.
    """
    wells = read_table(profiles_path)
    note = correction_note(profiles_path)
    tables = []
    if wells_paths:
        raw = uncorrected_profiles(read_tables(wells_paths), split_profiles(wells)[2])
        # A correction that makes components has none of level 3's features: nothing to hold against it here.
        if split_profiles(raw)[2]:
            tables.append(score_batches(raw, consensus(raw, "mean"), config, network, features, UNCORRECTED))
    tables.append(score_batches(wells, read_table(consensus_path), config, network, features, correction, note))
    facts = {"stage": "evaluation", "algorithm": ALGORITHMS["evaluation"], "parameters": config.model_dump()}
    write_table(pd.concat(tables, ignore_index=True), out, facts)


def uncorrected_profiles(wells: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Return level 3 on a common scale: each feature minus the median of all controls, over their scale.

    One centre and one scale for the whole campaign: differences between plates and batches stay. Features that the
    controls do not vary in are divided by the scale of all wells, or left out; missing values are 0.
    """
    metadata, values, names = split_profiles(wells)
    place = {name: index for index, name in enumerate(names)}
    chosen = [name for name in features if name in place]
    values = values[:, [place[name] for name in chosen]]
    control = is_negcon(metadata)
    reference = values[control] if control.sum() >= 2 else values
    scale = robust_scale(reference)
    scale = np.where(scale > 0, scale, robust_scale(values))
    usable = scale > 0
    scaled = (values[:, usable] - np.nanmedian(reference[:, usable], axis=0)) / scale[usable]
    return join_profiles(
        metadata, np.nan_to_num(scaled), [name for name, use in zip(chosen, usable, strict=True) if use]
    )


def score_batches(
    wells: pd.DataFrame,
    treatments: pd.DataFrame,
    config: EvaluationConfig,
    network: NetworkConfig,
    features: str,
    correction: str,
    note: str = "",
) -> pd.DataFrame:
    """Compute all batch metrics, and beside them how well perturbations hold together.

    Batch metrics use only wells that should look the same in every batch (`comparable_groups`); each metric is computed
    within a group and averaged over its wells. Distances are Euclidean for batches and cosine for perturbations.

    Returns
    -------
    batches
        As docs/architecture.md has it; a metric that cannot be computed is a row with NaN and a ``Note``.
    """
    campaign = read_levels(wells, treatments, network)
    mixing = [*_mixing_rows(campaign, config), *_probe_rows(campaign, config)]
    groups = comparable_groups(campaign.wells.metadata)
    if correction != UNCORRECTED and len(groups) == 1 and campaign.controls[groups[0]].all():
        mixing = [row | {"Note": join_notes(row["Note"], CONTROLS_ONLY)} for row in mixing]
    rows = [*mixing, *_biology_rows(campaign, config)]
    for row in rows:
        row["Note"] = join_notes(row["Note"], note)
    table = pd.DataFrame(rows)
    return table.assign(Features=features, Correction=correction)[BATCH_COLUMNS]


def batch_silhouettes(campaign: Campaign, seed: int) -> tuple[Items, float]:
    """Return the silhouette by batch of every comparable well, within its group, and their mean by chance.

    Chance deals the batches of a group to its wells anew.

    Raises
    ------
    CannotScoreError
        If nothing is comparable between batches.
    """
    metadata, values = campaign.wells.metadata, campaign.wells.values
    batches = metadata[BATCH].to_numpy(dtype=str)
    groups = _require_groups(metadata)
    widths = np.concatenate([silhouettes(values[rows], batches[rows], "euclidean") for rows in groups])
    deals = int(np.clip(_DEALT_WELLS // len(widths), _FEWEST_DEALS, _MOST_DEALS))
    rng = np.random.default_rng(seed)
    chance = [chance_silhouettes(values[rows], batches[rows], "euclidean", deals, rng) for rows in groups]
    return Items(widths, np.arange(len(widths))), float(np.concatenate(chance).mean())


def batch_probe(campaign: Campaign, seed: int) -> Probe:
    """Tell the batch of every comparable well from its difference to the mean of its group.

    Raises
    ------
    CannotScoreError
        If nothing is comparable between batches, or too little to learn from.
    """
    metadata, values = campaign.wells.metadata, campaign.wells.values
    groups = _require_groups(metadata)
    at = np.concatenate(groups)
    # What a group has in common is its treatment; only what differs inside it may give the batch away.
    centred = np.concatenate([values[rows] - values[rows].mean(axis=0) for rows in groups])
    return probe(centred, metadata[BATCH].to_numpy(dtype=str)[at], metadata[PLATE].to_numpy(dtype=str)[at], seed)


def _require_groups(metadata: pd.DataFrame) -> list[np.ndarray]:
    groups = comparable_groups(metadata)
    if not groups:
        raise CannotScoreError(NOTHING_COMPARABLE)
    return groups


def _mixing_rows(campaign: Campaign, config: EvaluationConfig) -> list[Row]:
    metadata, values = campaign.wells.metadata, campaign.wells.values
    batches = metadata[BATCH].to_numpy(dtype=str)
    groups = comparable_groups(metadata)
    large = [rows for rows in groups if len(rows) >= FEWEST_WELLS]
    small = f"no comparable group has {FEWEST_WELLS} wells" if groups else NOTHING_COMPARABLE
    chance = [(len(set(batches[rows])) - 1) / (len(rows) - 1) for rows in large]

    testable = [rows for rows in groups if len(rows) >= KBET_WELLS]
    too_few = f"no comparable group has {KBET_WELLS} wells" if groups else NOTHING_COMPARABLE

    def acceptance(rows: np.ndarray) -> np.ndarray:
        return kbet_acceptance(values[rows], batches[rows])

    def diversity(rows: np.ndarray) -> np.ndarray:
        return ilisi(values[rows], batches[rows])

    def share(rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), regression_share(values[rows], batches[rows]))

    sizes = [len(rows) for rows in large]
    of_batches = f"of {np.average([len(set(batches[at])) for at in large], weights=sizes):.3g} batches" if large else ""
    expected = float(np.average(chance, weights=sizes)) if large else NAN
    about = f"about {expected:.3f} by chance" if large else ""
    return [
        _silhouette_row(campaign, config),
        _group_row("kbet_acceptance", testable, acceptance, "higher", too_few, config, of_wells=True),
        _group_row("ilisi", large, diversity, "higher", small, config, of_batches),
        # One number a group: an interval over its wells would be empty.
        _group_row("pcr_batch", large, share, "lower", small, config, about)
        | {"Low": NAN, "High": NAN, "Chance": expected},
    ]


def _group_row(
    metric: str,
    groups: list[np.ndarray],
    compute: Callable[[np.ndarray], np.ndarray],
    better: str,
    reason: str,
    config: EvaluationConfig,
    note: str = "",
    of_wells: bool = False,
) -> Row:
    if not groups:
        return _row(metric, NAN, (NAN, NAN), better, reason)
    values = np.concatenate([compute(rows) for rows in groups])
    items = Items(values, np.arange(len(values)), share=of_wells)
    interval = score_interval(items, config.bootstraps, np.random.default_rng(config.seed))
    return _row(metric, items.score, interval, better, note)


def _silhouette_row(campaign: Campaign, config: EvaluationConfig) -> Row:
    try:
        items, chance = batch_silhouettes(campaign, config.seed)
    except CannotScoreError as reason:
        return _row("silhouette_batch", NAN, (NAN, NAN), "lower", str(reason))
    interval = score_interval(items, config.bootstraps, np.random.default_rng(config.seed))
    note = f"{chance:.3f} by chance"
    return _row("silhouette_batch", items.score, interval, "lower", note) | {"Chance": chance}


def _probe_rows(campaign: Campaign, config: EvaluationConfig) -> list[Row]:
    plates = campaign.wells.metadata[PLATE].to_numpy(dtype=str)
    control = campaign.controls
    return [
        _probe_row("probe_batch", lambda: batch_probe(campaign, config.seed)),
        _probe_row("probe_plate", lambda: probe(campaign.wells.values[control], plates[control], None, config.seed)),
    ]


def _probe_row(metric: str, compute: Callable[[], Probe]) -> Row:
    try:
        found = compute()
    except CannotScoreError as reason:
        what = metric.removeprefix("probe_")
        words = str(reason) if str(reason) == NOTHING_COMPARABLE else f"cannot tell one {what} from another: {reason}"
        return _row(metric, NAN, (NAN, NAN), "lower", words)
    note = f"{found.chance:.3f} by chance; whole {found.held_out} held out"
    note = note.replace("whole wells", "wells")
    return _row(metric, found.accuracy, (found.low, found.high), "lower", note) | {"Chance": found.chance}


def replicate_items(campaign: Campaign) -> Items:
    """Return how well the wells of each perturbation find each other among the controls of their plates."""
    level = campaign.wells
    plates = level.metadata[PLATE].to_numpy(dtype=str)
    return mean_precision(replicate_precision(Cosine(level.values), level.clusters(), plates, campaign.controls))


def annotation_items(campaign: Campaign) -> Items:
    """Return how well each annotated perturbation finds the others of its annotation."""
    level = campaign.perturbations.annotated()
    moas = level.metadata[MOA]
    return by_annotation(mean_precision(annotation_precision(Cosine(level.values), annotation_matches(moas))), moas)


def _biology_rows(campaign: Campaign, config: EvaluationConfig) -> list[Row]:
    limits = describe_layout(campaign.wells.metadata)
    caution = join_notes(*limits.values())
    level, controls = campaign.wells, campaign.controls
    labels, plates = level.clusters(), level.metadata[PLATE].to_numpy(dtype=str)
    batches = level.metadata[BATCH].to_numpy(dtype=str)

    def replicates_elsewhere() -> Items:
        try:
            return mean_precision(replicate_precision(Cosine(level.values), labels, plates, controls, batches))
        except CannotScoreError as reason:
            raise CannotScoreError("no perturbation has wells in two batches") from reason

    return [
        _items_row("silhouette_perturbation", lambda: _perturbation_silhouettes(campaign), config, caution),
        _items_row("map_replicate", lambda: replicate_items(campaign), config, caution),
        _items_row("map_replicate_across_batches", replicates_elsewhere, config),
        _items_row("map_moa", lambda: annotation_items(campaign), config),
    ]


def _items_row(metric: str, compute: Callable[[], Items], config: EvaluationConfig, note: str = "") -> Row:
    try:
        items = compute()
    except CannotScoreError as reason:
        return _row(metric, NAN, (NAN, NAN), "higher", str(reason))
    interval = score_interval(items, config.bootstraps, np.random.default_rng(config.seed))
    return _row(metric, items.score, interval, "higher", note)


def _perturbation_silhouettes(campaign: Campaign) -> Items:
    treated = campaign.wells.keep(~campaign.controls)
    names = treated.metadata[PERTURBATION].to_numpy(dtype=str)
    _, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    kept = counts[codes] >= 2
    if len(set(codes[kept])) < 2:
        raise CannotScoreError("fewer than two perturbations have two wells")
    return Items(silhouettes(treated.values[kept], names[kept], "cosine"), codes[kept])


def _row(metric: str, value: float, interval: tuple[float, float], better: str, note: str) -> Row:
    low, high = interval
    numbers = {"Metric": metric, "Value": value, "Low": low, "High": high, "Chance": NAN}
    return {**numbers, "Better": better, "Note": note}
