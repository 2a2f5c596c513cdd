"""Tiles: what a network says of an image does not depend on them, on the batch, or on the other images."""

import numpy as np
import pytest
import torch
from stub_networks import Bright

from platewise.errors import DeviceError
from platewise.segmentation.networks.dense import DenseNetwork
from platewise.segmentation.tiles import TileRunner


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random((3, *shape), dtype=np.float32)


def whole(network, image):
    """The network on the image in one piece, padded to its stride as the runner documents it."""
    padding = [(0, -side % network.stride) for side in image.shape[1:]]
    padded = torch.from_numpy(np.pad(image, [(0, 0), *padding], mode="symmetric"))[None]
    with torch.inference_mode():
        return network(padded)[0, :, : image.shape[1], : image.shape[2]].numpy()


def run(runner, images):
    outputs = dict(runner.run(images))
    return [outputs[number] for number in range(len(images))]


@pytest.fixture(scope="module")
def random_network():
    """A real network with random weights, its statistics those of noise: its outputs are neither flat nor wild."""
    torch.manual_seed(3)
    network = DenseNetwork("flow", width=4)
    network.train()
    for _ in range(3):
        network(torch.rand(2, 3, 64, 64))
    return network.eval()


@pytest.mark.parametrize("tile", [40, 52, 64, 100, 4096])
@pytest.mark.parametrize("shape", [(150, 131), (160, 40), (7, 333), (40, 41)])
def test_tiles_change_nothing(tile, shape):
    network, image = Bright(), noise(*shape)
    (found,) = run(TileRunner(network, tile, batch=3), [image])
    np.testing.assert_allclose(found, whole(network, image), atol=1e-5)


def test_tiles_change_nothing_of_a_real_network(random_network):
    """Tiles of 3 overlaps of a network that sees over a hundred pixels far: the same to 1e-5, parted or whole."""
    image = noise(900, 40)
    runners = [TileRunner(random_network, tile, batch=2) for tile in (256, 768, 4096)]
    assert len(list(runners[0]._spans(912))) > 1
    small, middle, large = (run(runner, [image])[0] for runner in runners)
    assert np.ptp(large) > 0.1
    np.testing.assert_allclose(small, large, atol=1e-5)
    np.testing.assert_allclose(middle, large, atol=1e-5)


def test_reach_is_no_less_than_what_a_network_sees(random_network):
    """The promise that tiles rest on: a pixel further off than the reach changes nothing."""
    reach = random_network.reach
    side = -(-(2 * reach + 33) // 16) * 16
    image = torch.rand(1, 3, side, side)
    changed = image.clone()
    changed[:, :, 0, :] += 1
    with torch.inference_mode():
        moved = (random_network(image) - random_network(changed)).abs().amax(dim=(0, 1, 3))
    assert moved[0] > 0
    assert moved[reach + 1 :].max() == 0


def test_spans_are_even_cover_the_axis_and_keep_the_overlap():
    runner = TileRunner(Bright(), tile=64, batch=1)
    spans = runner._spans(204)
    overlap = 16
    assert [span.first for span in spans] == [0, *(span.last for span in spans[:-1])]
    assert spans[-1].last == 204
    assert len({span.end - span.begin for span in spans}) == 1
    assert all(span.begin % 4 == 0 and span.end - span.begin <= 64 for span in spans)
    assert all(span.first - span.begin >= overlap for span in spans[1:])
    assert all(span.end - span.last >= overlap for span in spans[:-1])


def test_images_of_any_sizes_share_a_call():
    images = [
        noise(*shape, seed=number) for number, shape in enumerate([(30, 50), (64, 64), (30, 50), (1, 1), (90, 20)])
    ]
    network = Bright()
    for found, image in zip(run(TileRunner(network, 48, batch=4), images), images, strict=True):
        np.testing.assert_allclose(found, whole(network, image), atol=1e-5)


def test_tiles_of_several_images_fill_the_batches():
    seen = []

    class Counting(Bright):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    assert len(run(TileRunner(Counting(), 64, batch=4), [noise(64, 64)] * 10)) == 10
    assert seen == [4, 4, 2]


def test_images_are_taken_as_the_batches_fill():
    """The next image is prepared while the device works, not before it begins."""
    events = []

    class Telling(Bright):
        def forward(self, x):
            events.append("network")
            return super().forward(x)

    def images():
        for _ in range(4):
            events.append("image")
            yield noise(16, 16)

    run(TileRunner(Telling(), 64, batch=2), list(images()))
    events.clear()
    list(TileRunner(Telling(), 64, batch=2).run(images()))
    assert events == ["image", "image", "network"] * 2


def test_memory_that_runs_out_halves_the_batch_and_is_counted():
    class Small(Bright):
        def forward(self, x):
            if len(x) > 2:
                raise torch.cuda.OutOfMemoryError("no room")
            return super().forward(x)

    images = [noise(32, 32, seed=number) for number in range(9)]
    runner = TileRunner(Small(), 64, batch=8)
    for found, image in zip(run(runner, images), images, strict=True):
        np.testing.assert_allclose(found, whole(Bright(), image), atol=1e-5)
    assert runner.halvings == 2
    run(runner, images)
    assert runner.halvings == 2, "the smaller batch is kept"


def test_memory_that_runs_out_with_one_tile_is_an_error():
    class Full(Bright):
        def forward(self, x):
            raise torch.cuda.OutOfMemoryError("no room")

    with pytest.raises(DeviceError, match="out of memory with a batch of 1"):
        run(TileRunner(Full(), 64, batch=4), [noise(32, 32)])


def test_half_precision_on_a_cpu_is_near_full_precision(random_network):
    image = noise(96, 96)
    full, half = (run(TileRunner(random_network, 256, 1, half=half), [image])[0] for half in (False, True))
    assert half.dtype == np.float32
    assert not np.array_equal(full, half)
    assert np.abs(full - half).mean() < 0.02 * full.std()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_half_precision_on_a_gpu_is_near_full_precision_on_the_cpu(random_network):
    image = noise(256, 256)
    (full,) = run(TileRunner(random_network, 256, 1), [image])
    for half, tolerance in ((False, 1e-3), (True, 0.02)):
        network = DenseNetwork("flow", width=4).eval()
        network.load_state_dict(random_network.state_dict())
        (found,) = run(TileRunner(network, 256, 1, torch.device("cuda"), half=half), [image])
        assert np.abs(full - found).mean() < tolerance * full.std()
