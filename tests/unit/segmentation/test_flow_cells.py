import numpy as np
import pytest
import torch

from platewise.config.segmentation import FlowCells
from platewise.errors import DataError
from platewise.segmentation import flow_cells
from platewise.segmentation.description import ModelInfo
from platewise.segmentation.engine import make_cells_engine, number_in_order
from platewise.segmentation.flow_cells import CELL_PER_NUCLEUS, nucleus_and_cell
from platewise.segmentation.maps import Maps
from platewise.segmentation.models import build, save_model
from platewise.segmentation.scoring import score
from platewise.segmentation.targets import centre_flow

SHAPE = (150, 180)
CENTRES = [(40, 45), (40, 95), (110, 60), (105, 130)]


def disks(radius, centres=tuple(CENTRES), shape=SHAPE):
    rows, columns = np.indices(shape)
    image = np.zeros(shape, dtype=np.int32)
    for number, (y, x) in enumerate(centres, 1):
        image[np.hypot(rows - y, columns - x) <= radius] = number
    return image


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network of random weights."""
    torch.manual_seed(0)
    info = ModelInfo("flow", "cells", 22.0, {"channels_in": 2, "encoder": "resnet", "width": 4})
    path = tmp_path_factory.mktemp("weights") / "flow-cells.safetensors"
    save_model(path, info, build(info))
    return path


@pytest.fixture(scope="module")
def engine(weights):
    return make_cells_engine(FlowCells(engine="flow", weights=str(weights)))


class Oracle:
    """Says what a perfect network would say of the true cells, at the size of the images."""

    halvings = 3
    diameter = 22.0

    def __init__(self, truth):
        self.truth = truth
        self.diameters = []

    def predict(self, images, diameters):
        assert all(len(image) == 2 for image in images)
        self.diameters += diameters
        # As they get ready, not in order.
        for number in reversed(range(len(images))):
            truth = self.truth[number]
            yield number, Maps(foreground=(truth > 0).astype(np.float32), flow=centre_flow(truth))


def test_a_perfect_network_gives_the_true_cells_with_the_nuclei_s_numbers(engine, monkeypatch):
    truths, nuclei = [disks(22), disks(20)[::-1].copy()], [disks(10), disks(9)[::-1].copy()]
    oracle = Oracle(truths)
    monkeypatch.setattr(engine, "_predictor", oracle)
    nuclei[0] = np.array([0, 9, 2, 5, 7], dtype=np.int32)[nuclei[0]]
    images = [np.random.default_rng(0).random((3, *SHAPE), dtype=np.float32)] * 2
    found = engine.segment(images, nuclei, [image[0] for image in images])
    for cells, truth, label in zip(found, truths, nuclei, strict=True):
        assert score(truth, cells)["f1@0.9"] == 1
        np.testing.assert_array_equal(cells[label > 0], label[label > 0])
    # A disk of radius 10 has 317 pixels, one of radius 9 has 253.
    expected = [CELL_PER_NUCLEUS * 2 * np.sqrt(area / np.pi) for area in (317, 253)]
    assert oracle.diameters == pytest.approx(expected)
    assert engine.halvings == 3


def test_an_image_without_nuclei_has_no_cells_and_is_not_looked_at(engine, monkeypatch):
    monkeypatch.setattr(engine, "_predictor", Oracle([disks(20)]))
    images = [np.ones((1, *SHAPE), np.float32)] * 3
    nuclei = [np.zeros(SHAPE, np.int32), disks(9), np.zeros(SHAPE, np.int32)]
    found = engine.segment(images, nuclei, [image[0] for image in images])
    assert [int(cells.max()) for cells in found] == [0, 4, 0]


def test_whatever_a_network_says_each_nucleus_has_one_cell(engine):
    rng = np.random.default_rng(1)
    images = [rng.normal(500, 30, (2, *shape)).astype(np.float32) for shape in (SHAPE, (64, 300))]
    nuclei = [disks(9), disks(9, ((30, 30), (32, 250)), (64, 300))]
    nuclear = [image[0] for image in images]
    found = engine.segment(images, nuclei, nuclear)
    for cells, label in zip(found, nuclei, strict=True):
        number_in_order(label, cells)
        assert set(np.unique(cells)) - {0} == set(np.unique(label)) - {0}
    alone = engine.segment(images[1:], nuclei[1:], nuclear[1:])[0]
    np.testing.assert_array_equal(alone, found[1])


def test_the_network_sees_nuclei_and_all_cell_channels_as_one():
    rng = np.random.default_rng(0)
    nuclear = rng.normal(1000, 100, SHAPE).astype(np.float32)
    channels = rng.normal(0, 1, (3, *SHAPE)).astype(np.float32) * np.array([1, 100, 1e4], np.float32)[:, None, None]
    seen = nucleus_and_cell(nuclear, channels, 20)
    assert seen.shape == (2, *SHAPE)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(np.percentile(seen, [1, 99.8], axis=(1, 2)), [[0, 0], [1, 1]], atol=0.02)
    # The camera's gain and offset are no part of it, nor is a channel's.
    again = nucleus_and_cell(3 * nuclear + 50, 5 * channels + np.float32(7), 20)
    np.testing.assert_allclose(again, seen, atol=1e-3)


def test_weights_for_nuclei_are_refused(tmp_path):
    info = ModelInfo("flow", "nuclei", 20.0, {"channels_in": 3, "encoder": "resnet", "width": 4})
    path = tmp_path / "flow-nuclei.safetensors"
    save_model(path, info, build(info))
    with pytest.raises(DataError, match=r"flow-nuclei.safetensors: .*for nuclei.*flow for cells"):
        make_cells_engine(FlowCells(engine="flow", weights=str(path)))


def test_the_shipped_weights_are_taken_without_a_path(weights, monkeypatch):
    monkeypatch.setattr(flow_cells, "shipped_model", lambda *asked: weights if asked == ("flow", "cells") else None)
    make_cells_engine(FlowCells(engine="flow"))
