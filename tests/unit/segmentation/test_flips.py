"""Turned copies: laid eight ways, and brought back with their flows."""

import numpy as np
import pytest

from platewise.segmentation.flips import TURNS, Turn
from platewise.segmentation.maps import Maps

IMAGE = np.arange(6, dtype=np.float32).reshape(1, 2, 3)


def test_eight_ways_to_lay_an_image_and_the_first_is_none():
    laid = {turn.lay(IMAGE).tobytes() + bytes(turn.lay(IMAGE).shape) for turn in TURNS}
    assert len(laid) == 8
    np.testing.assert_array_equal(TURNS[0].lay(IMAGE), IMAGE)


def test_half_turn_is_among_the_first_four():
    np.testing.assert_array_equal(TURNS[3].lay(IMAGE), IMAGE[:, ::-1, ::-1])
    assert not any(turn.exchange for turn in TURNS[:4])


def test_rows_and_columns_are_exchanged_before_they_are_mirrored():
    assert Turn(exchange=True, rows=True).lay(IMAGE)[0].tolist() == [[2, 5], [1, 4], [0, 3]]


@pytest.mark.parametrize("turn", TURNS)
def test_maps_come_back_where_they_were(turn):
    maps = Maps(foreground=turn.lay(IMAGE)[0], boundary=turn.lay(IMAGE)[0] + 1, distance=turn.lay(IMAGE)[0] + 2)
    back = turn.undo(maps)
    np.testing.assert_array_equal(back.foreground, IMAGE[0])
    np.testing.assert_array_equal(back.boundary, IMAGE[0] + 1)
    np.testing.assert_array_equal(back.distance, IMAGE[0] + 2)
    assert back.flow is None


@pytest.mark.parametrize("turn", TURNS)
def test_flows_that_lead_to_a_place_lead_to_it_when_turned_back(turn):
    """The truth by another way: a mark is laid with the image, and flows are made that lead to it there."""
    mark = np.zeros((1, 5, 7), np.float32)
    mark[0, 1, 4] = 1
    laid = turn.lay(mark)[0]
    place = np.argwhere(laid)[0]
    flow = (place[:, None, None] - np.indices(laid.shape)).astype(np.float32)

    back = turn.undo(Maps(foreground=laid, flow=flow))

    np.testing.assert_array_equal(back.flow, np.array([1, 4])[:, None, None] - np.indices((5, 7)))
