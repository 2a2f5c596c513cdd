import numpy as np
import pytest
import torch

from platewise.segmentation.maskrcnn.features import FeatureRunner
from platewise.segmentation.maskrcnn.network import STRIDES


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).random((3, 50, 70)).astype(np.float32)


def test_features_are_those_of_the_network(learned, image):
    padded = np.pad(image, [(0, 0), (0, 14), (0, 10)], mode="symmetric")
    with torch.no_grad():
        expected = learned.network.features(torch.from_numpy(padded[None]))
    [(number, found)] = FeatureRunner(learned.network, tile=768, batch=4).run([image])
    assert number == 0
    for level, whole, stride in zip(found, expected, STRIDES, strict=True):
        assert level.shape[1:] == (64 // stride, 80 // stride)
        torch.testing.assert_close(level, whole[0], atol=1e-5, rtol=1e-4)


def test_features_do_not_depend_on_the_tiles(learned):
    long = np.random.default_rng(1).random((3, 40, 1300)).astype(np.float32)
    whole, tiled = (next(FeatureRunner(learned.network, tile, batch=2).run([long]))[1] for tile in (2048, 528))
    for level, expected in zip(tiled, whole, strict=True):
        torch.testing.assert_close(level, expected, atol=1e-5, rtol=1e-4)
