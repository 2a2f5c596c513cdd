"""Enrichment by hand, against scipy, and with honest p-values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact, kstest

from platewise.evaluation.annotations import annotation_matches
from platewise.evaluation.enrichment import (
    RankedPairs,
    count_hits,
    dp_enrichment,
    enrichment_curve,
    enrichment_items,
    few_pairs,
    odds_ratio,
    rank_pairs,
    tops,
)
from platewise.evaluation.items import CannotScoreError
from platewise.evaluation.similarity import CloseNumber, Cosine


def test_several_labels_match_on_any() -> None:
    matches = annotation_matches(["a", "a|b", "b", "c", "", ""])
    assert {(int(i), int(j)) for i, j in np.argwhere(np.triu(matches))} == {(0, 1), (1, 2)}
    assert not matches.diagonal().any()


def test_odds_ratio_is_that_of_the_table() -> None:
    # Top: 3 matches, 2 others; rest: 4 matches, 11 others.
    assert odds_ratio(3, 5, 7, 20) == pytest.approx(3 * 11 / (2 * 4))
    assert odds_ratio(3, 5, 7, 20) == pytest.approx(fisher_exact([[3, 2], [4, 11]])[0])


def test_an_empty_cell_adds_a_half_to_all() -> None:
    assert odds_ratio(5, 5, 7, 20) == pytest.approx(5.5 * 13.5 / (0.5 * 2.5))
    assert odds_ratio(0, 5, 7, 20) == pytest.approx(0.5 * 8.5 / (5.5 * 7.5))


def test_pairs_are_ranked_and_cut_by_hand() -> None:
    # Numbers 0, 1, 3, 7: differences 1, 2, 3, 4, 6, 7.
    ranked = rank_pairs(CloseNumber(np.array([0, 1, 3, 7])), seed=0)
    assert list(zip(ranked.first.tolist(), ranked.second.tolist(), strict=True)) == [
        (0, 1),
        (1, 2),
        (0, 2),
        (2, 3),
        (1, 3),
        (0, 3),
    ]
    matches = annotation_matches(["x", "x", "y", "y"])
    # A third of six pairs: (0, 1) matches, (1, 2) does not; (2, 3) matches outside.
    items = enrichment_items(ranked, matches, 100 / 3)
    assert items.score == pytest.approx(1 * 3 / (1 * 1))
    assert items.values.tolist() == [1, 1, 0, 0]
    assert (ranked.cut(50), ranked.cut(0.1)) == (3, 1)


def test_what_an_odds_ratio_rests_on_by_hand() -> None:
    # 20 items in 2 groups of 10: 190 pairs, of which 90 match. In the top 10 % are 19, 9 of them by chance.
    ranked = rank_pairs(CloseNumber(np.arange(20.0)), 0)
    matches = annotation_matches(["x"] * 10 + ["y"] * 10)
    curve = enrichment_curve(ranked, matches, [0.5, 5.5, 10.0], 20, 20, 0)
    assert curve["Pairs"].tolist() == [1, 10, 19]
    assert curve["Expected"].tolist() == pytest.approx([9 / 19, 90 / 19, 9])
    # The nearest are neighbours: of 19 such pairs only the one in the middle does not match.
    assert curve["Matching"][2] == 18
    assert curve["Note"].tolist() == [
        "rests on 1 pair in the top 0.5 %, of which 0.47 would share an annotation by chance",
        "rests on 10 pairs in the top 5.5 %, of which 4.7 would share an annotation by chance",
        "",
    ]
    assert few_pairs(ranked, matches, 0.5) == curve["Note"][0]


def test_ties_are_not_broken_by_name() -> None:
    # All pairs are equal: whichever seed, the top is a random choice.
    first = [rank_pairs(CloseNumber(np.zeros(30)), seed).first[:20].mean() for seed in range(40)]
    everything = rank_pairs(CloseNumber(np.zeros(30)), 0).first.mean()
    assert np.mean(first) == pytest.approx(everything, abs=1.0)
    assert len(set(first)) > 20


def test_curve_finds_structure_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(0)
    labels = [f"moa {index // 4}" for index in range(40)]
    centres = rng.normal(size=(10, 20))
    values = np.repeat(centres, 4, axis=0) + 1.5 * rng.normal(size=(40, 20))
    ranked = rank_pairs(Cosine(values), 0)
    curve = enrichment_curve(ranked, annotation_matches(labels), [1.0, 5.0], 200, 200, 0)
    assert (curve["OddsRatio"] > 10).all()
    assert (curve["PValue"] == 1 / 201).all()
    assert (curve["Low"] > 1).all()
    assert (curve["Low"] < curve["OddsRatio"]).all()
    assert (curve["OddsRatio"] < curve["High"] * 1.001).all()


def test_a_bootstrap_of_equal_weights_is_the_score() -> None:
    from platewise.evaluation import enrichment

    class Once:
        def integers(self, low: int, high: int, size: int) -> np.ndarray:
            return np.arange(size)

    rng = np.random.default_rng(1)
    ranked = rank_pairs(Cosine(rng.normal(size=(20, 5))), 0)
    matches = annotation_matches([f"{index % 5}" for index in range(20)])
    shares = np.array([2.0, 10.0, 33.0])
    found = enrichment.bootstrap_odds_ratios(ranked, matches, shares, 1, Once())[0]
    expected = [enrichment_items(ranked, matches, share).score for share in shares]
    np.testing.assert_allclose(found, expected)


def test_a_bootstrap_with_copies_is_the_score_of_the_copies() -> None:
    from platewise.evaluation import enrichment

    drawn = np.array([0, 0, 1, 2, 4, 5, 5, 7, 8, 9])

    class Fixed:
        def integers(self, low: int, high: int, size: int) -> np.ndarray:
            return drawn

    rng = np.random.default_rng(2)
    values, labels = rng.normal(size=(10, 5)), [f"{index % 3}" for index in range(10)]
    found = enrichment.bootstrap_odds_ratios(
        rank_pairs(Cosine(values), 0), annotation_matches(labels), np.array([20.0]), 1, Fixed()
    )
    # The same by making the copies, and leaving pairs of a perturbation with its copy out.
    ranked = rank_pairs(Cosine(values[drawn]), 0)
    other = drawn[ranked.first] != drawn[ranked.second]
    copies = RankedPairs(ranked.first[other], ranked.second[other])
    matches = annotation_matches([labels[index] for index in drawn])
    cut = copies.cut(20.0)
    hits = matches[copies.first, copies.second]
    assert found[0, 0] == pytest.approx(odds_ratio(hits[:cut].sum(), cut, hits.sum(), len(hits)))


def test_p_is_uniform_without_structure() -> None:
    rng = np.random.default_rng(3)
    # Clusters of profiles make pairs dependent; the annotations know nothing of them.
    p = []
    for _ in range(60):
        values = np.repeat(rng.normal(size=(6, 8)), 5, axis=0) + 0.5 * rng.normal(size=(30, 8))
        labels = [str(label) for label in rng.permutation(np.repeat(np.arange(6), 5))]
        ranked = rank_pairs(Cosine(values), 0)
        curve = enrichment_curve(ranked, annotation_matches(labels), [10.0], 99, 2, int(rng.integers(1 << 30)))
        p.append(curve["PValue"][0])
    # p is discrete and at least its exact value: test that small ones are not too frequent.
    assert kstest(p, "uniform", alternative="greater").pvalue > 0.01
    assert np.mean(p) < 0.7


def test_dp_enrichment_by_hand() -> None:
    # Item 0 is nearest to 1 (a match); its top of four others is the one above the 99th percentile.
    similarity = CloseNumber(np.array([0.0, 1.0, 3.0, 7.0, 15.0]))
    matches = annotation_matches(["x", "x", "x", "y", "z"])
    items = dp_enrichment(tops(similarity), matches)
    # 0: top {1}, a match, one match outside: infinite, so 1. 1: top {0}, the same. 2: top {1}, the same.
    assert items.values[:3].tolist() == [1.0, 1.0, 1.0]
    assert np.isnan(items.values[3:]).all()
    # At the median: 0 has top {1, 2}: both match; 1 has {0, 2}: both; 2 has {0, 1}: both.
    assert dp_enrichment(tops(similarity, 50.0), matches).values[:3].tolist() == [2.0, 2.0, 2.0]
    # A top with a miss: query 0 has top {1, 2} with a hit and a miss, and outside {3, 4} a match and another.
    other = dp_enrichment(tops(similarity, 50.0), annotation_matches(["x", "y", "x", "x", "w"]))
    assert other.values[0] == pytest.approx(1 * 1 / (1 * 1))


def test_hits_are_counted_as_by_a_loop() -> None:
    rng = np.random.default_rng(4)
    ranked = rank_pairs(Cosine(rng.normal(size=(12, 5))), 0)
    matches = annotation_matches([f"{index % 4}" for index in range(12)])
    order, cuts = rng.permutation(12), np.array([1, 7, 7, 66])
    pairs = list(zip(ranked.first, ranked.second, strict=True))
    for dealt in (np.arange(12), order):
        expected = [sum(matches[dealt[one], dealt[other]] for one, other in pairs[:cut]) for cut in cuts]
        assert count_hits(ranked, matches, cuts, dealt).tolist() == expected
    assert count_hits(ranked, matches, cuts).tolist() == count_hits(ranked, matches, cuts, np.arange(12)).tolist()
    items = enrichment_items(ranked, matches, 100 * 7 / 66, order)
    assert items.values.sum() == 2 * count_hits(ranked, matches, cuts, order)[1]


def test_tops_are_those_of_each_query_alone() -> None:
    similarity = Cosine(np.random.default_rng(5).normal(size=(600, 4)))
    found = tops(similarity, 90.0)
    for query in (0, 511, 512, 599):
        others = np.delete(np.arange(600), query)
        alike = similarity.block(np.array([query]), others)[0]
        assert set(np.flatnonzero(found[query])) == set(others[alike > np.percentile(alike, 90.0)])


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["a", "b", "c"], "no two perturbations share an annotation"),
        (["a", "a", "a"], "all perturbations share an annotation"),
        (["a"], "fewer than two annotated perturbations"),
        ([], "fewer than two annotated perturbations"),
    ],
)
def test_what_cannot_be_scored_says_why(labels: list[str], reason: str) -> None:
    ranked = rank_pairs(CloseNumber(np.arange(len(labels))), 0)
    with pytest.raises(CannotScoreError, match=reason):
        enrichment_curve(ranked, annotation_matches(labels), [1.0], 20, 20, 0)
    with pytest.raises(CannotScoreError, match=reason):
        dp_enrichment(np.eye(len(labels)) < 1, annotation_matches(labels))
