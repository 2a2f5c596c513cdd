"""Kinds of features and corrections held against one another on the same wells, with paired intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import DOSE, MOA, PERTURBATION, PLATE, WELL
from platewise.config.campaign import CLASSICAL
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.correction.correct import correction_note
from platewise.evaluation.annotations import annotation_matches
from platewise.evaluation.batches import annotation_items, batch_probe, batch_silhouettes, replicate_items
from platewise.evaluation.enrichment import bootstrap_odds_ratios, enrichment_items, few_pairs, rank_pairs
from platewise.evaluation.inference import bootstrap_means, expanded_interval
from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.levels import Campaign, read_levels
from platewise.evaluation.similarity import Cosine
from platewise.notes import join_notes, split_notes
from platewise.profiles.frame import treatment_keys
from platewise.tables import read_table, write_table

DIFFERENCE_COLUMNS = [
    "Features",
    "Correction",
    "OtherFeatures",
    "OtherCorrection",
    "Metric",
    "Value",
    "OtherValue",
    "Difference",
    "Low",
    "High",
    "Better",
    "Note",
]
NAN = float("nan")

# A kind of features and a correction.
Variant = tuple[str, str]


@dataclass(frozen=True)
class Drawn:
    """A score and its value in every resample, ``(resamples,)``, of how many units; why there is none, or a caution."""

    value: float
    draws: np.ndarray
    units: int
    note: str = ""


@dataclass(frozen=True)
class Metric:
    """What is compared: how it is drawn, and which direction (``higher`` or ``lower``) is better."""

    draw: Callable[[Campaign, EvaluationConfig, np.random.Generator], Drawn]
    better: str


def run_score_differences(
    profiles: Mapping[Variant, str],
    consensus: Mapping[Variant, str],
    out: str,
    preset: Variant,
    config: EvaluationConfig,
    network: NetworkConfig,
) -> None:
    """Write ``C/evaluation/differences.parquet``.

    Parameters
    ----------
    profiles, consensus
        Tables of level 4c and 5 of every variant.
    out
        Where to write.
    preset
        The variant that is judged.
    config, network
        Sections of the config.
    """
    wells = _shared([_well_keys(read_table(path, [PLATE, WELL])) for path in profiles.values()])
    treatments = _shared([treatment_keys(read_table(path, [PERTURBATION, DOSE])) for path in consensus.values()])
    scores = {}
    # One variant in memory at a time.
    for variant in profiles:
        campaign = read_levels(
            _rows(read_table(profiles[variant]), _well_keys, wells),
            _rows(read_table(consensus[variant]), treatment_keys, treatments),
            network,
        )
        scores[variant] = draw_scores(campaign, config, correction_note(profiles[variant]))
    facts = {"stage": "evaluation", "algorithm": ALGORITHMS["evaluation"], "parameters": config.model_dump()}
    write_table(score_differences(scores, preset), out, facts)


def compared_variants(variants: Sequence[Variant], preset: Variant) -> list[tuple[Variant, Variant]]:
    """Return which variants are held against which.

    The preset against every other one; and every kind of learned features against the classical ones, both at the
    preset's correction.
    """
    pairs = [(preset, other) for other in variants if other != preset]
    classical = (CLASSICAL, preset[1])
    learned = [variant for variant in variants if variant[1] == preset[1] and variant not in (preset, classical)]
    return pairs + [(variant, classical) for variant in learned if classical in variants and preset != classical]


def score_differences(scores: Mapping[Variant, Mapping[str, Drawn]], preset: Variant) -> pd.DataFrame:
    """Return the table of differences: first minus other, with the 95 % interval of paired resamples.

    Parameters
    ----------
    scores
        From ``draw_scores``, of variants on the same wells.
    preset
        The variant that is judged.
    """
    rows = []
    for first, other in compared_variants(list(scores), preset):
        for metric in scores[first]:
            one, two = scores[first][metric], scores[other][metric]
            draws = one.draws - two.draws
            draws = draws[np.isfinite(draws)]
            low, high = expanded_interval(draws, one.units) if len(draws) else (NAN, NAN)
            difference = one.value - two.value
            note = join_notes(*dict.fromkeys([*split_notes(one.note), *split_notes(two.note)]))
            better = METRICS[metric.partition("@")[0]].better
            rows.append((*first, *other, metric, one.value, two.value, difference, low, high, better, note))
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS).astype(
        dict.fromkeys(("Value", "OtherValue", "Difference", "Low", "High"), float)
    )


def draw_scores(campaign: Campaign, config: EvaluationConfig, note: str = "") -> dict[str, Drawn]:
    """Return every metric of ``METRICS`` with its resamples, under the names that the table of scores has.

    The same seed draws the same perturbations and wells for every campaign with the same ones, whatever their profiles.
    What the correction has to say, ``note``, goes to every score.
    """
    found = {}
    for name, metric in METRICS.items():
        full = f"{name}@{config.headline_share:g}" if name == "enrichment" else name
        try:
            drawn = metric.draw(campaign, config, np.random.default_rng(config.seed))
            found[full] = replace(drawn, note=join_notes(drawn.note, note))
        except CannotScoreError as reason:
            found[full] = Drawn(NAN, np.full(config.bootstraps, NAN), 0, str(reason))
    return found


def _draw_items(
    compute: Callable[[Campaign], Items], campaign: Campaign, config: EvaluationConfig, rng: np.random.Generator
) -> Drawn:
    items = compute(campaign)
    return Drawn(items.score, bootstrap_means(items, config.bootstraps, rng), items.evaluated_clusters)


def _draw_enrichment(campaign: Campaign, config: EvaluationConfig, rng: np.random.Generator) -> Drawn:
    level = campaign.perturbations.annotated()
    matches, share = annotation_matches(level.metadata[MOA]), config.headline_share
    ranked = rank_pairs(Cosine(level.values), config.seed)
    value = enrichment_items(ranked, matches, share).score
    draws = bootstrap_odds_ratios(ranked, matches, [share], config.bootstraps, rng)[:, 0]
    return Drawn(value, draws, len(matches), few_pairs(ranked, matches, share))


def _draw_silhouettes(campaign: Campaign, config: EvaluationConfig, rng: np.random.Generator) -> Drawn:
    items, chance = batch_silhouettes(campaign, config.seed)
    # What chance gives differs between kinds of profiles; less than that was equalised, and is no better mixed.
    above = np.maximum(bootstrap_means(items, config.bootstraps, rng) - chance, 0)
    note = "less the silhouettes that chance gives"
    below = "less than chance counts as chance" if items.score < chance else ""
    return Drawn(max(items.score - chance, 0.0), above, items.evaluated, join_notes(note, below))


def _draw_probe(campaign: Campaign, config: EvaluationConfig, rng: np.random.Generator) -> Drawn:
    found = batch_probe(campaign, config.seed)
    shares = []
    # Wells are resampled within their batch, as the score is the mean over batches.
    for code in range(found.codes.max() + 1):
        own = found.correct[found.codes == code]
        shares.append(own[rng.integers(0, len(own), (config.bootstraps, len(own)))].mean(axis=1))
    # What is told worse than by guessing was equalised between the plates that the probe learned from: it is no better
    # hidden than what is guessed.
    below = f"less than chance ({found.chance:.3f}) counts as chance" if found.accuracy < found.chance else ""
    drawn = np.maximum(np.mean(shares, axis=0), found.chance)
    return Drawn(max(found.accuracy, found.chance), drawn, len(found.codes), below)


METRICS = {
    "enrichment": Metric(_draw_enrichment, "higher"),
    "map_moa": Metric(partial(_draw_items, annotation_items), "higher"),
    "map_replicate": Metric(partial(_draw_items, replicate_items), "higher"),
    "silhouette_batch": Metric(_draw_silhouettes, "lower"),
    "probe_batch": Metric(_draw_probe, "lower"),
}


def _shared(keys: Sequence[pd.MultiIndex]) -> pd.MultiIndex:
    """Return the rows that every table has, sorted."""
    return reduce(lambda first, second: first.intersection(second), keys).sort_values()


def _rows(table: pd.DataFrame, keys_of: Callable[[pd.DataFrame], pd.MultiIndex], wanted: pd.MultiIndex) -> pd.DataFrame:
    """Return the rows with these keys, in their order."""
    return table.iloc[keys_of(table).get_indexer(wanted)].reset_index(drop=True)


def _well_keys(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[[PLATE, WELL]])
