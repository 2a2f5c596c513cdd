"""The training loop: resumed exactly, stopped in time, refused when it cannot work."""

import math

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from platewise.config.segmenters import TrainedSegmenter
from platewise.segmentation.models import ModelInfo, build
from platewise.segmentation.training import loop
from platewise.segmentation.training.loop import TrainingError, architecture, learning_rate, train_segmenter
from platewise.segmentation.training.pairs import make_pair

CPU = torch.device("cpu")


def config(**keys):
    small = {
        "engine": "flow",
        "annotations": "disks",
        "width": 4,
        "steps": 6,
        "batch": 2,
        "crop": 32,
        "validate_every": 2,
    }
    return TypeAdapter(TrainedSegmenter).validate_python(small | keys)


def disks(number):
    rng = np.random.default_rng(number)
    label = np.zeros((96, 96), np.int32)
    rows, columns = np.mgrid[:96, :96]
    for count, (row, column) in enumerate(np.mgrid[16:96:32, 16:96:32].reshape(2, -1).T + rng.integers(-4, 4, 2), 1):
        label[np.hypot(rows - row, columns - column) < 10] = count
    image = 200.0 * (label > 0) + rng.normal(20, 5, label.shape)
    return make_pair(f"image {number}", f"g{number}", "disks", image[None].astype(np.float32), label, 20.0)


@pytest.fixture(scope="module")
def pairs():
    return [disks(number) for number in range(3)]


def weights(trained):
    return {name: tensor.numpy() for name, tensor in trained.network.state_dict().items()}


