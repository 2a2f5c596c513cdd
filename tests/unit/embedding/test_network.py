"""The network: what it promises, and a golden output."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from platewise.algorithms import ALGORITHMS
from platewise.embedding.network import build_network
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
    network = build_network(channels=3, width=8, features=16, classes=0, seed=11).eval()
    crops = torch.from_numpy(shrink_crops(synthetic_crop(), 2)).float()
    with torch.no_grad():
        return network.features(compress(standardise(crops))).numpy()[0].astype(float).round(4).tolist()


def test_golden_features():
    """Fails when features change. If that is meant: raise ALGORITHMS["embedding"] and write the file anew."""
    golden = json.loads(GOLDEN.read_text())
    assert golden["algorithm"] == ALGORITHMS["embedding"]
    assert golden_features() == pytest.approx(golden["features"], abs=2e-4)


def test_the_size_of_the_network():
    network = build_network(channels=5, width=16, features=128, classes=21, seed=0)
    features = network.features(torch.zeros(2, 5, 48, 48))
    assert features.shape == (2, 128)
    assert network(torch.zeros(2, 5, 48, 48)).shape == (2, 21)
    stem, first, second, third = 2032, 4672, 14464, 188928
    assert sum(value.numel() for value in network.parameters()) == stem + first + second + third + 129 * 21


def test_odd_sizes_work():
    network = build_network(channels=1, width=8, features=8, classes=2, seed=0)
    assert network(torch.zeros(1, 1, 45, 45)).shape == (1, 2)


def test_features_of_a_cell_do_not_depend_on_its_neighbours_in_the_batch():
    network = build_network(channels=2, width=8, features=16, classes=0, seed=1)
    crops = torch.randn(9, 2, 24, 24, generator=torch.Generator().manual_seed(0))
    network.train().features(crops)  # gives the normalisation statistics other than 0 and 1
    network.eval()
    together = network.features(crops)
    alone = torch.cat([network.features(crop[None]) for crop in crops])
    assert torch.allclose(together, alone, atol=1e-5)


def test_weights_depend_on_the_seed_and_leave_the_random_state_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (build_network(2, 8, 16, 3, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["stem.0.weight"], other["stem.0.weight"])


def test_a_network_without_classifier_says_so():
    with pytest.raises(ValueError, match="no classifier"):
        build_network(2, 8, 16, 0, 0)(torch.zeros(1, 2, 16, 16))
