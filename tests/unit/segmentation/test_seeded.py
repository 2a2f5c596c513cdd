import numpy as np
import pytest

from platewise.config.segmentation import SeededCells
from platewise.segmentation.engine import make_cells_engine
from platewise.segmentation.scoring import score
from platewise.segmentation.seeded import cell_body, grow_cells

CONFIG = SeededCells()


def disks(centres, radius, shape=(240, 260)):
    rows, columns = np.indices(shape)
    image = np.zeros(shape, dtype=np.int32)
    for number, (y, x) in enumerate(centres, 1):
        image[np.hypot(rows - y, columns - x) <= radius] = number
    return image


CENTRES = [(60, 60), (60, 150), (170, 60), (165, 200)]


@pytest.fixture(scope="module")
def field():
    """Four nuclei of 28 pixels in cells of 60: one cell channel, noise and a tilted background."""
    rng = np.random.default_rng(0)
    nuclei, cells = disks(CENTRES, 14), disks(CENTRES, 30)
    tilt = np.linspace(300, 600, nuclei.shape[1])[None, :]
    body = tilt + 1500 * (cells > 0) + 1000 * (nuclei > 0) + rng.normal(0, 40, nuclei.shape)
    return body[None].astype(np.float32), nuclei, cells


def test_cells_reach_to_their_edge_and_not_beyond(field):
    body, nuclei, cells = field
    assert score(cells, grow_cells(body, nuclei, CONFIG))["f1@0.9"] == 1


@pytest.mark.parametrize("method", ["watershed", "propagation"])
def test_cells_that_touch_are_parted_between_their_nuclei(method):
    nuclei, rng = disks([(60, 60), (60, 100)], 12, (120, 160)), np.random.default_rng(0)
    mask = disks([(60, 60), (60, 100)], 30, (120, 160)) > 0
    body = (300 + 1000 * mask + rng.normal(0, 10, mask.shape)).astype(np.float32)
    cells = grow_cells(body[None], nuclei, SeededCells(method=method))
    left, right = (np.flatnonzero((cells == number).any(axis=0)) for number in (1, 2))
    assert left.min() == pytest.approx(30, abs=2)
    assert right.max() == pytest.approx(130, abs=2)
    border = (cells[60] == 1).nonzero()[0].max()
    assert border == pytest.approx(80, abs=8)


def test_a_wide_empty_ground_does_not_make_cells_of_its_unevenness(field):
    _, nuclei, cells = field
    wide = np.pad(np.ones_like(nuclei), 500)
    rows, columns = np.indices(wide.shape)
    ground = 400 + 100 * np.sin(rows / 90) * np.cos(columns / 90) + np.random.default_rng(0).normal(0, 40, wide.shape)
    place = (slice(500, 740), slice(500, 760))
    ground[place] += 1500 * (cells > 0) + 1000 * (nuclei > 0)
    found = grow_cells(ground[None].astype(np.float32), np.pad(nuclei, 500), CONFIG)
    assert score(np.pad(cells, 500), found)["f1@0.8"] == 1


def test_a_higher_threshold_makes_cells_smaller(field):
    body, nuclei, _ = field
    areas = [np.count_nonzero(grow_cells(body, nuclei, SeededCells(threshold_scale=scale))) for scale in (1, 1.15)]
    assert areas[1] < areas[0]


def test_numbers_are_those_of_the_nuclei(field):
    body, nuclei, _ = field
    renumbered = np.array([0, 7, 3, 9, 5], dtype=np.int32)[nuclei]
    cells = make_cells_engine(CONFIG).segment([body], [renumbered], [body[0]])[0]
    np.testing.assert_array_equal(cells[nuclei > 0], renumbered[nuclei > 0])
    assert set(np.unique(cells)) == {0, 3, 5, 7, 9}


def test_without_nuclei_there_are_no_cells(field):
    body, nuclei, _ = field
    assert not grow_cells(body, np.zeros_like(nuclei), CONFIG).any()


def test_a_constant_channel_leaves_the_nuclei_alone(field):
    _, nuclei, _ = field
    cells = grow_cells(np.full((1, *nuclei.shape), 7, dtype=np.float32), nuclei, CONFIG)
    np.testing.assert_array_equal(cells, nuclei)


def test_channels_weigh_the_same_whatever_their_brightness():
    rng = np.random.default_rng(0)
    dim, bright = rng.normal(100, 5, (64, 64)), rng.normal(9000, 500, (64, 64))
    dim[10:30, 10:30] += 50
    bright[40:60, 40:60] += 5000
    body = cell_body(np.stack([dim, bright]).astype(np.float32), 20)
    assert body[12:28, 12:28].mean() == pytest.approx(body[42:58, 42:58].mean(), rel=0.1)
