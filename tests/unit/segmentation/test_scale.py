"""How large objects are."""

import math

import numpy as np
import pytest
import torch

from platewise.segmentation.scale import REFERENCE, ScaleNetwork, estimate_diameter, weighted_median


def test_targets_tell_the_share_of_foreground_and_the_size():
    label = np.zeros((64, 72), np.int32)
    label[16:24, 16:24] = 1
    label[32:40, 32:48] = 2
    label[0:40, 60:] = 3
    foreground, size = ScaleNetwork(width=4).targets(label, 4 * REFERENCE)
    assert foreground.shape == (8, 9)
    assert foreground[2, 2] == 1
    assert foreground[4, 4] == 1
    assert foreground[0, 7] == 0.5
    assert foreground.sum() == pytest.approx((64 + 128 + 40 * 12) / 64)
    # Two whole objects are too few to say more than the image's own size does.
    assert np.all(size == 2)
    label[50:54, 10:14] = 4
    _, size = ScaleNetwork(width=4).targets(label, 4 * REFERENCE)
    # Of the three whole objects, with areas of 64, 128 and 16 pixels, the median.
    assert size == pytest.approx(math.log2(2 * math.sqrt(64 / math.pi) / REFERENCE))


def test_an_image_without_objects_has_no_size_and_costs_none():
    network = ScaleNetwork(width=4)
    target = network.targets(np.zeros((64, 64), np.int32), math.nan)
    assert not target.any()
    _, parts = network.loss(torch.zeros(1, 3, 64, 64), [target], np.random.default_rng(0))
    assert float(parts["size"]) == 0


def test_weighted_median_by_hand():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0])
    assert weighted_median(values, weights) == 2
    assert weighted_median(values, np.array([9.0, 1.0, 5.0])) == 3


class Knows:
    """A network that knows that objects are ``diameter`` pixels large in the image of ``width``."""

    def __init__(self, diameter, width):
        self.diameter, self.width, self.seen = diameter, width, []

    def parameters(self):
        return iter([torch.zeros(1)])

    def __call__(self, batch):
        # The picture is a bright one beside zeros of the padding.
        columns = int((batch[0, 0].max(dim=0).values > 0).sum())
        self.seen.append(columns)
        found = math.log2(self.diameter * columns / self.width / REFERENCE)
        return torch.stack(
            [torch.full((1, *(side // 8 for side in batch.shape[2:])), value) for value in (9.0, found)], dim=1
        )


@pytest.mark.parametrize(("diameter", "width"), [(10.0, 128), (36.0, 512), (100.0, 2000)])
def test_the_second_look_is_at_the_reference_size(diameter, width):
    network = Knows(diameter, width)
    assert estimate_diameter(network, np.ones((3, 64, width), np.float32)) == pytest.approx(diameter, rel=0.02)
    first, second = network.seen
    assert first == min(width, 768)
    assert second == pytest.approx(width * REFERENCE / diameter, abs=1)


def test_nothing_in_sight_has_no_diameter():
    network = Knows(20.0, 64)
    network.__class__ = type("Blind", (Knows,), {"__call__": lambda self, batch: torch.full((1, 2, 8, 8), -9.0)})
    assert math.isnan(estimate_diameter(network, np.zeros((3, 64, 64), np.float32)))
