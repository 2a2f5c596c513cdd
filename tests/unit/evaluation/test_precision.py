"""Average precision is copairs', except for ties; its p-values are uniform under chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from copairs.map import average_precision as reference_precision
from copairs.map import mean_average_precision as reference_mean
from scipy.stats import kstest
from sklearn.metrics import average_precision_score

from platewise.evaluation.annotations import annotation_matches
from platewise.evaluation.counting import precision_against
from platewise.evaluation.items import CannotScoreError
from platewise.evaluation.precision import (
    PrecisionNull,
    annotation_precision,
    mean_precision,
    precision_p_values,
    replicate_precision,
    significant_precision,
)
from platewise.evaluation.similarity import CloseNumber, Cosine


def precision_of(queries: list[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """Average precision of queries, each with its positives and negatives."""
    positives, negatives = zip(*queries, strict=True)
    ends = [np.cumsum([len(part) for part in parts]) for parts in (positives, negatives)]
    ordered = np.concatenate([np.sort(part) for part in negatives])
    return precision_against(np.concatenate(positives), ends[0], ordered, ends[1]).tolist()


def test_by_hand() -> None:
    # Ranks of the positives: 1, 3 and 4 of five. A tie with one negative counts half a place.
    queries = [([0.9, 0.5, 0.4], [0.7, 0.1]), ([0.5], [0.5, 0.1])]
    assert precision_of(queries) == pytest.approx([(1 / 1 + 2 / 3 + 3 / 4) / 3, 1 / 1.5])


def test_it_is_scikit_learns_without_ties() -> None:
    rng = np.random.default_rng(0)
    positives, negatives = rng.normal(1, 1, 7), rng.normal(0, 1, 23)
    expected = average_precision_score([1] * 7 + [0] * 23, np.r_[positives, negatives])
    assert precision_of([(positives, negatives)]) == pytest.approx([expected])
    assert naive_precision(positives, negatives) == pytest.approx(expected)


def screen() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(1)
    rows, values = [], []
    centres = 1.2 * rng.normal(size=(5, 12))
    for plate in range(4):
        for well in range(13):
            drug = well if well < 5 else -1
            rows.append((f"P{plate}", f"drug{drug}" if drug >= 0 else "DMSO", drug < 0))
            values.append(rng.normal(size=12) + (centres[drug] if drug >= 0 else 0))
    return pd.DataFrame(rows, columns=["plate", "drug", "control"]), np.array(values)


def test_replicate_precision_is_copairs(tmp_path: Path) -> None:
    meta, values = screen()
    labels = np.unique(meta["drug"], return_inverse=True)[1]
    ours = replicate_precision(Cosine(values), labels, meta["plate"].to_numpy(), meta["control"].to_numpy())
    theirs = reference_precision(meta, values, ["drug"], [], ["plate"], ["control"], progress_bar=False)
    theirs = theirs[~theirs["control"]]
    np.testing.assert_allclose(ours.values, theirs["average_precision"], atol=1e-5)
    assert ours.positives.tolist() == theirs["n_pos_pairs"].tolist()
    assert (ours.positives + ours.negatives).tolist() == theirs["n_total_pairs"].tolist()

    summary = reference_mean(theirs, ["drug"], 4000, 0.05, 0, progress_bar=False, cache_dir=tmp_path)
    means = mean_precision(ours)
    np.testing.assert_allclose(means.values, summary["mean_average_precision"], atol=1e-5)
    p = precision_p_values(ours, means, PrecisionNull(4000, 0))
    np.testing.assert_allclose(p, summary["p_value"], atol=0.02)


def test_annotation_precision_is_copairs() -> None:
    rng = np.random.default_rng(2)
    moas = [f"moa{index % 4}" for index in range(20)]
    values = rng.normal(size=(20, 6))
    ours = annotation_precision(Cosine(values), annotation_matches(moas))
    meta = pd.DataFrame({"moa": moas})
    theirs = reference_precision(meta, values, ["moa"], [], [], ["moa"], progress_bar=False)
    np.testing.assert_allclose(ours.values, theirs["average_precision"], atol=1e-5)


def test_positives_of_other_batches_only() -> None:
    # Wells 0 and 1 share a batch and are equal; the third, in another batch, lies behind the control.
    similarity = CloseNumber(np.array([0.0, 0.0, 5.0, 1.0]))
    labels, plates, batches = np.array([0, 0, 0, 1]), np.array(["p"] * 4), np.array(["x", "x", "y", "x"])
    controls = np.array([False, False, False, True])
    everywhere = replicate_precision(similarity, labels, plates, controls)
    elsewhere = replicate_precision(similarity, labels, plates, controls, batches)
    assert everywhere.values[0] == pytest.approx((1 + 2 / 3) / 2)
    assert elsewhere.values[0] == pytest.approx(1 / 2)


def test_p_values_are_uniform_under_chance() -> None:
    rng = np.random.default_rng(3)
    null = PrecisionNull(500, 0)
    p = []
    for _ in range(150):
        values = rng.normal(size=(22, 5))
        plates = np.array(["p"] * 22)
        labels = np.r_[[0, 0], np.full(20, 1)]
        precision = replicate_precision(Cosine(values), labels, plates, labels == 1)
        p.append(precision_p_values(precision, mean_precision(precision), null)[0])
    # Two wells of one perturbation see each other: their mean is less spread than one null; p must not be too small.
    assert kstest(p, "uniform", alternative="greater").pvalue > 0.01
    assert np.mean(np.array(p) < 0.05) < 0.1


def test_true_replicates_are_significant_and_random_ones_are_not() -> None:
    meta, values = screen()
    labels = np.unique(meta["drug"], return_inverse=True)[1]
    args = (meta["plate"].to_numpy(), meta["control"].to_numpy())
    null = PrecisionNull(1000, 0)
    strong = significant_precision(replicate_precision(Cosine(values), labels, *args), null, 0.05)
    assert strong.values.tolist() == [1.0] * 5
    noise = np.random.default_rng(4).normal(size=values.shape)
    weak = significant_precision(replicate_precision(Cosine(noise), labels, *args), null, 0.05)
    assert weak.values.sum() <= 1


def test_the_null_is_repeatable_and_independent_of_the_order_of_questions() -> None:
    first, second = PrecisionNull(50, 7), PrecisionNull(50, 7)
    first.draws(2, 9)
    np.testing.assert_array_equal(first.draws(3, 5), second.draws(3, 5))
    assert PrecisionNull(50, 7).draws(3, 0).tolist() == [1.0] * 50


@pytest.mark.parametrize(
    ("labels", "controls", "plates", "reason"),
    [
        ([0, 1, 2], [False, False, True], ["p"] * 3, "no perturbation has two wells to compare"),
        ([0, 0, 1], [False, False, True], ["p", "p", "q"], "no negative controls on the plates"),
        ([0, 0], [True, True], ["p", "p"], "no treated wells"),
    ],
)
def test_what_cannot_be_scored_says_why(labels: list, controls: list, plates: list, reason: str) -> None:
    similarity = CloseNumber(np.arange(len(labels)))
    precision = replicate_precision(similarity, np.array(labels), np.array(plates), np.array(controls))
    with pytest.raises(CannotScoreError, match=reason):
        mean_precision(precision)


def test_random_rankings_are_all_alike() -> None:
    # Two positives among four: six rankings, each as likely.
    found = PrecisionNull(60_000, 0).draws(2, 2)
    expected = [(1 / first + 2 / second) / 2 for first in range(1, 5) for second in range(first + 1, 5)]
    values, counts = np.unique(found.round(9), return_counts=True)
    assert values.tolist() == pytest.approx(sorted(expected))
    # Counts of 10,000 with a deviation of 91.
    assert np.abs(counts - 10_000).max() < 400
    assert PrecisionNull(10, 0).draws(3, 0).tolist() == [1.0] * 10


@pytest.mark.parametrize("kind", ["profiles", "ties"])
def test_many_queries_are_as_one_by_one(kind: str) -> None:
    rng = np.random.default_rng(7)
    size = 700  # more than are looked at in one go
    similarity = Cosine(rng.normal(size=(size, 6))) if kind == "profiles" else CloseNumber(rng.integers(0, 40, size))
    matches = annotation_matches([f"{index % 9}" if index % 5 else f"alone {index}" for index in range(size)])
    found = annotation_precision(similarity, matches)
    everything = similarity.block(np.arange(size), np.arange(size))
    for query in (0, 1, 511, 512, 699):
        others = np.arange(size) != query
        if matches[query].any():
            expected = naive_precision(everything[query, matches[query]], everything[query, others & ~matches[query]])
            assert found.values[query] == pytest.approx(expected, rel=1e-9)
        else:
            assert np.isnan(found.values[query])
    wells = rng.integers(0, 60, size)
    plates, controls = rng.integers(0, 4, size), rng.random(size) < 0.2
    found = replicate_precision(similarity, wells, plates, controls)
    treated = np.flatnonzero(~controls)
    for place in (0, 5, len(treated) - 1):
        well = treated[place]
        own = (wells == wells[well]) & ~controls & (np.arange(size) != well)
        expected = naive_precision(everything[well, own], everything[well, controls & (plates == plates[well])])
        assert found.values[place] == pytest.approx(expected, rel=1e-9)
        assert found.positives[place] == own.sum()


def naive_precision(positives: np.ndarray, negatives: np.ndarray) -> float:
    precisions = []
    for rank, value in enumerate(sorted(positives, reverse=True), start=1):
        precisions.append(rank / (rank + (negatives > value).sum() + 0.5 * (negatives == value).sum()))
    return float(np.mean(precisions))
