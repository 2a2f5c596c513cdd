import numpy as np
import pytest
import torch

from platewise.device import torch_threads
from platewise.segmentation.maskrcnn.network import MASK_SIZE, STRIDES, MaskRcnn, level_of, pool

PARTS = {"objectness", "anchor", "class", "box", "mask"}


def test_every_part_of_the_loss_falls(learned):
    first, last = learned.losses[0], learned.losses[-1]
    assert set(first) == PARTS | {"loss"}
    assert first["loss"] == pytest.approx(sum(first[name] for name in PARTS), rel=1e-5)
    assert last["loss"] < first["loss"] / 5
    assert all(last[name] < 0.2 for name in PARTS)


def train(seed, steps=2):
    label = np.zeros((64, 64), dtype=np.int32)
    label[10:30, 20:38] = 1
    images = torch.from_numpy(np.random.default_rng(0).random((1, 3, 64, 64)).astype(np.float32))
    with torch_threads(1), torch.random.fork_rng():
        torch.manual_seed(seed)
        network = MaskRcnn(width=4)
        optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
        for step in range(steps):
            loss, _ = network.loss(images, [label], np.random.default_rng([seed, step]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.state_dict()


def test_the_same_seed_gives_the_same_weights():
    first, again, other = train(3), train(3), train(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["box_head.layers.1.weight"], other["box_head.layers.1.weight"])


@pytest.mark.parametrize("training", [True, False])
def test_images_without_objects_teach_what_background_is(training):
    network = MaskRcnn(width=4).train(training)
    images = torch.zeros(2, 3, 64, 64)
    loss, parts = network.loss(images, [np.zeros((64, 64), dtype=np.int32)] * 2, np.random.default_rng(0))
    loss.backward()
    assert parts["objectness"] > 0
    assert [parts[name].item() for name in ("anchor", "box", "mask")] == [0, 0, 0]
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters() if parameter.grad is not None)


def test_an_image_without_objects_beside_one_with_them(learned):
    images = torch.zeros(2, 3, 96, 96)
    with torch.no_grad():
        loss, _ = learned.network.loss(
            images, [np.zeros((96, 96), np.int32), learned.labels[0]], np.random.default_rng(0)
        )
    assert loss.isfinite()


def test_the_loss_draws_from_its_generator_only(learned):
    images = torch.from_numpy(np.random.default_rng(0).random((2, 3, 96, 96)).astype(np.float32))
    with torch.no_grad():
        first, again, other = (
            learned.network.loss(images, learned.labels, np.random.default_rng(seed))[0] for seed in (0, 0, 1)
        )
    assert first == again
    assert first != other


def test_larger_boxes_are_read_from_coarser_features():
    sides = torch.tensor([2.0, 20.0, 31.9, 32.0, 63.9, 64.0, 128.0, 5000.0])
    boxes = torch.stack([torch.zeros(8), torch.zeros(8), sides, sides], dim=1)
    assert level_of(boxes).tolist() == [0, 0, 0, 1, 1, 2, 3, 3]


def test_each_box_is_read_from_its_own_level():
    levels = [torch.full((2, 256 // stride, 256 // stride), float(stride)) for stride in STRIDES]
    boxes = torch.tensor([[0.0, 0, 150, 150], [0, 0, 10, 10], [0, 0, 40, 40], [5, 5, 15, 15]])
    assert pool(levels, boxes, 3)[:, 1, 1, 1].tolist() == [16, 2, 4, 2]


def test_outputs_belong_to_their_anchors(learned):
    """A score far above the others belongs to an anchor around the one disk in the image."""
    image = torch.zeros(1, 3, 96, 96)
    rows, columns = np.indices((96, 96))
    image[:, :, np.hypot(rows - 60, columns - 28) <= 10] = 1
    with torch.no_grad():
        anchors, scores, codes = learned.network.propose(learned.network.features(image))
    assert scores.shape == (1, len(anchors))
    assert codes.shape == (1, len(anchors), 4)
    y0, x0, y1, x1 = anchors[scores[0].argmax()].tolist()
    assert ((y0 + y1) / 2, (x0 + x1) / 2) == (pytest.approx(60, abs=4), pytest.approx(28, abs=4))


def test_the_number_of_parameters():
    network = MaskRcnn()
    assert 0.5e6 < sum(parameter.numel() for parameter in network.parameters()) < 1.5e6
    assert network.outline(torch.zeros(2, network.decoder.channels, 14, 14)).shape == (2, MASK_SIZE, MASK_SIZE)


@pytest.mark.parametrize("family", ["resnet", "densenet", "inception"])
def test_nothing_beyond_the_reach_changes_the_features(family):
    network = MaskRcnn(width=4, encoder=family).eval()
    reach = network.reach // network.stride * network.stride + network.stride
    image = torch.rand(1, 3, 16, 2 * reach + 64, generator=torch.Generator().manual_seed(0))
    other = image.clone()
    other[..., -reach:] = 0
    with torch.no_grad():
        before, after = network.features(image), network.features(other)
        for level, changed, stride in zip(before, after, STRIDES, strict=True):
            near = (image.shape[3] - 2 * reach) // stride
            assert torch.equal(level[..., :near], changed[..., :near])
            assert not torch.equal(level, changed)
