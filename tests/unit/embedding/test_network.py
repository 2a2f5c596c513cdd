"""The network: what it promises, and a golden output."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from platewise.algorithms import ALGORITHMS
from platewise.embedding.network import BODIES, build_network
from platewise.embedding.preprocess import compress, shrink_crops, standardise

GOLDEN = Path(__file__).parents[1] / "golden" / "embedding.json"


def synthetic_crop():
    """A crop (1, 3, 96, 96) with a nucleus, a striped body and a gradient, partly outside the image."""
    y, x = np.mgrid[:96, :96] - 48.0
    nucleus = 2000 * np.exp(-((np.hypot(y, x) / 14) ** 4))
    body = 900 * np.exp(-((np.hypot(y, x * 0.7) / 30) ** 4)) * (1 + 0.5 * np.sin(y * 0.8))
    crop = np.stack([nucleus + 200, body + 150, 300 + 2 * x + y])
    crop[:, :, :10] = 0
    return np.rint(crop[None]).astype(np.uint16)


def golden_features():
    network = build_network("small", channels=3, width=8, features=16, seed=11).eval()
    crops = torch.from_numpy(shrink_crops(synthetic_crop(), 2)).float()
    with torch.no_grad():
        return network.features(compress(standardise(crops))).numpy()[0].astype(float).round(4).tolist()


def test_golden_features():
    """Fails when features change. If that is meant: raise ALGORITHMS["embedding"] and write the file anew."""
    golden = json.loads(GOLDEN.read_text())
    assert golden["algorithm"] == ALGORITHMS["embedding"]
    assert golden_features() == pytest.approx(golden["features"], abs=2e-4)


def test_the_size_of_the_network():
    network = build_network("small", 5, 16, 128, 0, lambda features: torch.nn.Linear(features, 21))
    features = network.features(torch.zeros(2, 5, 48, 48))
    assert features.shape == (2, 128)
    assert network(torch.zeros(2, 5, 48, 48)).shape == (2, 21)
    stem, first, second, third = 2032, 4672, 14464, 188928
    assert sum(value.numel() for value in network.parameters()) == stem + first + second + third + 129 * 21


# Widths, and millions of parameters, that config.embedding promises.
PROMISED = [
    *(("resnet", width, millions) for width, millions in ((16, 0.7), (32, 2.8), (64, 11), (96, 25))),
    *(("efficientnet", width, millions) for width, millions in ((16, 1), (32, 3.6), (64, 14), (80, 22))),
]


@pytest.mark.parametrize(("kind", "width", "millions"), PROMISED)
def test_larger_networks_have_the_promised_number_of_parameters(kind, width, millions):
    with torch.device("meta"):
        network = BODIES[kind](channels=5, width=width, features=128)
    assert sum(value.numel() for value in network.parameters()) == pytest.approx(millions * 1e6, rel=0.05)


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(("channels", "side"), [(1, 45), (7, 48), (2, 17)])
def test_any_number_of_channels_and_odd_sizes_work(kind, channels, side):
    network = build_network(kind, channels, 8, 8, 0, lambda features: torch.nn.Linear(features, 2))
    crops = torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(0))
    assert network(crops).shape == (2, 2)
    assert (network.features(crops) >= 0).all()


@pytest.mark.parametrize("kind", BODIES)
def test_every_weight_of_a_body_takes_part(kind):
    network = build_network(kind, 2, 8, 8, 0, lambda features: torch.nn.Linear(features, 3))
    crops = torch.randn(4, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.nn.functional.cross_entropy(network(crops), torch.tensor([0, 1, 2, 0])).backward()
    assert [name for name, value in network.named_parameters() if value.grad is None] == []


def test_features_of_a_cell_do_not_depend_on_its_neighbours_in_the_batch():
    network = build_network("small", channels=2, width=8, features=16, seed=1)
    crops = torch.randn(9, 2, 24, 24, generator=torch.Generator().manual_seed(0))
    network.train().features(crops)  # gives the normalisation statistics other than 0 and 1
    network.eval()
    together = network.features(crops)
    alone = torch.cat([network.features(crop[None]) for crop in crops])
    assert torch.allclose(together, alone, atol=1e-5)


def test_weights_depend_on_the_seed_and_leave_the_random_state_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (build_network("small", 2, 8, 16, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["body.0.0.weight"], other["body.0.0.weight"])


def test_a_network_without_head_says_so():
    with pytest.raises(ValueError, match="no head"):
        build_network("small", 2, 8, 16, 0)(torch.zeros(1, 2, 16, 16))
