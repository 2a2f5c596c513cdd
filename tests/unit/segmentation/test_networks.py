"""Networks: what they see, what their outputs mean, what they are punished for."""

import math

import numpy as np
import pytest
import torch

from platewise.segmentation.networks.blocks import BLOCKS
from platewise.segmentation.networks.decoders import double
from platewise.segmentation.networks.dense import FLOW_SCALE, DenseNetwork
from platewise.segmentation.networks.losses import flow_losses, fpn_losses, soft_dice, unet_losses

KINDS = ("unet", "fpn", "flow")


def network(kind="flow", encoder="resnet", channels=3):
    torch.manual_seed(0)
    return DenseNetwork(kind, channels, encoder, width=4).eval()


@pytest.mark.parametrize("encoder", BLOCKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_pixel_sees_no_farther_than_the_reach(kind, encoder):
    made = network(kind, encoder)
    side = 16 * math.ceil((2 * made.reach + 33) / 16)
    image = torch.zeros(1, 3, side, side).uniform_(-1, 1, generator=torch.Generator().manual_seed(1)).requires_grad_()
    middle = side // 2
    # All 16 places that a pixel can have in the coarsest grid, in one row.
    made(image)[0, :, middle, middle : middle + 16].sum().backward()
    rows, columns = image.grad[0].abs().sum(dim=0).nonzero(as_tuple=True)
    farthest = max(int((rows - middle).abs().max()), middle - int(columns.min()), int(columns.max()) - middle - 15)
    assert farthest <= made.reach
    # The bound is one to work with: not more than twice what is seen.
    assert farthest > made.reach / 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_tile_with_a_margin_of_the_reach_gives_what_the_whole_gives(kind):
    made = network(kind)
    margin = 16 * math.ceil(made.reach / 16)
    image = torch.zeros(1, 3, 2 * margin + 64, 2 * margin + 64).uniform_(generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = made(image)[..., margin : margin + 48, margin : margin + 48]
        tile = made(image[..., :-16, :-16])[..., margin : margin + 48, margin : margin + 48]
    torch.testing.assert_close(tile, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("kind", "outputs"), [("unet", 3), ("fpn", 4), ("flow", 3)])
def test_outputs_have_the_size_of_the_image(kind, outputs):
    with torch.no_grad():
        assert network(kind, channels=2)(torch.zeros(2, 2, 32, 48)).shape == (2, outputs, 32, 48)


def test_what_the_outputs_of_a_unet_mean():
    raw = np.log(np.array([0.2, 0.5, 0.3], np.float32))[:, None, None] + 7
    maps = network("unet").maps(raw)
    assert maps.foreground[0, 0] == pytest.approx(0.8)
    assert maps.boundary[0, 0] == pytest.approx(0.3)
    assert maps.distance is None
    assert maps.flow is None


def test_what_the_outputs_of_a_pyramid_mean():
    maps = network("fpn").maps(np.array([math.log(3), 1.2, 0.6, -0.8], np.float32)[:, None, None])
    assert maps.foreground[0, 0] == pytest.approx(0.75)
    assert maps.distance[0, 0] == 1
    assert maps.flow is None


def test_what_the_outputs_of_a_flow_network_mean():
    maps = network("flow").maps(np.array([0, 3.0, -4.0], np.float32)[:, None, None])
    assert maps.foreground[0, 0] == 0.5
    assert maps.flow[:, 0, 0] == pytest.approx([0.6, -0.8])


@pytest.mark.parametrize("kind", KINDS)
def test_targets_said_back_are_the_truth(kind):
    label = np.zeros((32, 32), np.int32)
    label[4:12, 4:12], label[16:30, 10:28] = 1, 2
    made = network(kind)
    target = made.targets(label, 20.0)
    # What a network would have to put out to say just this.
    if kind == "unet":
        raw = np.where(np.arange(3)[:, None, None] == target[0], 20.0, -20.0)
    else:
        raw = np.concatenate([np.where(target[:1] > 0, 20.0, -20.0), target[1:]])
    raw = raw.astype(np.float32)
    assert np.array_equal(made.maps(raw).foreground > 0.5, label > 0)
    made.forward = lambda x: torch.from_numpy(raw[None])
    loss, parts = made.loss(torch.zeros(1, 3, 32, 32), [target], np.random.default_rng(0))
    assert float(loss) == pytest.approx(0, abs=2e-3)
    assert float(loss) == pytest.approx(sum(map(float, parts.values())))
    if kind == "flow":
        assert np.abs(target[1:]).max() <= FLOW_SCALE * (1 + 1e-6)


def test_flow_losses_by_hand():
    raw = torch.tensor([0.0, 1.0, 2.0]).reshape(1, 3, 1, 1)
    truth = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    parts = flow_losses(raw, truth)
    assert float(parts["foreground"]) == pytest.approx(math.log(2))
    assert float(parts["flow"]) == pytest.approx(0.5 * (1 + 4) / 2)


def test_fpn_losses_count_directions_inside_only():
    raw = torch.zeros(1, 4, 1, 2)
    truth = torch.zeros(1, 4, 1, 2)
    truth[0, :, 0, 0] = torch.tensor([1.0, 1.0, 0.6, 0.8])
    raw[0, 2:, 0, 1] = 100
    parts = fpn_losses(raw, truth)
    assert float(parts["direction"]) == pytest.approx(0.36 + 0.64)
    assert float(parts["distance"]) == pytest.approx(10 * 0.5)


def test_unet_losses_weigh_boundaries():
    raw = torch.zeros(1, 3, 1, 2)
    truth = torch.tensor([[[[0.0, 2.0]]]])
    # (1 log 3 + 3 log 3) / (1 + 3)
    assert float(unet_losses(raw, truth)["class"]) == pytest.approx(math.log(3))
    raw[0, 2, 0, 1] = 50
    assert float(unet_losses(raw, truth)["class"]) == pytest.approx(math.log(3) / 4)


def test_soft_dice_by_hand():
    share, truth = torch.tensor([1.0, 0.5, 0.0]), torch.tensor([1.0, 1.0, 0.0])
    assert float(soft_dice(share, truth)) == pytest.approx(1 - (2 * 1.5 + 1) / (1.5 + 2 + 1))


def test_doubling_repeats_pixels():
    assert double(torch.tensor([[[[1.0, 2.0]]]])).tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2]]]]
