import math

import naive_flows
import numpy as np
import pytest
from scipy import ndimage as ndi

from platewise.segmentation.decode.flows import decode_flows, flow_errors, follow_flow, gather
from platewise.segmentation.pieces import number_pieces
from platewise.segmentation.scoring import score
from platewise.segmentation.targets import centre_direction, centre_flow


def waves(shape, width, seed):
    """Smooth noise (2, y, x) with a standard deviation of 1: what networks get wrong is wrong in whole regions."""
    noise = np.random.default_rng(seed).normal(size=(2, *shape))
    smooth = ndi.gaussian_filter(noise, (0, width, width))
    return (smooth / smooth.std()).astype(np.float32)


@pytest.mark.parametrize("name", ["disks", "long_ones"])
def test_the_true_flow_gives_the_truth_back(name, request, diameter_of):
    truth = request.getfixturevalue(name)
    label = decode_flows((truth > 0).astype(np.float32), centre_flow(truth), 0.5, 0, 0.4, diameter_of(truth))
    np.testing.assert_array_equal(label, truth)


def test_labels_equal_those_of_the_naive_way(disks, rendered):
    for truth in (disks, rendered[0][:200, :200]):
        flow = centre_flow(truth) + 0.15 * waves(truth.shape, 2, seed=1)
        foreground = (truth > 0).astype(np.float32)
        found = decode_flows(foreground, flow, 0.5, 15, 0.4, diameter=22)
        naive, count = number_pieces(naive_flows.decode(foreground, flow))
        assert found.max() == count > 5
        assert (found != naive).sum() < 0.01 * foreground.sum()


def test_pixels_end_where_the_naive_way_leads_them(rendered):
    truth = rendered[0][:200, :200]
    flow, mask = centre_flow(truth), truth > 0
    ends = np.array(np.unravel_index(follow_flow(flow, mask, 100), mask.shape))
    assert np.abs(ends - naive_flows.follow(flow, mask, 100)).max() < 1.5


def test_one_and_two_pixels_are_objects_if_they_may_be_so_small():
    truth = np.zeros((12, 12), np.int32)
    truth[2, 2], truth[2, 8:10], truth[9, 9] = 1, 2, 3
    foreground, flow = (truth > 0).astype(np.float32), centre_flow(truth)
    np.testing.assert_array_equal(decode_flows(foreground, flow, 0.5, 0, 0.4, 20), truth)
    np.testing.assert_array_equal(decode_flows(foreground, flow, 0.5, 2, 0.4, 20), truth == 2)


def test_smooth_errors_of_the_flow_do_not_cost_an_object(rendered):
    truth = rendered[0]
    flow = centre_flow(truth) + 0.25 * waves(truth.shape, 3, seed=2)
    scores = score(truth, decode_flows((truth > 0).astype(np.float32), flow, 0.5, 15, 0.4, 22))
    assert scores["f1@0.9"] == 1
    assert scores["split"] == scores["merged"] == 0


def test_a_weak_flow_leads_as_far_as_a_strong_one(disks):
    # Averages of networks that disagree are shorter than 1.
    weak = 0.2 * centre_flow(disks)
    label = decode_flows((disks > 0).astype(np.float32), weak, 0.5, 0, 1.0, 20)
    np.testing.assert_array_equal(label, disks)


def test_no_pixel_is_led_across_the_background():
    mask = np.ones((3, 20), bool)
    mask[:, 9:12] = False
    flow = np.zeros((2, 3, 20), np.float32)
    flow[1] = 1
    ends = follow_flow(flow, mask, 100) % 20
    assert set(ends[mask.nonzero()[1] < 9]) == {9}


def test_places_of_a_ridge_are_one_and_others_are_told_apart():
    rows, cols = np.array([5] * 40 + [5] * 30 + [20] * 4), np.array([*range(5, 25)] * 2 + [40] * 30 + [41] * 4)
    places = gather(rows * 60 + cols, (30, 60), 20.0)
    assert len(set(places[:40])) == 1
    assert len({places[0], places[40], places[70]}) == 3


