"""Polygons of pixels, and pixels of polygons."""

import numpy as np
import pytest

from platewise.segmentation.annotate.outlines import fill_polygons, trace_mask, trace_objects


def mask_of(*rows):
    return np.array([[letter != "." for letter in row] for row in rows])


def corners(polygons):
    return [[ring.astype(int).tolist() for ring in polygon] for polygon in polygons]


def test_a_pixel_is_a_square():
    assert corners(trace_mask(mask_of("#"))) == [[[[0, 0], [1, 0], [1, 1], [0, 1]]]]


def test_straight_sides_have_no_corners_between():
    assert corners(trace_mask(mask_of("...", ".##", ".##"))) == [[[[1, 1], [3, 1], [3, 3], [1, 3]]]]


def test_a_hole_is_a_ring_of_its_polygon():
    (polygon,) = corners(trace_mask(mask_of("###", "#.#", "###")))
    assert sorted(polygon[0]) == [[0, 0], [0, 3], [3, 0], [3, 3]]
    assert [sorted(hole) for hole in polygon[1:]] == [[[1, 1], [1, 2], [2, 1], [2, 2]]]


def test_pixels_that_touch_at_a_corner_are_two_polygons():
    polygons = corners(trace_mask(mask_of("#.", ".#")))
    assert [sorted(polygon[0]) for polygon in polygons] == [
        [[0, 0], [0, 1], [1, 0], [1, 1]],
        [[1, 1], [1, 2], [2, 1], [2, 2]],
    ]


@pytest.mark.parametrize(
    ("mask", "holes"),
    [
        (mask_of("####", "#.##", "##.#", "####"), 2),  # holes that touch at a corner
        (mask_of("##.", "#.#", "###"), 1),  # a hole that touches the outside at a corner
        (mask_of("#####", "#...#", "#.#.#", "#...#", "#####"), 1),  # an island in a hole
    ],
)
def test_no_ring_touches_itself(mask, holes):
    polygons = trace_mask(mask)
    for polygon in polygons:
        for ring in polygon:
            assert len({tuple(corner) for corner in ring.tolist()}) == len(ring)
    assert sum(len(polygon) - 1 for polygon in polygons) == holes


def test_any_label_image_comes_back():
    rng = np.random.default_rng(1)
    for shape in ((1, 1), (1, 9), (13, 1), (12, 17), (30, 30)):
        label = rng.integers(0, 4, shape) * (rng.random(shape) < 0.8)
        back = np.zeros(shape, dtype=int)
        for number, polygons in trace_objects(label):
            back[fill_polygons(polygons, shape)] = number
        np.testing.assert_array_equal(back, label)


def test_numbers_are_kept_and_may_have_gaps():
    label = np.zeros((4, 6), dtype=np.int32)
    label[0, 0], label[2:, 3:] = 9, 4
    assert [number for number, _ in trace_objects(label)] == [4, 9]
    assert list(trace_objects(np.zeros((3, 3), dtype=int))) == []


def test_what_lies_outside_is_cut_off():
    ring = np.array([[-5.0, -5.0], [2.0, -5.0], [2.0, 3.0], [-5.0, 3.0]])
    rows, columns = fill_polygons([[ring]], (4, 4))
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(y, x) for y in range(3) for x in range(2)]
    assert fill_polygons([[ring - 50]], (4, 4))[0].size == 0


def test_a_pixel_belongs_to_the_polygon_that_holds_its_centre():
    triangle = np.array([[0.0, 0.0], [4.2, 0.0], [0.0, 4.2]])
    rows, columns = fill_polygons([[triangle]], (5, 5))
    # Centres with x + y below 4.2.
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {
        (y, x) for y in range(5) for x in range(5) if x + y + 1 < 4.2
    }
