"""Networks that others published, through a stand-in for timm that keeps to its interface."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from platewise.config.embedding import PublishedEmbedding
from platewise.crops.store import read_crops
from platewise.embedding.embed_task import embed_block
from platewise.embedding.model import load_model
from platewise.embedding.preprocess import compress, standardise
from platewise.embedding.published import PublishedNetwork, read_published
from platewise.embedding.train_task import train_embedding
from platewise.errors import ConfigError, DataError
from platewise.tables import read_table


class Means(nn.Module):
    """Gives each colour's mean and the mean of its square, weighted."""

    def __init__(self, in_chans):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2 * in_chans))
        self.sizes = set()

    def forward(self, images):
        self.sizes.add(tuple(images.shape[1:]))
        return self.weight * torch.cat([images.mean(dim=(2, 3)), images.square().mean(dim=(2, 3))], dim=1)


@pytest.fixture
def timm(monkeypatch):
    def create_model(name, pretrained, num_classes, in_chans, pretrained_cfg_overlay=None, img_size=None):
        assert num_classes == 0
        assert img_size == (None if name == "convnet.people" else 24 if name == "resized" else 16)
        network = Means(in_chans)
        if pretrained:
            network.load_state_dict(pretrained_cfg_overlay["state_dict"])
        return network

    module = ModuleType("timm")
    module.is_model = lambda name: name in ("vit", "convnet")
    module.get_pretrained_cfg = lambda name: SimpleNamespace(
        input_size=(3, 16, 16), first_conv="stem", fixed_input_size=name.startswith("vit")
    )
    module.create_model = create_model
    monkeypatch.setitem(sys.modules, "timm", module)
    return module


def config(path, **changes):
    own = {"kind": "timm", "name": "vit.dino", "path": str(path), "features": 6, "normalise": "crop"}
    return PublishedEmbedding(**own | changes)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "published.safetensors"
    save_file({"weight": torch.arange(1.0, 7)}, path)
    return path


def embed(toy, model, out):
    store = read_crops(toy.stores["P3"][1])
    embed_block(store.labelled_pieces(10), store.channels, model, out, "P3", device="cpu")
    crops = compress(standardise(torch.from_numpy(store.load()).float()))
    return crops, read_table(out).filter(like="Deep_").to_numpy()


def test_each_channel_is_shown_as_three_equal_colours(timm, toy, weights, tmp_path):
    train_embedding(toy.stores, toy.wells, config(weights), tmp_path / "dino", seed=0, device="cpu")
    crops, found = embed(toy, tmp_path / "dino", tmp_path / "e.parquet")
    seen = torch.nn.functional.interpolate(crops, (16, 16), mode="bilinear", antialias=True)
    means, squares = seen.mean(dim=(2, 3)), seen.square().mean(dim=(2, 3))
    # Two channels; of each, three equal colours: the mean thrice, then the mean square thrice, times 1 to 6.
    expected = [
        factor * values[:, channel]
        for channel in range(2)
        for factor, values in zip(range(1, 7), [means] * 3 + [squares] * 3, strict=True)
    ]
    assert np.allclose(found, torch.stack(expected, dim=1).numpy(), rtol=1e-4, atol=1e-5)
    model = load_model(tmp_path / "dino")
    assert model.architecture.features == 12
    assert model.network.body.sizes == {(3, 16, 16)} or not model.network.body.sizes
    assert model.facts["config"]["name"] == "vit.dino"


def test_a_network_for_these_channels_sees_them_together(timm, toy, tmp_path):
    path = tmp_path / "cells.pth"
    torch.save({"state_dict": {"weight": torch.ones(4)}}, path)
    own = config(path, name="convnet.people", channels="together", features=4, resize=64)
    train_embedding(toy.stores, toy.wells, own, tmp_path / "cp", seed=0, device="cpu")
    crops, found = embed(toy, tmp_path / "cp", tmp_path / "e.parquet")
    seen = torch.nn.functional.interpolate(crops, (64, 64), mode="bilinear")
    expected = torch.cat([seen.mean(dim=(2, 3)), seen.square().mean(dim=(2, 3))], dim=1)
    assert np.allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_saliency_of_a_cell_needs_gradients_through_it():
    network = PublishedNetwork(Means(3), each=True, side=8)
    network.body.weight.data.fill_(1)
    crops = torch.rand(2, 5, 12, 12, requires_grad=True)
    network.features(crops).sum().backward()
    assert crops.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": 5}, "found features: 5; expected features: 6"),
        ({"name": "unheard.of"}, "found unheard.of; expected a name that timm knows"),
    ],
)
def test_what_the_config_says_wrong_of_it_is_told(timm, toy, weights, tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        train_embedding(toy.stores, toy.wells, config(weights, **changes), tmp_path / "x", seed=0, device="cpu")


def test_weights_of_another_network_are_refused(timm, toy, tmp_path):
    save_file({"weight": torch.ones(8)}, tmp_path / "w.safetensors")
    with pytest.raises(DataError, match=r"do not fit vit.dino with 3 channels .*size mismatch.*Hint"):
        train_embedding(toy.stores, toy.wells, config(tmp_path / "w.safetensors"), tmp_path / "x", seed=0)


def test_networks_for_another_number_of_channels_are_refused(timm, toy, tmp_path):
    save_file({"stem.weight": torch.ones(8, 3, 4, 4)}, tmp_path / "w.safetensors")
    own = config(tmp_path / "w.safetensors", channels="together", features=4)
    with pytest.raises(DataError, match=r"do not fit vit.dino with 2 channels \(they are for 3\)"):
        train_embedding(toy.stores, toy.wells, own, tmp_path / "x", seed=0)


def test_without_timm_it_says_what_to_install(toy, weights, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"timm cannot be imported.*pip install timm"):
        train_embedding(toy.stores, toy.wells, config(weights), tmp_path / "x", seed=0, device="cpu")


class Harm:
    def __reduce__(self):
        return (print, ("code that ran",))


@pytest.mark.parametrize("content", ["code", "list", "text", "cut"])
def test_files_that_are_no_weights_are_refused(tmp_path, content, capsys):
    path = tmp_path / ("w.safetensors" if content == "cut" else "w.pth")
    match content:
        case "code":
            torch.save({"weight": Harm()}, path)
        case "list":
            torch.save([1, 2], path)
        case "text":
            path.write_text("no weights")
        case "cut":
            save_file({"weight": torch.ones(8)}, path)
            path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"w\.\w+: the weights cannot be read"):
        read_published(path)
    assert "code that ran" not in capsys.readouterr().out


def test_a_published_network_is_kept_with_the_campaign(timm, toy, weights, tmp_path):
    train_embedding(toy.stores, toy.wells, config(weights), tmp_path / "dino", seed=0, device="cpu")
    weights.unlink()
    assert load_model(tmp_path / "dino").network.body.weight.tolist() == [1, 2, 3, 4, 5, 6]
    assert isinstance(read_table(tmp_path / "dino" / "curves.parquet"), pd.DataFrame)
