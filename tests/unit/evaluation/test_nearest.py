"""NSC and NSCB by hand."""

from __future__ import annotations

import numpy as np
import pytest

from platewise.evaluation.annotations import annotation_matches
from platewise.evaluation.items import CannotScoreError
from platewise.evaluation.nearest import in_several_batches, nearest_match, same_perturbation, shared_batch
from platewise.evaluation.similarity import CloseNumber

# Compound, batch, mechanism and place on a line of six treatments.
COMPOUNDS = ["a", "a", "b", "c", "d", "e"]
BATCHES = ["1", "1", "1", "2", "2", "1|2"]
MOAS = ["x", "x", "x", "x", "y", "y"]
PLACES = np.array([0.0, 0.1, 1.0, 3.0, 2.5, 2.6])


def test_nsc_leaves_the_own_compound_out() -> None:
    items = nearest_match(CloseNumber(PLACES), annotation_matches(MOAS), same_perturbation(COMPOUNDS))
    # a and a -> b (x); b -> a (x); c -> e (y, wrong); d -> e (y); e -> d (y).
    assert items.values.tolist() == [1, 1, 1, 0, 1, 1]
    assert items.score == pytest.approx(5 / 6)


def test_nscb_leaves_the_own_batch_out_too() -> None:
    excluded = same_perturbation(COMPOUNDS) | shared_batch(BATCHES)
    items = nearest_match(CloseNumber(PLACES), annotation_matches(MOAS), excluded)
    # a, a, b may see c (x) and d (y), and d is nearer. c may see a, a, b, and b is nearest. d (y) may see nobody of y,
    # and e shares a batch with all: whatever their profiles, they cannot be right.
    assert items.values[:4].tolist() == [0, 0, 0, 1]
    assert np.isnan(items.values[4:]).all()
    assert (items.evaluated, items.score) == (4, 0.25)


def test_a_tie_counts_the_share_that_matches() -> None:
    items = nearest_match(
        CloseNumber(np.array([0.0, 1.0, -1.0])),
        annotation_matches(["x", "x", "y"]),
        np.eye(3, dtype=bool),
    )
    assert items.values[:2].tolist() == [0.5, 1.0]


def test_annotations_of_one_batch_are_left_out() -> None:
    assert in_several_batches(["x", "x", "y", "y|x", "z", ""], ["1", "2", "1", "1", "1|2", "1"]).tolist() == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]


def test_no_neighbour_at_all_says_so() -> None:
    with pytest.raises(CannotScoreError, match="no two treatments share an annotation but those of a perturbation or "):
        nearest_match(CloseNumber(np.zeros(2)), np.ones((2, 2), bool), np.ones((2, 2), bool))


def test_annotations_with_one_member_are_not_scored() -> None:
    items = nearest_match(
        CloseNumber(np.array([0.0, 1.0, 5.0, 5.1])),
        annotation_matches(["x", "x", "lone", "lone"]),
        same_perturbation(["a", "b", "c", "c"]),
    )
    assert items.values[:2].tolist() == [1, 1]
    assert (items.evaluated, items.score) == (2, 1.0)
