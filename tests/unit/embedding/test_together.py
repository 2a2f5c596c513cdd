"""Several processes that train one network: against the same written out naively in one."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from platewise.config.embedding import AdversaryConfig, WeakEmbedding
from platewise.embedding.adversary import Adversaries, add_heads
from platewise.embedding.cells import hold_out_wells, read_cells
from platewise.embedding.group import Group
from platewise.embedding.network import build_network
from platewise.embedding.objectives import make_objective, prepare
from platewise.embedding.together import TRAINING, VALIDATION, train_together
from platewise.embedding.training import TrainingError, learning_rate, make_optimizer, train
from platewise.weights import load_tensors

CPU = torch.device("cpu")
# No random changes: each process draws its own.
SMALL = WeakEmbedding(
    width=8,
    features=16,
    downscale=2,
    epochs=2,
    steps_per_epoch=3,
    train_batch=12,
    validation_wells=0.25,
    adversary=AdversaryConfig(head_steps=2),
    augment={"turns": False, "shift": 0, "gain": 0, "offset": 0},
)


@pytest.fixture(scope="module")
def folder(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    toy.load(("P1", "P2"), SMALL, folder=folder / TRAINING).save(folder / TRAINING)
    toy.load(("P3",), SMALL, folder=folder / VALIDATION).save(folder / VALIDATION)
    return folder


def naive(cells, config, seed, shares):
    """Copies of a network, each with a share of every step: gradients averaged by hand."""
    objective = make_objective(config, cells)
    network = build_network(config.network, 2, config.width, config.features, seed, objective.make_head)
    add_heads(network.adversaries, cells, objective.numbers, config.adversary, config.features, seed)
    networks = [copy.deepcopy(network) for _ in range(shares)]
    optimizers = [make_optimizer(own, config) for own in networks]
    total = config.epochs * config.steps_per_epoch
    losses = []
    for epoch in range(config.epochs):
        heads = [Adversaries(own.adversaries, cells, objective.numbers, config.adversary) for own in networks]
        for own in networks:
            own.train()
        for step in range(config.steps_per_epoch):
            rng = np.random.default_rng([seed, epoch, step])
            drawn = objective.sampler.draw(config.train_batch, rng)
            parts = np.array_split(drawn, shares)
            looks = [
                objective.look(own, prepare(cells, part, config, CPU), part, rng)
                for own, part in zip(networks, parts, strict=True)
            ]
            features = torch.cat([look.features.detach() for look in looks])
            done = epoch * config.steps_per_epoch + step
            for part, look, optimizer, head in zip(parts, looks, optimizers, heads, strict=True):
                optimizer.param_groups[0]["lr"] = learning_rate(done, config)
                head.learn(features, head.choose(drawn, CPU), optimizer)
                optimizer.zero_grad()
                (look.loss + head.loss(look.features, head.choose(part, CPU), done / total)).backward()
            for same in zip(*(own.parameters() for own in networks), strict=True):
                if same[0].grad is not None:
                    mean = torch.stack([value.grad for value in same]).mean(dim=0)
                    for value in same:
                        value.grad = mean.clone()
            for optimizer in optimizers:
                optimizer.step()
            losses.append(np.mean([look.loss.item() for look in looks]))
        states = [own.state_dict() for own in networks]
        for name, value in states[0].items():
            if value.is_floating_point():
                mean = torch.stack([state[name] for state in states]).mean(dim=0)
                for state in states:
                    state[name].copy_(mean)
    return networks[0], np.reshape(losses, (config.epochs, -1)).mean(axis=1)


@pytest.fixture(scope="module")
def trained(folder):
    return train_together(folder, SMALL, 3, "cpu", 2, 1, folder / "resume.safetensors")


def test_two_processes_do_what_two_copies_do(folder, trained):
    cells, _ = hold_out_wells(read_cells(folder / TRAINING), SMALL.validation_wells, 3)
    expected, losses = naive(cells, SMALL, 3, shares=2)
    assert [figures["train_loss"] for figures in trained.curves] == pytest.approx(losses.tolist(), rel=1e-5)
    kept = {name: value for name, value in expected.state_dict().items() if name.startswith("body.")}
    found = trained.network.state_dict()
    assert found.keys() == kept.keys()
    for name, value in kept.items():
        assert torch.allclose(found[name], value, rtol=1e-4, atol=1e-6), name
    alone, _ = naive(cells, SMALL, 3, shares=1)
    assert not torch.allclose(alone.state_dict()["body.0.0.weight"], found["body.0.0.weight"], rtol=1e-4, atol=1e-6)


def test_they_look_at_the_same_cells_as_one_process(folder, trained, tmp_path):
    cells, held_out_wells = hold_out_wells(read_cells(folder / TRAINING), SMALL.validation_wells, 3)
    resume = tmp_path / "resume.safetensors"
    alone = train(cells, read_cells(folder / VALIDATION), SMALL, 3, CPU, resume, held_out_wells)
    assert trained.classes == alone.classes
    facts = [load_tensors(own)[1]["training"] for own in (folder / "resume.safetensors", resume)]
    assert (facts[0]["cells"], facts[0]["looked_at"]) == (facts[1]["cells"], facts[1]["looked_at"])
    assert None not in facts[0]["looked_at"]
    for one, other in zip(trained.curves, alone.curves, strict=True):
        assert {name: math.isnan(value) for name, value in one.items()} == {
            name: math.isnan(value) for name, value in other.items()
        }


def test_a_finished_training_is_not_done_again(folder, trained):
    again = train_together(folder, SMALL, 3, "cpu", 2, 1, folder / "resume.safetensors")
    found = again.network.state_dict()
    assert again.curves == trained.curves
    assert all(torch.equal(value, found[name]) for name, value in trained.network.state_dict().items())


def test_what_a_process_failed_of_is_told(toy, tmp_path):
    cells = toy.load(("P1", "P2"), SMALL, folder=tmp_path / TRAINING)
    replace(cells, references=np.full_like(cells.references, np.nan)).save(tmp_path / TRAINING)
    with pytest.raises(TrainingError, match=r"2 processes .* failed: TrainingError: .*training loss is nan.*`gpus: 1`"):
        train_together(tmp_path, SMALL, 3, "cpu", 2, 1, tmp_path / "resume.safetensors")


def test_shares_are_equal_and_leave_nothing_out():
    rows = np.arange(12)
    assert [Group(rank, 3).share(rows).tolist() for rank in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    drawn = [Group(rank, 2).own_rng(np.random.default_rng(1)).random() for rank in range(2)]
    assert drawn[0] != drawn[1]
    rng = np.random.default_rng(1)
    assert Group().own_rng(rng) is rng


def test_one_process_has_nobody_to_speak_to():
    values = torch.arange(3.0, requires_grad=True)
    Group().average([values])
    assert values.tolist() == [0, 1, 2]
    assert not Group().gather(values).requires_grad
