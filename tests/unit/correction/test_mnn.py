"""Mutual nearest neighbours: pairs by hand, a shift that is known, and batches that do not differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from platewise.config.correction import MnnCorrection
from platewise.correction.method import CorrectionRefusedError
from platewise.correction.mnn import anchor_vectors, correct_by_mnn, mutual_neighbours, smoothed


def batches(controls: list[int], treated: int = 10) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "Metadata_Batch": f"B{number}",
                    "Metadata_ControlType": ["negcon"] * count + [""] * treated,
                }
            )
            for number, count in enumerate(controls)
        ],
        ignore_index=True,
    )


def test_pairs_by_hand() -> None:
    one, two = np.array([[0.0], [1.0], [10.0]]), np.array([[0.9], [1.2], [2.0]])
    # Nearest to 0, 1 and 10 are 0.9, 0.9 and 2; nearest to 0.9, 1.2 and 2 is 1 each time.
    assert [part.tolist() for part in mutual_neighbours(one, two, 1)] == [[1], [0]]
    # With two neighbours: {0.9, 1.2}, {0.9, 1.2}, {2, 1.2} and {1, 0} each time.
    assert [part.tolist() for part in mutual_neighbours(one, two, 2)] == [[0, 0, 1, 1], [0, 1, 0, 1]]


def test_vectors_and_their_weights_by_hand() -> None:
    one, two = np.array([[0.0], [2.0]]), np.array([[5.0], [1.0], [7.0]])
    anchors, vectors = anchor_vectors(one, two, np.array([0, 1, 1]), np.array([0, 0, 2]))
    assert anchors.tolist() == [[5.0], [7.0]]
    assert vectors.tolist() == [[-4.0], [-5.0]]
    # The anchors are 2 apart, the width; a point at 5 has distances 0 and 2: weights 1 and exp(-1/2).
    weight = np.exp(-0.5)
    np.testing.assert_allclose(
        smoothed(np.array([[5.0], [6.0]]), anchors, vectors)[:, 0], [(-4 - 5 * weight) / (1 + weight), -4.5]
    )
    # So far away that both weights would be 0.
    assert smoothed(np.array([[-1e6]]), anchors, vectors).tolist() == [[-4.0]]


def test_a_known_shift_is_taken_out_of_controls_and_treated_wells() -> None:
    metadata = batches([30, 30])
    rng = np.random.default_rng(0)
    truth = np.tile(rng.normal(size=(40, 5)), (2, 1))
    truth[(metadata["Metadata_ControlType"] == "").to_numpy(), 0] += 8
    second = (metadata["Metadata_Batch"] == "B1").to_numpy()
    values = truth + 0.05 * second[:, None]
    # Both batches hold the same wells, so each control finds itself.
    done = correct_by_mnn(metadata, values, MnnCorrection(neighbours=1))
    np.testing.assert_allclose(done.values, truth, atol=1e-10)
    assert done.facts == {"batches": 2, "pairs": 30}
    assert values[second].mean() > truth[second].mean()


def test_batches_that_do_not_differ_are_hardly_moved() -> None:
    metadata = batches([40, 40, 40])
    values = np.random.default_rng(1).normal(size=(len(metadata), 8))
    values[(metadata["Metadata_ControlType"] == "").to_numpy(), 0] += 8
    done = correct_by_mnn(metadata, values, MnnCorrection()).values
    shifts = np.array([(done - values)[metadata["Metadata_Batch"] == name].mean(axis=0) for name in ("B0", "B1", "B2")])
    assert (shifts[0] == 0).all()
    # The standard error of a difference of means of 40 is 0.22.
    assert np.abs(shifts).max() < 0.5


def test_the_batch_with_most_controls_stays() -> None:
    metadata = batches([5, 9, 5])
    values = np.random.default_rng(2).normal(size=(len(metadata), 3))
    done = correct_by_mnn(metadata, values, MnnCorrection()).values
    stays = (metadata["Metadata_Batch"] == "B1").to_numpy()
    np.testing.assert_array_equal(done[stays], values[stays])
    assert (done[~stays] != values[~stays]).any()


def test_a_batch_without_enough_controls_is_refused() -> None:
    metadata = batches([9, 3])
    with pytest.raises(CorrectionRefusedError, match=r"found 3 negative control wells in batch B1.*least 4.*Hint"):
        correct_by_mnn(metadata, np.zeros((len(metadata), 2)), MnnCorrection())
