from math import factorial

import numpy as np
import pytest

from platewise.measure.hull import center_hulls, enclosing_circles
from platewise.measure.zernike import zernike_magnitudes, zernike_orders


def naive(rows, cols, circle, n, m):
    row, col, radius = circle
    y, x = (rows - row) / radius, (cols - col) / radius
    # Rounding puts some pixels of the circle outside, and these are left out.
    inside = x**2 + y**2 <= 1
    rho, theta = np.sqrt(x**2 + y**2)[inside], np.arctan2(x, y)[inside]
    polynomial = sum(
        (-1) ** s
        * factorial(n - s)
        / (factorial(s) * factorial((n + m) // 2 - s) * factorial((n - m) // 2 - s))
        * rho ** (n - 2 * s)
        for s in range((n - m) // 2 + 1)
    )
    return abs((polynomial * np.exp(1j * m * theta)).sum()) / (np.pi * radius**2)


def test_there_are_thirty_moments_up_to_degree_nine():
    assert len(zernike_orders(9)) == 30
    assert zernike_orders(4) == [(0, 0), (1, 1), (2, 0), (2, 2), (3, 1), (3, 3), (4, 0), (4, 2), (4, 4)]


def test_moments_are_the_sums_of_the_polynomials(blob_objects):
    circles = enclosing_circles(center_hulls(blob_objects))
    found = zernike_magnitudes(blob_objects, circles, 9)
    for k in range(blob_objects.count):
        own = slice(*blob_objects.starts[k : k + 2])
        for i, (n, m) in enumerate(zernike_orders(9)):
            if circles[k, 2] > 0:
                expected = naive(blob_objects.rows[own], blob_objects.cols[own], circles[k], n, m)
                assert found[k, i] == pytest.approx(expected, abs=1e-9)
            else:
                assert np.isnan(found[k, i])


def test_moments_change_by_pixels_on_the_circle_at_most_when_the_object_is_turned(objects_of):
    labels = np.zeros((20, 20), int)
    labels[3:15, 4:9] = labels[10:15, 4:17] = 1
    moments = [
        zernike_magnitudes(objects, enclosing_circles(center_hulls(objects)), 9)
        for objects in (objects_of(labels), objects_of(np.rot90(labels)), objects_of(labels[:, ::-1]))
    ]
    # Three pixels lie on it, and no polynomial exceeds 1.
    one = 1 / (np.pi * enclosing_circles(center_hulls(objects_of(labels)))[0, 2] ** 2)
    np.testing.assert_allclose(moments[1], moments[0], atol=3 * one)
    np.testing.assert_allclose(moments[2], moments[0], atol=3 * one)
