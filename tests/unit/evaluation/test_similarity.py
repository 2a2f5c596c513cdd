"""Similarities of profiles and of the baselines, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from platewise.evaluation.similarity import CloseNumber, ClosePosition, Cosine, Pearson, Similarity

VALUES = np.random.default_rng(0).normal(size=(6, 5))
PLACES = np.random.default_rng(1).integers(0, 4, size=(9, 2))


def test_cosine_and_correlation_are_the_known_ones() -> None:
    everything = np.arange(6)
    np.testing.assert_allclose(Cosine(VALUES).block(everything, everything), cosine_similarity(VALUES))
    np.testing.assert_allclose(Pearson(VALUES).block(everything, everything), np.corrcoef(VALUES))


def test_close_number_is_minus_the_difference() -> None:
    similarity = CloseNumber(np.array([100, 140, 90]))
    assert similarity.block(np.array([0]), np.arange(3)).tolist() == [[0, -40, -10]]


def test_close_position_is_minus_the_mean_distance_of_wells() -> None:
    # Item 0 sits at (0, 0) and (0, 2), item 1 at (3, 0): distances 3 and sqrt(13).
    similarity = ClosePosition(np.array([0, 0, 1]), np.array([[0, 0], [0, 2], [3, 0]]))
    assert similarity.pairs(np.array([0]), np.array([1]))[0] == pytest.approx(-(3 + np.sqrt(13)) / 2)
    assert similarity.pairs(np.array([1]), np.array([1]))[0] == 0


@pytest.mark.parametrize(
    "similarity",
    [Cosine(VALUES), CloseNumber(VALUES[:, 0]), ClosePosition(np.array([0, 1, 2, 3, 4, 5, 0, 1, 1]), PLACES)],
    ids=["cosine", "number", "position"],
)
def test_blocks_and_pairs_agree(similarity: Similarity) -> None:
    first, second = np.array([0, 3, 5, 5]), np.array([1, 2, 0, 5])
    block = similarity.block(np.arange(6), np.arange(6))
    np.testing.assert_allclose(similarity.pairs(first, second), block[first, second], atol=1e-12)
    np.testing.assert_allclose(block, block.T, atol=1e-12)
