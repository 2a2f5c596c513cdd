from itertools import combinations

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from skimage.morphology import convex_hull_image

from platewise.measure.hull import center_hulls, convex_areas, enclosing_circles, feret_diameters


def square(side, size=12):
    labels = np.zeros((size, size), int)
    labels[2 : 2 + side, 3 : 3 + side] = 1
    return labels


def test_the_hull_of_a_square_has_its_four_corners(objects_of):
    hulls = center_hulls(objects_of(square(5)))
    assert set(zip(hulls.rows, hulls.cols, strict=True)) == {(2, 3), (2, 7), (6, 7), (6, 3)}
    assert hulls.starts.tolist() == [0, 4]


def test_feret_diameters_of_a_square_are_side_and_diagonal(objects_of):
    assert feret_diameters(center_hulls(objects_of(square(5))))[0] == pytest.approx([4, 4 * np.sqrt(2)])


def test_a_line_has_no_width_and_a_pixel_neither_width_nor_length(objects_of):
    assert feret_diameters(center_hulls(objects_of([[1, 1, 1, 1, 0, 2]]))).tolist() == [[0, 3], [0, 0]]


def test_the_circle_around_a_square_goes_through_its_corners(objects_of):
    assert enclosing_circles(center_hulls(objects_of(square(5))))[0] == pytest.approx([4, 5, 2 * np.sqrt(2)])


def test_the_convex_area_of_an_l_fills_its_corner(objects_of):
    labels = np.zeros((7, 7), int)
    labels[1:6, 1] = labels[5, 1:6] = 1
    # The centres on and below the diagonal from (1, 1) to (5, 5): 5 + 4 + 3 + 2 + 1.
    assert convex_areas(objects_of(labels)).tolist() == [15]


def test_hulls_are_those_of_scipy(blob_objects):
    hulls = center_hulls(blob_objects)
    for k in range(blob_objects.count):
        own = slice(*blob_objects.starts[k : k + 2])
        points = np.column_stack([blob_objects.rows[own], blob_objects.cols[own]])
        vertices = slice(*hulls.starts[k : k + 2])
        found = set(zip(hulls.rows[vertices].tolist(), hulls.cols[vertices].tolist(), strict=True))
        if len(points) > 2:
            assert found == {tuple(points[i].tolist()) for i in ConvexHull(points).vertices}
        else:
            assert found == set(map(tuple, points.tolist()))


def test_convex_areas_are_those_of_skimage(blob_objects):
    expected = [convex_hull_image(np.pad(blob_objects.labels == k + 1, 2)).sum() for k in range(blob_objects.count)]
    assert convex_areas(blob_objects).tolist() == expected


def test_enclosing_circles_hold_all_pixels_and_are_the_smallest(blob_objects):
    hulls = center_hulls(blob_objects)
    for k, (row, col, radius) in enumerate(enclosing_circles(hulls)):
        vertices = slice(*hulls.starts[k : k + 2])
        points = np.column_stack([hulls.rows[vertices], hulls.cols[vertices]]).astype(float)
        assert np.hypot(*(points - [row, col]).T).max() <= radius + 1e-9
        assert radius == pytest.approx(_smallest_radius(points), abs=1e-9)


def _smallest_radius(points):
    """The largest of the radii that two or three points alone force (Helly)."""
    radius = max((np.hypot(*(a - b)) / 2 for a, b in combinations(points, 2)), default=0.0)
    for a, b, c in combinations(points, 3):
        sides = sorted([np.hypot(*(a - b)), np.hypot(*(b - c)), np.hypot(*(a - c))])
        if sides[2] ** 2 < sides[0] ** 2 + sides[1] ** 2:  # an acute triangle needs its circumscribed circle
            (ar, ac), (br, bc) = b - a, c - a
            radius = max(radius, np.prod(sides) / (2 * abs(ar * bc - ac * br)))
    return radius


def test_an_object_without_pixels_has_no_hull():
    from platewise.measure.objects import list_objects

    objects = list_objects(np.array([[1, 1, 0]], np.int32), np.array([1, 2]))
    hulls = center_hulls(objects)
    for result in (feret_diameters(hulls), enclosing_circles(hulls), convex_areas(objects)[:, None]):
        assert not np.isnan(result[0]).any()
        assert np.isnan(result[1]).all()
