"""The training loop: it learns, it stops, it goes on where it was killed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import platewise.embedding.training as training
from platewise.config.embedding import WeakEmbedding
from platewise.embedding.objectives import Naming, class_numbers
from platewise.embedding.sampling import BalancedSampler
from platewise.embedding.training import TrainingError, learning_rate, train
from platewise.errors import DataError

CPU = torch.device("cpu")
SMALL = WeakEmbedding(
    width=8,
    features=16,
    downscale=2,
    epochs=4,
    steps_per_epoch=3,
    train_batch=12,
    learning_rate=1e-2,
    augment={"shift": 1},
)


@pytest.fixture(scope="module")
def cells(toy):
    return toy.load(("P1", "P2"), SMALL)


@pytest.fixture(scope="module")
def held_out(toy):
    return toy.load(("P3",), SMALL)


@pytest.fixture(scope="module")
def undisturbed(cells, held_out):
    return train(cells, held_out, SMALL, seed=3, device=CPU)


def same_weights(one, two):
    one, two = one.state_dict(), two.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


# The stripes and speckles are finer than 2 pixels of a shrunk crop.
LEARNING = SMALL.model_copy(
    update={"downscale": 1, "epochs": 20, "steps_per_epoch": 8, "train_batch": 24, "learning_rate": 4e-3}
)


@pytest.fixture(scope="module")
def fine(toy):
    return [toy.load(plates, LEARNING) for plates in (("P1", "P2"), ("P3",))]


@pytest.mark.parametrize("normalise", ["crop", "plate"])
def test_it_learns_to_name_the_perturbations_of_a_plate_with_another_stain(fine, normalise):
    cells, held_out = fine
    trained = train(cells, held_out, LEARNING.model_copy(update={"normalise": normalise}), seed=0, device=CPU)
    assert trained.classes == ("DMSO", "speckles", "stripes")
    assert [figures["epoch"] for figures in trained.curves] == list(range(20))
    first, last = trained.curves[0], trained.curves[-1]
    assert last["train_loss"] < first["train_loss"]
    assert last["validation_accuracy"] > 0.9
    assert last["validation_well_accuracy"] == 1


def test_labels_that_mean_nothing_are_not_learnt(fine):
    cells, held_out = fine
    names = np.random.default_rng(0).permutation(cells.names)
    shuffled = type(cells)(**vars_of(cells) | {"names": names})
    last = train(shuffled, held_out, LEARNING, seed=0, device=CPU).curves[-1]
    # Three classes: chance is 1/3, and its deviation over 48 cells about 0.08.
    assert last["validation_accuracy"] < 0.6


def vars_of(cells):
    return {name: getattr(cells, name) for name in cells.__dataclass_fields__}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(cells, held_out, undisturbed):
    again = train(cells, held_out, SMALL, seed=3, device=CPU)
    assert same_weights(again.network, undisturbed.network)
    assert again.curves == undisturbed.curves
    assert not same_weights(train(cells, held_out, SMALL, seed=4, device=CPU).network, undisturbed.network)


def test_validation_does_not_change_the_weights(cells, undisturbed):
    alone = train(cells, None, SMALL, seed=3, device=CPU)
    assert same_weights(alone.network, undisturbed.network)
    assert all(math.isnan(figures["validation_accuracy"]) for figures in alone.curves)


@pytest.mark.parametrize("killed_in", [1, 2, 3])
def test_a_killed_training_goes_on_to_the_same_weights(cells, held_out, undisturbed, tmp_path, monkeypatch, killed_in):
    resume = tmp_path / "deep.resume.safetensors"
    epochs = count_epochs(monkeypatch, kill_in=killed_in)
    with pytest.raises(KeyboardInterrupt):
        train(cells, held_out, SMALL, seed=3, device=CPU, resume=resume)
    assert epochs == list(range(killed_in + 1))
    epochs = count_epochs(monkeypatch)
    resumed = train(cells, held_out, SMALL, seed=3, device=CPU, resume=resume)
    assert epochs == list(range(killed_in, 4))
    assert same_weights(resumed.network, undisturbed.network)
    assert resumed.curves == undisturbed.curves
    assert [path.name for path in tmp_path.iterdir()] == ["deep.resume.safetensors"]


def count_epochs(monkeypatch, kill_in=None):
    """List the epochs that are trained; one of them is interrupted in its second step."""
    monkeypatch.undo()
    seen, real_epoch, real_draw = [], training.train_epoch, BalancedSampler.draw

    def epoch_of(*arguments):
        seen.append(arguments[-2])
        return real_epoch(*arguments)

    steps = []

    def draw(*arguments):
        steps.append(1)
        if kill_in is not None and len(steps) == kill_in * SMALL.steps_per_epoch + 2:
            raise KeyboardInterrupt
        return real_draw(*arguments)

    monkeypatch.setattr(training, "train_epoch", epoch_of)
    monkeypatch.setattr(BalancedSampler, "draw", draw)
    return seen


def test_the_state_of_another_training_is_not_gone_on_from(cells, held_out, undisturbed, tmp_path):
    resume = tmp_path / "state"
    train(cells, held_out, SMALL.model_copy(update={"learning_rate": 1e-3}), seed=3, device=CPU, resume=resume)
    trained = train(cells, held_out, SMALL, seed=3, device=CPU, resume=resume)
    assert same_weights(trained.network, undisturbed.network)


def test_a_damaged_state_is_not_gone_on_from(cells, held_out, undisturbed, tmp_path):
    resume = tmp_path / "state"
    train(cells, held_out, SMALL, seed=3, device=CPU, resume=resume)
    resume.write_bytes(resume.read_bytes()[:1000])
    assert same_weights(train(cells, held_out, SMALL, seed=3, device=CPU, resume=resume).network, undisturbed.network)


def test_a_loss_that_is_no_number_stops_the_training(cells):
    wild = SMALL.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(TrainingError, match=r"training loss is (nan|inf) in epoch 0, step \d.*learning_rate.*1e\+30"):
        train(cells, None, wild, seed=0, device=CPU)


def test_one_class_is_nothing_to_learn(cells):
    one = type(cells)(**vars_of(cells) | {"names": np.full(len(cells), "DMSO", dtype=object)})
    with pytest.raises(DataError, match=r"carry 1 perturbation\(s\) \(DMSO\).*at least 2"):
        train(one, None, SMALL, seed=0, device=CPU)


def test_learning_rate_rises_and_falls():
    config = SMALL.model_copy(update={"epochs": 10, "steps_per_epoch": 10, "learning_rate": 1.0})
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert all(np.diff(rates[5:]) < 0)
    assert rates[52] == pytest.approx(0.5, abs=0.02)
    assert 0 < rates[-1] < 1e-3


def test_names_that_are_no_class_get_minus_one():
    assert class_numbers(np.array(["b", "x", "a"], dtype=object), ("a", "b")).tolist() == [1, -1, 0]


class Oracle(torch.nn.Module):
    """Names class 0 for every crop."""

    def __init__(self, classes):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(1))
        self.classes = classes

    def forward(self, crops):
        scores = torch.zeros(len(crops), self.classes)
        scores[:, 0] = 2
        return scores + self.bias


def test_a_network_that_always_says_the_same_has_the_accuracy_of_chance(held_out):
    figures = Naming(SMALL, held_out).validate(Oracle(3), held_out, "validation")
    # Half of the cells are DMSO; the mean over classes does not reward naming the largest.
    assert figures["validation_accuracy"] == pytest.approx(1 / 3)
    assert figures["validation_well_accuracy"] == pytest.approx(1 / 3)
    assert figures["validation_top5"] == 1
    total = math.log(math.exp(2) + 2)
    assert figures["validation_loss"] == pytest.approx((total - 2 + 2 * total) / 3, rel=1e-5)


def test_cells_of_unknown_classes_are_left_out_of_the_validation(held_out):
    naming = Naming(SMALL, held_out.part(np.flatnonzero(held_out.names != "speckles")))
    assert naming.classes == ("DMSO", "stripes")
    assert naming.validate(Oracle(2), held_out, "held_out_wells")["held_out_wells_accuracy"] == pytest.approx(1 / 2)
    others = replace(held_out, names=np.array(["other"] * len(held_out), dtype=object))
    assert all(math.isnan(value) for value in naming.validate(Oracle(2), others, "validation").values())