def same(first, second):
    return all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("engine", ["flow", "unet", "fpn", "scale", "maskrcnn"])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(pairs, tmp_path, monkeypatch, engine):
    settings = config(engine=engine, crop=64)
    whole = train_segmenter(pairs[:2], pairs[2:], settings, 0, CPU)
    state, step = tmp_path / "state.safetensors", loop._train_step
    done = []

    def killed(*arguments):
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(1)
        return step(*arguments)

    monkeypatch.setattr(loop, "_train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train_segmenter(pairs[:2], pairs[2:], settings, 0, CPU, resume=state)
    monkeypatch.setattr(loop, "_train_step", lambda *arguments: done.append(1) or step(*arguments))
    resumed = train_segmenter(pairs[:2], pairs[2:], settings, 0, CPU, resume=state)
    # Steps 1 to 5, then 5 and 6 after the state that was saved at the look after step 4.
    assert len(done) == 5 + 2
    assert same(weights(resumed), weights(whole))
    assert resumed.curves == whole.curves


def test_a_state_of_another_training_is_not_gone_on_with(pairs, tmp_path):
    state = tmp_path / "state.safetensors"
    train_segmenter(pairs[:2], [], config(), 1, CPU, resume=state)
    fresh = train_segmenter(pairs[:2], [], config(), 0, CPU)
    assert same(weights(train_segmenter(pairs[:2], [], config(), 0, CPU, resume=state)), weights(fresh))


def test_a_damaged_state_costs_the_steps_only(pairs, tmp_path):
    state = tmp_path / "state.safetensors"
    state.write_bytes(b"no tensors")
    fresh = train_segmenter(pairs[:2], [], config(), 0, CPU)
    assert same(weights(train_segmenter(pairs[:2], [], config(), 0, CPU, resume=state)), weights(fresh))


def test_seeds_decide_everything(pairs):
    first, again, other = (train_segmenter(pairs, [], config(), seed, CPU) for seed in (0, 0, 1))
    assert same(weights(first), weights(again))
    assert not same(weights(first), weights(other))


def test_without_validation_images_the_last_weights_are_kept_and_no_loss_is_claimed(pairs):
    trained = train_segmenter(pairs, [], config(), 0, CPU)
    assert [row["step"] for row in trained.curves] == [2, 4, 6]
    assert all(math.isnan(row["validation_loss"]) for row in trained.curves)


def test_the_best_weights_are_kept_and_a_stale_training_ends(pairs, monkeypatch):
    told = iter([0.5, 0.3, 0.4, 0.6, 0.1])
    kept = []

    def validate(network, looks, seed):
        kept.append({name: tensor.clone().numpy() for name, tensor in network.state_dict().items()})
        return {"validation_loss": next(told)}

    monkeypatch.setattr(loop, "validate", validate)
    trained = train_segmenter(pairs[:2], pairs[2:], config(steps=20, validate_every=1, patience=2), 0, CPU)
    assert [row["validation_loss"] for row in trained.curves] == [0.5, 0.3, 0.4, 0.6]
    assert same(weights(trained), kept[1])


def test_a_network_learns_from_two_images(pairs):
    plain = {"intensity": 0, "noise": 0, "blur": 0, "invert": 0}
    settings = config(crop=64, batch=4, steps=60, validate_every=20, average=0.8, learning_rate=1e-2, augment=plain)
    trained = train_segmenter(pairs[:2], pairs[2:], settings, 0, CPU)
    first, last = trained.curves[0], trained.curves[-1]
    assert last["train_foreground"] < 0.8 * first["train_foreground"]
    assert last["validation_loss"] < 0.7 * first["validation_loss"]


def test_it_goes_on_from_given_weights(pairs):
    first = train_segmenter(pairs, [], config(), 0, CPU)
    still = config(steps=1, learning_rate=1e-12, weight_decay=0)
    second = train_segmenter(pairs, [], still, 5, CPU, start=first.network.state_dict())
    before, after = weights(first), weights(second)
    learned = [name for name in before if "running" not in name and "batches" not in name]
    assert all(np.allclose(before[name], after[name], atol=1e-6) for name in learned)


def test_images_without_objects_teach_nothing():
    empty = make_pair("e", "g", "k", np.ones((1, 64, 64), np.float32), np.zeros((64, 64), np.int32), 20.0)
    with pytest.raises(TrainingError, match=r"none of 1 training images has an annotated object.*Hint"):
        train_segmenter([empty], [], config(), 0, CPU)


def test_a_loss_that_is_not_finite_is_an_error(pairs, monkeypatch):
    monkeypatch.setattr(loop, "_train_step", lambda *_: {"loss": math.nan})
    with pytest.raises(TrainingError, match=r"loss is nan in step 0.*learning_rate"):
        train_segmenter(pairs, [], config(), 0, CPU)


def test_a_validation_loss_that_is_not_finite_is_an_error(pairs, monkeypatch):
    monkeypatch.setattr(loop, "validate", lambda *_: {"validation_loss": math.nan})
    with pytest.raises(TrainingError, match=r"validation loss is nan after step 1.*learning_rate"):
        train_segmenter(pairs[:2], pairs[2:], config(steps=1, validate_every=1), 0, CPU)


@pytest.mark.parametrize("engine", ["unet", "fpn", "flow", "maskrcnn"])
def test_the_encoder_is_the_one_that_was_asked_for(engine):
    for encoder, block in (("densenet", "DenseBlock"), ("inception", "InceptionBlock")):
        made = architecture(config(engine=engine, encoder=encoder))
        kinds = {type(part).__name__ for part in build(ModelInfo(engine, "nuclei", 20.0, made)).modules()}
        assert block in kinds
        assert "ResidualBlock" not in kinds


def test_the_learning_rate_rises_and_falls():
    settings = config(steps=100, learning_rate=1.0)
    rates = [learning_rate(step, settings) for step in range(100)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert rates[3] == pytest.approx(1)
    assert rates[3 + 97 // 2] == pytest.approx(0.5, abs=0.01)
    assert rates[-1] < 0.001
    assert rates[3:] == sorted(rates[3:], reverse=True)


def test_cells_are_learned_from_two_channels(pairs):
    label = pairs[0].levels[0][1]
    image = np.stack([label > 0, label > 0]).astype(np.float32)
    cell = make_pair("c", "g", "cells", image, label, 20.0)
    trained = train_segmenter([cell], [], config(target="cells", steps=1, validate_every=1), 0, CPU)
    assert trained.info.architecture["channels_in"] == 2
    assert trained.info.target == "cells"
