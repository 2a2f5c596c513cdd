import numpy as np
import pytest

from platewise.evaluation.items import CannotScoreError
from platewise.evaluation.probe import probe


def test_two_wells_of_two_plates_are_too_few_to_learn_from():
    values = np.random.default_rng(0).normal(size=(4, 3))
    with pytest.raises(CannotScoreError, match="too few comparable wells"):
        probe(values, np.array(["a", "a", "b", "b"]), None, seed=0)


def test_plates_far_apart_are_told_apart():
    values = np.random.default_rng(0).normal(size=(12, 3))
    labels = np.repeat(["a", "b"], 6)
    values[labels == "b"] += 10
    found = probe(values, labels, None, seed=0)
    assert (found.accuracy, found.chance) == (1.0, 0.5)
