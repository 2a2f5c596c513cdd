"""What holds for every decoder."""

import math
from dataclasses import replace

import numpy as np
import pytest

from platewise.segmentation.decode.choose import decode
from platewise.segmentation.maps import Maps
from platewise.segmentation.pieces import number_pieces
from platewise.segmentation.scoring import score

KINDS = ("boundary", "distance", "flow")


def only(maps, kind):
    return Maps(foreground=maps.foreground, **{kind: getattr(maps, kind)})


def empty(shape, level=0.0):
    return Maps(*(np.full(shape, level, np.float32) for _ in range(3)), np.zeros((2, *shape), np.float32))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.mark.parametrize("name", ["disks", "long_ones"])
def test_perfect_maps_give_the_truth_back(name, kind, request, perfect, diameter_of):
    truth = request.getfixturevalue(name)
    scores = score(truth, decode(only(perfect(truth), kind), 0.5, 0.0, 0.4, diameter_of(truth)))
    assert scores["f1@0.9"] == 1


def test_rendered_nuclei_come_back(kind, rendered, perfect):
    scores = score(rendered[0], decode(only(perfect(rendered[0]), kind), 0.5, 0.02, 0.4, 22))
    assert scores["f1@0.9"] > 0.97
    assert scores["split"] == scores["merged"] == 0


def test_rendered_cells_of_all_shapes_come_back_from_flows(rendered, perfect, diameter_of):
    scores = score(rendered[1], decode(only(perfect(rendered[1]), "flow"), 0.5, 0.02, 0.4, diameter_of(rendered[1])))
    assert scores["f1@0.9"] == 1


@pytest.mark.data
@pytest.mark.parametrize(("kind", "least"), [("boundary", 0.98), ("distance", 0.97), ("flow", 0.995)])
def test_annotated_nuclei_come_back(annotated, kind, least, perfect, diameter_of):
    f1 = [
        score(truth, decode(only(perfect(truth), kind), 0.5, 0.0, 0.4, diameter_of(truth)))["f1@0.9"]
        for truth in annotated
    ]
    assert np.mean(f1) > least


def test_noise_in_the_maps_costs_no_object(kind, disks, perfect):
    rng = np.random.default_rng(4)
    noisy = only(perfect(disks), kind).each(lambda values: values + rng.normal(0, 0.1, values.shape).astype(np.float32))
    noisy = replace(noisy, foreground=perfect(disks).foreground * 0.8 + 0.1)
    scores = score(disks, decode(noisy, 0.5, 0.1, 0.4, 20))
    assert scores["f1@0.8"] == 1
    assert scores["split"] == scores["merged"] == 0


def test_objects_are_numbered_in_the_order_of_their_first_pixels(kind, rendered, perfect):
    found = decode(only(perfect(rendered[0]), kind), 0.5, 0.02, 0.4, 22)
    np.testing.assert_array_equal(found, number_pieces(found)[0])


def test_the_least_area_is_a_share_of_a_typical_disk(kind, disks, perfect):
    maps = only(perfect(disks), kind)
    small = np.sort(np.bincount(disks.ravel())[1:])[1]
    assert decode(maps, 0.5, (small + 5) / (math.pi * 10**2), 0.4, 20).max() == 7
    assert decode(maps, 0.5, (small - 5) / (math.pi * 10**2), 0.4, 20).max() == 9


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 10_000), (10_000, 1)])
def test_images_of_any_shape_without_objects_have_none(kind, shape):
    found = decode(only(empty(shape), kind), 0.5, 0.1, 0.4, 20)
    assert found.shape == shape
    assert found.dtype == np.int32
    assert not found.any()


# A row of 25 objects of 200 pixels each.
ROW = np.repeat(np.stack([np.zeros(25, int), np.arange(1, 26)], axis=1).ravel(), 200)[None]


@pytest.mark.parametrize("truth", [np.ones((2, 2), int), ROW, ROW.T], ids=["2x2", "1x10000", "10000x1"])
def test_objects_of_odd_images_are_found(kind, truth, perfect):
    np.testing.assert_array_equal(decode(only(perfect(truth), kind), 0.5, 0.0, 0.4, 200), truth)


def test_a_constant_foreground_is_one_object_unless_the_flow_denies_it(kind):
    found = decode(only(empty((50, 60), 1.0), kind), 0.5, 0.1, 0.4, 20)
    assert found.max() == (0 if kind == "flow" else 1)


def test_12_000_objects_are_all_found(kind, perfect):
    tile = np.zeros((9, 9), np.int32)
    tile[1:8, 2:7] = tile[2:7, 1:8] = 1
    truth = np.kron(np.arange(1, 12_001).reshape(100, 120), np.ones((9, 9), int)) * np.tile(tile, (100, 120))
    found = decode(only(perfect(truth), kind), 0.5, 0.1, 0.4, 7)
    assert found.max() == 12_000
    assert score(truth, found)["f1@0.9"] == 1


def test_the_same_maps_give_the_same_labels(kind, rendered, perfect):
    maps = only(perfect(rendered[0]), kind)
    np.testing.assert_array_equal(*(decode(maps, 0.5, 0.1, 0.4, 22) for _ in range(2)))


def test_maps_that_part_nothing_are_refused():
    with pytest.raises(ValueError, match="do not part objects"):
        decode(Maps(np.ones((4, 4), np.float32)), 0.5, 0.1, 0.4, 20)
