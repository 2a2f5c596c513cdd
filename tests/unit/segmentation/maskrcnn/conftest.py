from dataclasses import dataclass

import numpy as np
import pytest
import torch

from platewise.device import torch_threads
from platewise.segmentation.images import standardise
from platewise.segmentation.maskrcnn.network import MaskRcnn

STEPS = 40


def _disks(centres, radii, shape=(96, 96)):
    rows, columns = np.indices(shape)
    label = np.zeros(shape, dtype=np.int32)
    for number, ((y, x), radius) in enumerate(zip(centres, radii, strict=True), 1):
        label[np.hypot(rows - y, columns - x) <= radius] = number
    return label


def _photograph(label):
    """A (1, y, x) image of bright disks on a dark, noisy background."""
    noise = np.random.default_rng(0).normal(0, 30, label.shape)
    return (100 + 900 * (label > 0) + noise).astype(np.float32)[None]


@dataclass(frozen=True)
class Learned:
    """A network that has seen nothing but ten disks in two images, again and again."""

    network: MaskRcnn
    labels: list[np.ndarray]
    losses: list[dict[str, float]]


@pytest.fixture(scope="session")
def learned():
    labels = [
        _disks([(20, 22), (22, 60), (60, 20), (66, 44), (70, 80)], [10, 9, 11, 10, 8]),
        _disks([(14, 80), (40, 40), (40, 61), (75, 15), (80, 75)], [9, 10, 10, 12, 9]),
    ]
    images = torch.from_numpy(np.stack([standardise(_photograph(label)) for label in labels]))
    with torch_threads(1), torch.random.fork_rng():
        torch.manual_seed(0)
        network = MaskRcnn(width=8)
        optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
        losses = []
        for step in range(STEPS):
            loss, parts = network.loss(images, labels, np.random.default_rng(step))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append({"loss": loss.item(), **{name: part.item() for name, part in parts.items()}})
    return Learned(network.eval(), labels, losses)


@pytest.fixture(scope="session")
def photograph():
    return _photograph
