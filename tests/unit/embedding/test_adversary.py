"""Adversarial batch removal: the turned gradient, what a head may learn from, and that it hides the batch."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from platewise.config.embedding import AdversaryConfig, WeakEmbedding
from platewise.embedding.adversary import (
    Adversaries,
    add_heads,
    certainty,
    class_weights,
    head_targets,
    in_several,
    make_head,
    origin_numbers,
    reversal_weight,
    reverse_gradient,
)
from platewise.embedding.cells import Cells
from platewise.embedding.training import train
from platewise.errors import DataError

CPU = torch.device("cpu")
SMALL = WeakEmbedding(
    width=8,
    features=16,
    downscale=2,
    epochs=3,
    steps_per_epoch=3,
    train_batch=12,
    augment={"shift": 1},
    adversary=AdversaryConfig(against=("batch", "position")),
)


@pytest.fixture(scope="module")
def cells(toy):
    """Two batches, a plate each, with the same four wells."""
    return toy.load(("P1", "P2"), SMALL)


def test_features_pass_and_their_gradient_is_turned_around():
    features = torch.tensor([[1.0, -2.0]], requires_grad=True)
    passed = reverse_gradient(features, 0.5)
    assert passed.tolist() == [[1, -2]]
    # d(3 a + 4 b) = (3, 4): what arrives at the features is -0.5 of it.
    (passed * torch.tensor([3.0, 4.0])).sum().backward()
    assert features.grad.tolist() == [[-1.5, -2.0]]


def test_a_head_has_a_score_for_each_origin_and_sees_standardised_features():
    head = make_head(16, 3)
    assert head(torch.zeros(2, 16)).shape == (2, 3)
    assert sum(value.numel() for value in head.parameters()) == 17 * 3
    features = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(head(features), head(100 * features + 7), atol=1e-3, rtol=1e-3)


def test_certainty_is_the_distance_from_naming_all_alike():
    ones = torch.ones(2)
    assert certainty(torch.zeros(2, 4), ones).item() == pytest.approx(0, abs=1e-6)
    # Shares 3/4 and 1/4: -(log 3/4 + log 1/4) / 2 - log 2.
    sure = torch.log(torch.tensor([[0.75, 0.25], [0.5, 0.5]]))
    one = -(math.log(0.75) + math.log(0.25)) / 2 - math.log(2)
    assert certainty(sure, ones).item() == pytest.approx(one / 2)
    assert certainty(sure, torch.tensor([3.0, 1.0])).item() == pytest.approx(0.75 * one)


def test_every_class_of_an_origin_counts_alike_and_every_origin():
    classes, origins = np.array([0, 0, 0, 1, 0, 1]), np.array([0, 0, 0, 0, 1, 1])
    # Origin 0: three cells of class 0 and one of class 1 share a half of six cells.
    assert class_weights(classes, origins).tolist() == pytest.approx([0.5, 0.5, 0.5, 1.5, 1.5, 1.5])


def test_the_weight_rises_from_nothing():
    config = AdversaryConfig(weight=3)
    assert reversal_weight(0, config) == 0
    assert reversal_weight(0.1, config) == pytest.approx(3 * (2 / (1 + math.exp(-1)) - 1))
    assert reversal_weight(1, config) == pytest.approx(3, abs=1e-3)


def test_origins_are_numbered_without_gaps(cells):
    plates = np.repeat([0, 1], 48)
    assert origin_numbers(cells, "plate").tolist() == plates.tolist()
    assert origin_numbers(cells, "batch").tolist() == plates.tolist()
    assert origin_numbers(cells, "position").tolist() == [*np.repeat([0, 1, 2, 3], 12)] * 2
    assert origin_numbers(replace(cells, batches=np.full(96, 7)), "batch").tolist() == [0] * 96


def test_only_classes_in_several_origins_tell_an_origin_from_a_class():
    classes, origins = np.array([0, 0, 1, 1, 2, 0]), np.array([0, 1, 1, 1, 0, 0])
    assert in_several(classes, origins).tolist() == [True, True, False, False, False, True]


def test_origins_that_no_head_can_learn_from_have_no_output():
    # Class 0 is in origins 1 and 4, class 1 in 2 only, class 2 in 4 and 5; nothing of origin 0 and 3 takes part.
    classes, origins = np.array([0, 0, 1, 1, 2, 2, 3, 4]), np.array([1, 4, 2, 2, 5, 4, 0, 3])
    assert head_targets(classes, origins, "position").tolist() == [0, 1, -1, -1, 2, 1, -1, -1]


def test_where_all_cells_take_part_targets_are_the_origins(cells):
    for origin, names in (("batch", cells.names), ("plate", cells.names), ("position", np.array(["x"] * 96))):
        classes, own = np.unique(names.astype(str), return_inverse=True)[1], origin_numbers(cells, origin)
        assert head_targets(classes, own, origin).tolist() == own.tolist()


def test_a_head_has_outputs_for_the_origins_it_sees_only(cells):
    """DMSO is in wells A01 and A02, the others in one position each: two of four positions can be told apart."""
    classes = np.unique(cells.names.astype(str), return_inverse=True)[1]
    heads = torch.nn.ModuleDict()
    add_heads(heads, cells, classes, SMALL.adversary, features=16, seed=0)
    assert {origin: head(torch.zeros(2, 16)).shape[1] for origin, head in heads.items()} == {"batch": 2, "position": 2}
    chosen = Adversaries(heads, cells, classes, SMALL.adversary).choose(np.array([0, 12, 24, 36, 48]), CPU)
    of_use, truth, _ = chosen["position"]
    assert (of_use.tolist(), truth.tolist()) == ([0, 1, 4], [0, 1, 0])
    of_use, truth, _ = chosen["batch"]
    assert (of_use.tolist(), truth.tolist()) == ([0, 1, 2, 3, 4], [0, 0, 0, 0, 1])


def test_an_adversary_that_could_learn_nothing_is_refused(cells):
    # DMSO is in two wells, the others in one each.
    train(replace(cells, names=np.array(["DMSO"] * 12 + ["x"] * 84, object)), None, SMALL, seed=0, device=CPU)
    one = replace(cells, batches=np.zeros(96, int))
    with pytest.raises(DataError, match=r"no perturbation .* several batch values.*Hint: train on plates of several"):
        train(one, None, SMALL, seed=0, device=CPU)
    apart = replace(cells, names=np.array(["a"] * 48 + ["b"] * 48, object))
    with pytest.raises(DataError, match="several batch values"):
        train(apart, None, SMALL, seed=0, device=CPU)


def test_each_origin_is_named_once():
    with pytest.raises(ValidationError, match="name each once"):
        AdversaryConfig(against=("batch", "batch"))


def test_both_heads_are_in_the_curves(cells):
    (*_, last) = train(cells, None, SMALL, seed=0, device=CPU).curves
    for origin, count in (("batch", 2), ("position", 2)):
        assert 0 < last[f"adversary_{origin}_loss"] < 3 * math.log(count + 1)
        assert 0 <= last[f"adversary_{origin}_accuracy"] <= 1
    assert "adversary_plate_loss" not in last


def test_the_first_weights_of_the_network_do_not_depend_on_adversaries(cells):
    """With a weight of next to nothing the training is the one without."""
    faint = SMALL.model_copy(update={"adversary": AdversaryConfig(weight=1e-30)})
    without = SMALL.model_copy(update={"adversary": None})
    one, two = (train(cells, None, config, seed=0, device=CPU).network.state_dict() for config in (faint, without))
    assert all(torch.equal(one[name], value) for name, value in two.items())


def test_a_killed_training_goes_on_to_the_same_weights(cells, tmp_path, monkeypatch):
    undisturbed = train(cells, None, SMALL, seed=0, device=CPU)
    import platewise.embedding.training as training

    real = training.train_epoch

    def killed(*arguments):
        if arguments[-2] == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(training, "train_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(cells, None, SMALL, seed=0, device=CPU, resume=tmp_path / "state")
    monkeypatch.undo()
    resumed = train(cells, None, SMALL, seed=0, device=CPU, resume=tmp_path / "state")
    one, two = resumed.network.state_dict(), undisturbed.network.state_dict()
    assert any(name.startswith("adversaries.") for name in one)
    assert all(torch.equal(one[name], two[name]) for name in two)


def plates_apart(seed):
    """Six classes of cells on two plates; a cell's brightness in eight channels is its class, its batch and noise."""
    rng = np.random.default_rng(seed)
    classes, batches = np.repeat(np.arange(6), 96), np.tile(np.repeat([0, 1], 48), 6)
    shown = rng.normal(0, 1, (6, 8))[classes] + rng.normal(0, 2, (2, 8))[batches] + rng.normal(0, 1, (576, 8))
    crops = 5000 + 600 * shown[:, :, None, None] + rng.normal(0, 200, (576, 8, 8, 8))
    reference = np.stack([np.full(8, 5000), np.full(8, 600)]).astype(np.float32)
    return Cells(
        crops=np.rint(np.clip(crops, 1, 65535)).astype(np.uint16),
        places=np.arange(576),
        names=np.array(list("abcdef"), object)[classes],
        plates=batches,
        wells=np.arange(576) // 16,
        positions=np.arange(576) // 16,
        batches=batches,
        plate_names=("P1", "P2"),
        references=np.stack([reference, reference]),
    )


def test_less_of_the_batch_is_left_and_as_much_of_the_perturbation():
    still = {"turns": False, "shift": 0, "gain": 0, "offset": 0}
    sizes = {"width": 16, "features": 32, "downscale": 1, "augment": still}
    config = WeakEmbedding(**sizes, epochs=10, steps_per_epoch=20, train_batch=48, learning_rate=3e-3)
    last = {}
    for name, adversary in (("with", AdversaryConfig()), ("without", None)):
        curves = [
            train(plates_apart(seed), None, config.model_copy(update={"adversary": adversary}), seed, CPU).curves[-1]
            for seed in (0, 1)
        ]
        last[name] = {
            figure: np.mean([one[figure] for one in curves]) for figure in ("probe_batch_accuracy", "train_accuracy")
        }
    assert last["without"]["probe_batch_accuracy"] > 0.78
    assert last["with"]["probe_batch_accuracy"] < last["without"]["probe_batch_accuracy"] - 0.05
    assert last["with"]["train_accuracy"] > last["without"]["train_accuracy"] - 0.05
