"""Perturbations of one annotation are one observation: tests and intervals of what they score keep their level."""

from __future__ import annotations

import numpy as np
import pytest

from platewise.evaluation.annotations import annotation_matches, by_annotation
from platewise.evaluation.enrichment import enrichment_items, rank_pairs
from platewise.evaluation.inference import bootstrap_interval, paired_p
from platewise.evaluation.items import Items
from platewise.evaluation.precision import annotation_precision, mean_precision
from platewise.evaluation.similarity import Cosine

MECHANISMS = 12
MOAS = [f"m{number % MECHANISMS}" for number in range(60)]
RUNS = 150


def test_items_go_with_the_most_common_of_their_annotations() -> None:
    items = Items(np.arange(6.0), np.arange(6))
    # b: three times, a: twice, c and d: once each.
    grouped = by_annotation(items, ["a", "a|b", "b", "b", "d|c", "e"])
    assert grouped.clusters.tolist() == [0, 1, 1, 1, 2, 3]
    assert grouped.evaluated_clusters == 4
    assert grouped.values is items.values


@pytest.fixture(scope="module")
def made() -> list[tuple[Items, Items]]:
    """MOA mAP and top pairs of campaigns with mechanisms, which differ by chance alone."""
    rng, matches, found = np.random.default_rng(0), annotation_matches(MOAS), []
    for _ in range(2 * RUNS):
        directions = 0.7 * rng.normal(size=(MECHANISMS, 10))
        similarity = Cosine(rng.normal(size=(60, 10)) + directions[np.arange(60) % MECHANISMS])
        top = enrichment_items(rank_pairs(similarity, 0), matches, 5.0)
        precision = mean_precision(annotation_precision(similarity, matches))
        found.append((by_annotation(precision, MOAS), by_annotation(top, MOAS)))
    return found


@pytest.mark.parametrize("metric", [0, 1])
def test_kinds_of_features_that_are_equally_good_are_told_apart_at_the_level_of_the_test(made, metric: int) -> None:
    rng = np.random.default_rng(1)
    pairs = zip(made[:RUNS], made[RUNS:], strict=True)
    p = np.array([paired_p(first[metric], second[metric], 300, rng) for first, second in pairs])
    # Perturbation by perturbation a tenth to a fifth of them were.
    assert (p < 0.05).mean() <= 0.08


def test_the_interval_of_moa_map_holds_the_truth(made) -> None:
    rng = np.random.default_rng(2)
    truth = np.mean([precision.score for precision, _ in made])
    intervals = np.array([bootstrap_interval(precision, 300, rng) for precision, _ in made])
    # Perturbation by perturbation a quarter of them missed it.
    assert ((intervals[:, 0] > truth) | (intervals[:, 1] < truth)).mean() <= 0.12
