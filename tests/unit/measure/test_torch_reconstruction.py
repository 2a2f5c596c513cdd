"""Reconstruction by contraction gives, bit for bit, what the tree of components gives."""

import numpy as np
import pytest
import torch
from scipy import ndimage as ndi

from platewise.measure.granularity import component_tree
from platewise.measure.torch_reconstruction import contractions, reconstruct


def reconstructed(planes, seeds, device):
    rounds = contractions(torch.from_numpy(planes).to(device))
    return reconstruct(rounds, torch.from_numpy(seeds).to(device)).cpu().numpy()


@pytest.mark.parametrize("digits", [1, 2, 7])
@pytest.mark.parametrize("shape", [(40, 60), (1, 25), (37, 1), (2, 2), (1, 1)])
def test_seeds_spread_as_through_the_tree(shape, digits, device):
    rng = np.random.default_rng(3)
    # With one digit, many neighbours are as bright as each other.
    noise = rng.random((3, *shape))
    planes = np.round(ndi.gaussian_filter(noise, (0, 1, 1)), digits).astype(np.float32)
    planes[2, :, shape[1] // 2] = 0
    seeds = np.where(rng.random((4, 3, *shape)) > 0.9, planes, np.minimum(planes, 0.2)).astype(np.float32)
    found = reconstructed(planes, seeds, device)
    for plane, tree in enumerate(map(component_tree, planes)):
        for seed in range(4):
            np.testing.assert_array_equal(found[seed, plane], tree.reconstruct(seeds[seed, plane]))


def test_brightness_follows_a_winding_way_and_stops_at_its_darkest_step(device):
    plane = np.zeros((1, 7, 9), np.float32)
    plane[0, ::2] = 0.5
    plane[0, 1, 8] = plane[0, 3, 0] = plane[0, 5, 8] = 0.4
    plane[0, 3, 0] = 0.3
    seed = np.zeros_like(plane)
    seed[0, 0, 0] = 0.5
    (found,) = reconstructed(plane, seed[None], device)
    assert found[0, ::2, 4] == pytest.approx([0.5, 0.4, 0.3, 0.3])
    assert found[0, 1, :8].tolist() == [0] * 8


def test_planes_do_not_touch(device):
    planes = np.ones((2, 5, 6), np.float32)
    seeds = np.zeros((1, 2, 5, 6), np.float32)
    seeds[0, 0, 4, 5] = 1
    found = reconstructed(planes, seeds, device)[0]
    assert (found[0] == 1).all()
    assert (found[1] == 0).all()


def test_the_same_is_found_every_time(device):
    rng = np.random.default_rng(5)
    planes, seeds = rng.random((2, 50, 50)).astype(np.float32), rng.random((3, 2, 50, 50)).astype(np.float32) / 9
    seeds = np.minimum(seeds, planes)
    first = reconstructed(planes, seeds, device)
    for _ in range(3):
        np.testing.assert_array_equal(reconstructed(planes, seeds, device), first)