def test_error_of_the_flow_is_its_mean_squared_difference(disks):
    flow = centre_flow(disks)
    np.testing.assert_array_equal(flow_errors(disks, flow), np.zeros(10))
    flow[0, disks == 4] += 0.5
    flow[:, disks == 5] = 0
    errors = flow_errors(disks, flow)
    assert errors[4] == pytest.approx(0.25)
    # All pixels but the centre have a vector of length 1.
    assert errors[5] == pytest.approx(1 - 1 / (disks == 5).sum())
    assert not errors[[0, 1, 2, 3, 6, 7, 8, 9]].any()


def test_objects_against_the_flow_are_dropped(disks):
    flow = centre_flow(disks)
    # Its pixels are led to its middle, but hardly: one object is found, and not believed.
    flow[:, disks == 6] = 0.2 * centre_direction(disks)[:, disks == 6]
    foreground = (disks > 0).astype(np.float32)
    assert decode_flows(foreground, flow, 0.5, 0, 2.0, 20).max() == 9
    kept = decode_flows(foreground, flow, 0.5, 0, 0.4, 20)
    np.testing.assert_array_equal(kept, np.select([disks < 6, disks > 6], [disks, disks - 1], 0))


def test_the_threshold_chooses_the_pixels(disks):
    foreground = np.where(disks == 3, 0.4, 0.8 * (disks > 0)).astype(np.float32)
    assert decode_flows(foreground, centre_flow(disks), 0.5, 0, 0.4, 20).max() == 8
    assert decode_flows(foreground, centre_flow(disks), 0.3, 0, 0.4, 20).max() == 9


def test_an_image_that_is_all_foreground_without_flow_has_no_object():
    assert not decode_flows(np.ones((60, 60), np.float32), np.zeros((2, 60, 60), np.float32), 0.5, 0, 0.4, 20).any()


def test_the_flow_of_what_the_border_cuts_drops_nothing():
    # Halves of disks at the upper border and in the middle, both with a flow that leads to the whole disk's centre.
    rows, cols = np.indices((60, 40))
    mask, flow = np.zeros((60, 40), bool), np.zeros((2, 60, 40), np.float32)
    for top in (0, 30):
        away = np.stack([top - 4 - rows, 20 - cols]).astype(np.float32)
        half = (np.hypot(*away) < 10) & (rows >= top)
        mask |= half
        flow[:, half] = (away / np.maximum(np.hypot(*away), 1))[:, half]
    found = decode_flows(mask.astype(np.float32), flow, 0.5, 0, 0.2, 20)
    assert found[:20].any()
    assert not found[30:].any()


def test_a_whirl_ends():
    rows, cols = np.indices((41, 41)) - 20
    flow = (np.stack([cols, -rows]) / np.maximum(np.hypot(rows, cols), 1)).astype(np.float32)
    label = decode_flows((np.hypot(rows, cols) < 18).astype(np.float32), flow, 0.5, 0, math.inf, 20)
    assert label.max() >= 1


@pytest.mark.parametrize("flow_error", [0.4, math.inf])
def test_a_field_that_is_one_object_holds_none(flow_error):
    """To check its flow would take minutes."""
    foreground, flow = np.ones((1500, 1500), np.float32), np.zeros((2, 1500, 1500), np.float32)
    flow[0] = np.sign(750 - np.arange(1500))[:, None]
    assert not decode_flows(foreground, flow, 0.5, 0, flow_error, 20.0).any()


def test_an_object_nine_times_as_wide_as_others_is_found():
    rows, columns = np.indices((220, 220))
    truth = (np.hypot(rows - 110, columns - 110) < 90).astype(np.int32)
    label = decode_flows(truth.astype(np.float32), centre_flow(truth), 0.5, 0, 0.4, 20.0)
    np.testing.assert_array_equal(label, truth)


def test_without_a_check_no_flow_is_computed(monkeypatch, disks):
    monkeypatch.setattr("platewise.segmentation.decode.flows.flow_errors", None)
    label = decode_flows((disks > 0).astype(np.float32), centre_flow(disks), 0.5, 0, math.inf, 20)
    np.testing.assert_array_equal(label, disks)
