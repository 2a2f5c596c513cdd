"""Whether the network connects what is known to be alike, and whether replicates agree."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import BATCH, MOA, PERTURBATION
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.correction.correct import correction_note
from platewise.evaluation.annotations import annotation_matches, by_annotation, permuted_matches, require_matches
from platewise.evaluation.enrichment import (
    RankedPairs,
    count_hits,
    dp_enrichment,
    enrichment_curve,
    enrichment_items,
    few_pairs,
    odds_ratios,
    rank_pairs,
    rests_on,
    tops,
)
from platewise.evaluation.items import CannotScoreError, Items
from platewise.evaluation.levels import BASELINES, SCORE, SHUFFLED_BASELINE, Campaign, describe_layout, read_levels
from platewise.evaluation.nearest import in_several_batches, nearest_match, same_perturbation, shared_batch
from platewise.evaluation.perturbations import score_perturbations
from platewise.evaluation.precision import (
    Negatives,
    PrecisionNull,
    annotation_precision,
    mean_precision,
    replicate_precision,
    significant_precision,
    sorted_controls,
)
from platewise.evaluation.replicating import percent_replicating
from platewise.evaluation.scores import (
    NAN,
    Family,
    Row,
    held_against,
    row,
    score_family,
    score_table,
    shuffled_row,
    unscored,
)
from platewise.evaluation.similarity import Pearson, Similarity
from platewise.network.null import shuffle_within
from platewise.profiles.frame import treatment_codes
from platewise.tables import read_table, write_table

ENRICHMENT_COLUMNS = [
    "Features",
    "Correction",
    "Baseline",
    "Share",
    "OddsRatio",
    "Low",
    "High",
    "PValue",
    "Pairs",
    "Matching",
    "Expected",
    "Note",
]


def run_evaluate_network(
    profiles_path: str,
    consensus_path: str,
    scores_out: str,
    enrichment_out: str,
    perturbations_out: str,
    config: EvaluationConfig,
    network: NetworkConfig,
    features: str,
    correction: str,
) -> None:
    """Write the tables of scores, of enrichment and of single perturbations of one network.

    Parameters
    ----------
    profiles_path
        ``{features}.{correction}.parquet`` (level 4c).
    consensus_path
        ``{features}.{correction}.consensus.parquet`` (level 5).
    scores_out, enrichment_out, perturbations_out
        ``{features}.{correction}.scores.parquet``, ``.enrichment.parquet`` and ``.perturbations.parquet``.
    config
        Section ``evaluation``.
    network
        Section ``network``: doses are joined as there.
    features, correction
        Their names.
    """
    wells, consensus = read_table(profiles_path), read_table(consensus_path)
    scores, enrichment = evaluate(
        wells,
        consensus,
        config,
        network,
        features,
        correction,
        correction_note(profiles_path),
    )
    facts = {"stage": "evaluation", "algorithm": ALGORITHMS["evaluation"], "parameters": config.model_dump()}
    write_table(scores, scores_out, facts)
    write_table(enrichment, enrichment_out, facts)
    write_table(score_perturbations(read_levels(wells, consensus, network), config), perturbations_out, facts)


def evaluate(
    wells: pd.DataFrame,
    consensus: pd.DataFrame,
    config: EvaluationConfig,
    network: NetworkConfig,
    features: str,
    correction: str,
    note: str = "",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute every score and its baselines.

    Parameters
    ----------
    wells, consensus
        Levels 4c and 5.
    config, network
        Sections of the config.
    features, correction
        Names, for the tables.
    note
        What the correction has to say; goes to every score.

    Returns
    -------
    scores, enrichment
        As docs/architecture.md has them. Every metric has its rows, also where it cannot be computed.
    """
    campaign = read_levels(wells, consensus, network)
    limits = describe_layout(campaign.wells.metadata)
    enrichment_rows, curve = _enrichment(campaign, config)
    families = [
        _replicate_family(campaign, config, limits),
        _replicating_family(campaign, config, limits),
        *_annotation_families(campaign, config),
        *_nearest_families(campaign, limits),
    ]
    rows = enrichment_rows + [row for family in families for row in _rows(family, config)]
    curve.insert(0, "Features", features)
    curve.insert(1, "Correction", correction)
    return score_table(rows, features, correction, note), curve[ENRICHMENT_COLUMNS]


def _rows(family: Family | list[Row], config: EvaluationConfig) -> list[Row]:
    return family if isinstance(family, list) else score_family(family, config)


