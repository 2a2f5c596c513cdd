"""What a network is trained for: the loss of self-supervision by hand, and that it finds what cells are like."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from platewise.config.embedding import SelfEmbedding
from platewise.embedding.objectives import Recognising, alike_and_spread
from platewise.embedding.training import embed, train

CPU = torch.device("cpu")
SELF = SelfEmbedding(
    kind="self",
    width=8,
    features=16,
    downscale=1,
    projection=32,
    epochs=12,
    steps_per_epoch=8,
    train_batch=24,
    learning_rate=4e-3,
    augment={"shift": 1, "gain": 0.3, "offset": 0.3},
)


def test_the_loss_by_hand():
    first = torch.tensor([[0.0, 1.0], [2.0, -1.0]])
    second = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    # Mean squared difference: (1 + 0 + 1 + 0) / 4.
    alike = 0.5
    # Variances with n - 1: 2 and 2 of the first; 0 and 2 of the second, whose first number is 0.01 wide instead of 1.
    spread = ((1 - 0.01) / 2) / 2
    # Covariances: -2 and 0; two equal entries off the diagonal, over two numbers.
    shared = (-2.0) ** 2
    assert alike_and_spread(first, second).item() == pytest.approx(25 * alike + 25 * spread + shared, rel=1e-5)


def test_equal_copies_that_are_spread_and_say_different_things_cost_nothing():
    corners = torch.tensor([[2.0, 2.0], [2.0, -2.0], [-2.0, 2.0], [-2.0, -2.0]])
    assert alike_and_spread(corners, corners).item() == pytest.approx(0, abs=1e-6)


def test_all_the_same_is_not_the_way_out():
    assert alike_and_spread(torch.zeros(8, 4), torch.zeros(8, 4)).item() == pytest.approx(25 * 0.99, rel=1e-4)


@pytest.fixture(scope="module")
def cells(toy):
    return toy.load(("P1", "P2"), SELF)


@pytest.fixture(scope="module")
def trained(cells, toy):
    held_out = toy.load(("P3",), SELF)
    return train(cells, held_out, SELF, seed=0, device=CPU)


def test_it_learns_without_names(trained):
    assert trained.classes == ()
    first, last = trained.curves[0], trained.curves[-1]
    assert last["train_loss"] < first["train_loss"]
    assert last["validation_loss"] < first["validation_loss"]
    assert math.isnan(last["train_accuracy"])
    assert math.isnan(last["validation_accuracy"])


def test_cells_that_look_alike_lie_near_one_another(trained, cells):
    features = embed(trained.network, cells, np.arange(len(cells)), SELF)
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    distances = np.linalg.norm(features[:, None] - features[None, :], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.array([cells.names[row.argsort()[:5]] for row in distances])
    # DMSO is half of the cells, the others a quarter each: chance is 0.375.
    assert (nearest == cells.names[:, None]).mean() > 0.6


def test_wells_are_drawn_evenly_whatever_they_were_given(cells):
    fewer = cells.part(np.flatnonzero((cells.wells > 0) | (np.arange(len(cells)) < 3)))
    rows = Recognising(SELF, fewer).sampler.draw(8000, np.random.default_rng(0))
    counts = np.bincount(fewer.wells[rows], minlength=8)
    # Binomial with p = 1/8: deviation 30.
    assert np.abs(counts - 1000).max() < 150


def test_a_killed_training_goes_on_to_the_same_weights(cells, tmp_path):
    short = SELF.model_copy(update={"epochs": 2})
    whole = train(cells, None, short, seed=0, device=CPU, resume=tmp_path / "state")
    again = train(cells, None, short, seed=0, device=CPU, resume=tmp_path / "state")
    one, two = whole.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