def _replicate_family(campaign: Campaign, config: EvaluationConfig, limits: dict[str, str]) -> Family:
    level, controls = campaign.wells, campaign.controls
    plates = level.plates()
    null = PrecisionNull(config.null_size, config.seed)
    negatives: dict[Similarity, Negatives] = {}

    def compute(similarity: Similarity, labels: np.ndarray) -> dict[str, Items]:
        # A shuffle of the labels leaves the controls, and so the negatives, where they are.
        if similarity not in negatives:
            negatives[similarity] = sorted_controls(similarity, plates, controls)
        precision = replicate_precision(similarity, labels, plates, controls, negatives=negatives[similarity])
        return {
            "map_replicate": mean_precision(precision),
            "map_replicate_significant": significant_precision(precision, null, config.max_q),
        }

    clusters = level.clusters()
    return Family(
        ("map_replicate", "map_replicate_significant"),
        compute,
        level.similarities(),
        clusters,
        partial(_shuffle_treated, plates=plates, controls=controls),
        len(np.unique(clusters[~controls])),
        tuple(limits.values()),
    )


def _shuffle_treated(
    labels: np.ndarray, rng: np.random.Generator, *, plates: np.ndarray, controls: np.ndarray
) -> np.ndarray:
    shuffled = labels.copy()
    shuffled[~controls] = shuffle_within(labels[~controls], plates[~controls], rng)
    return shuffled


def _replicating_family(campaign: Campaign, config: EvaluationConfig, limits: dict[str, str]) -> Family:
    level = campaign.wells.keep(~campaign.controls)
    codes, treatments = treatment_codes(level.metadata)
    clusters = np.unique(treatments[PERTURBATION].to_numpy(dtype=str), return_inverse=True)[1].ravel()
    plates = level.plates()

    def compute(similarity: Similarity, labels: np.ndarray) -> dict[str, Items]:
        return {"percent_replicating": percent_replicating(similarity, labels, clusters, config.seed)}

    def shuffle(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return shuffle_within(labels, plates, rng)

    similarities = {**level.similarities(), SCORE: Pearson(level.values)}
    names = ("percent_replicating",)
    return Family(names, compute, similarities, codes, shuffle, len(treatments), tuple(limits.values()))


def _annotation_families(campaign: Campaign, config: EvaluationConfig) -> list[Family]:
    level = campaign.perturbations.annotated()
    moas = level.metadata[MOA]
    matches = annotation_matches(moas)
    total = len(campaign.perturbations.metadata)
    null = PrecisionNull(config.null_size, config.seed)

    def precision(similarity: Similarity, labels: np.ndarray) -> dict[str, Items]:
        found = annotation_precision(similarity, labels)
        return {
            "map_moa": by_annotation(mean_precision(found), moas),
            "map_moa_significant": by_annotation(significant_precision(found, null, config.max_q), moas),
        }

    top: dict[Similarity, np.ndarray] = {}

    def notebook(similarity: Similarity, labels: np.ndarray) -> dict[str, Items]:
        require_matches(labels)
        if similarity not in top:
            # A shuffle of the labels leaves the similarities where they are.
            top[similarity] = tops(similarity)
        return {"dp_enrichment": by_annotation(dp_enrichment(top[similarity], labels), moas)}

    similarities = level.similarities()
    return [
        Family(("dp_enrichment",), notebook, similarities, matches, permuted_matches, total),
        Family(("map_moa", "map_moa_significant"), precision, similarities, matches, permuted_matches, total),
    ]


def _nearest_families(campaign: Campaign, limits: dict[str, str]) -> list[Family | list[Row]]:
    total = len(campaign.treatments.metadata)
    level = campaign.treatments.annotated()
    metadata = level.metadata
    caution = "neighbours may be of the same batch, which nscb leaves out" if limits["batch"] else ""
    found: list[Family | list[Row]] = [_nearest_family("nsc", campaign, np.ones(len(metadata), dtype=bool), caution)]
    batches = {batch for names in campaign.treatments.metadata[BATCH] for batch in names.split("|")}
    kept = in_several_batches(metadata[MOA], metadata[BATCH])
    if len(metadata) == 0:
        # The reason is that of NSC.
        found.append(_nearest_family("nscb", campaign, kept, ""))
    elif len(batches) < 2:
        found.append(unscored(["nscb"], "all treatments lie in one batch", total))
    elif not kept.any():
        found.append(unscored(["nscb"], "no annotation occurs in two batches", total))
    else:
        left_out = len(kept) - int(kept.sum())
        note = f"{left_out} treatments with an annotation of one batch only are left out" if left_out else ""
        found.append(_nearest_family("nscb", campaign, kept, note))
    return found


def _nearest_family(name: str, campaign: Campaign, kept: np.ndarray, note: str) -> Family:
    level = campaign.treatments.annotated().keep(kept)
    metadata = level.metadata
    excluded = same_perturbation(metadata[PERTURBATION])
    if name == "nscb":
        excluded |= shared_batch(metadata[BATCH])
    clusters = level.clusters()
    matches = annotation_matches(metadata[MOA])

    def compute(similarity: Similarity, labels: np.ndarray) -> dict[str, Items]:
        require_matches(labels)
        return {name: by_annotation(nearest_match(similarity, labels, excluded), metadata[MOA])}

    def shuffle(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        # An annotation belongs to a perturbation: all its doses take the annotation of the same other perturbation.
        first = np.unique(clusters, return_index=True)[1]
        other = first[rng.permutation(len(first))][clusters]
        return same_annotation[np.ix_(other, other)]

    # Two treatments of one perturbation share its annotation, the diagonal included: their indices may now meet.
    same_annotation = matches | same_perturbation(metadata[PERTURBATION])
    total = len(campaign.treatments.metadata)
    return Family((name,), compute, level.similarities(), matches, shuffle, total, (note,))


def _enrichment(campaign: Campaign, config: EvaluationConfig) -> tuple[list[Row], pd.DataFrame]:
    level = campaign.perturbations.annotated()
    matches = annotation_matches(level.metadata[MOA])
    name, total = f"enrichment@{config.headline_share:g}", len(campaign.perturbations.metadata)
    shares = sorted({*config.shares, config.headline_share})
    try:
        require_matches(matches)
    except CannotScoreError as reason:
        empty = [_empty_curve(shares, baseline, str(reason)) for baseline in (SCORE, *BASELINES)]
        return unscored([name], str(reason), total), pd.concat(empty, ignore_index=True)
    rng = np.random.default_rng(config.seed)

    def headline(ranked: RankedPairs, order: np.ndarray | None = None) -> Items:
        return by_annotation(enrichment_items(ranked, matches, config.headline_share, order), level.metadata[MOA])

    ranked: dict[str, RankedPairs] = {}
    rows, curves = [], []
    for baseline, similarity in level.similarities().items():
        if isinstance(similarity, str):
            rows.append(row(name, NAN, (NAN, NAN), 0, total, baseline, NAN, similarity))
            curves.append(_empty_curve(shares, baseline, similarity))
            continue
        ranked[baseline] = rank_pairs(similarity, config.seed)
        curve = enrichment_curve(ranked[baseline], matches, shares, config.permutations, config.bootstraps, config.seed)
        curves.append(curve.assign(Baseline=baseline))
        items = headline(ranked[baseline])
        point = curve[curve["Share"] == config.headline_share].iloc[0]
        p, note = float(point["PValue"]), few_pairs(ranked[baseline], matches, config.headline_share)
        if baseline != SCORE:
            p, note = held_against(headline(ranked[SCORE]), items, config, rng)
        interval = (float(point["Low"]), float(point["High"]))
        rows.append(row(name, items.score, interval, len(matches), total, baseline, p, note))
    dealt = [rng.permutation(len(matches)) for _ in range(config.shuffles)]
    shuffled = [headline(ranked[SCORE], order) for order in dealt]
    rows.append(shuffled_row(name, headline(ranked[SCORE]), shuffled, total, config, rng))
    curves.append(_shuffled_curve(ranked[SCORE], matches, dealt, shares))
    return rows, pd.concat(curves, ignore_index=True)


def _empty_curve(shares: list[float], baseline: str, note: str) -> pd.DataFrame:
    numbers = dict.fromkeys(("OddsRatio", "Low", "High", "PValue", "Pairs", "Matching", "Expected"), NAN)
    return pd.DataFrame({"Share": shares, **numbers, "Baseline": baseline, "Note": note})


def _shuffled_curve(
    ranked: RankedPairs, matches: np.ndarray, dealt: list[np.ndarray], shares: list[float]
) -> pd.DataFrame:
    cuts = np.array([ranked.cut(share) for share in shares])
    hits = np.stack([count_hits(ranked, matches, cuts, order) for order in dealt])
    ratios = odds_ratios(hits, cuts, ranked, matches)
    low, middle, high = np.quantile(ratios, [0.025, 0.5, 0.975], axis=0)
    curve = _empty_curve(shares, SHUFFLED_BASELINE, "")
    matching = np.median(hits, axis=0)
    return curve.assign(OddsRatio=middle, Low=low, High=high, Matching=matching, **rests_on(ranked, matches, shares))
