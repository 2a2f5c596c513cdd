# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Zernike moments of an object's shape within its smallest enclosing circle."""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

from platewise.jit import kernel
from platewise.measure.names import zernike_orders
from platewise.measure.objects import Objects


def zernike_magnitudes(objects: Objects, circles: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Return ``(objects, moments)``: |sum of V_nm over the object's pixels| / (pi r^2).

    ``V_nm = R_nm(rho) exp(i m theta)`` with ``rho`` the distance from the circle's centre over its radius ``r``
    (Zernike 1934; unnormalised, divided by the circle's area, as CellProfiler has it). NaN for a radius of 0. Of the
    pixels that lie on the circle, rounding puts some outside; they are left out, as they are there: the circle is
    worked out in the same steps (`enclosing_circles`), so that these are the same pixels.

    Parameters
    ----------
    objects
        The objects.
    circles
        ``(objects, 3)`` centre row, centre column, radius.
    degree
        Highest n.
    """
    orders = zernike_orders(degree)
    sums = _power_sums(objects.starts, objects.rows, objects.cols, circles, degree)
    area = np.pi * circles[:, 2] ** 2
    out = np.full((objects.count, len(orders)), np.nan)
    solid = area > 0
    for column, (n, m) in enumerate(orders):
        powers = np.arange((n - m) // 2 + 1)
        moment = sums[:, m, : len(powers)] @ _radial_coefficients(n, m)
        out[solid, column] = np.abs(moment[solid]) / area[solid]
    return out


def _radial_coefficients(n: int, m: int) -> NDArray[np.float64]:
    """Return c_j of ``R_nm(rho) = rho^m (c_0 + c_1 rho^2 + c_2 rho^4 + ...)``."""
    out = np.zeros((n - m) // 2 + 1)
    for s in range(len(out)):
        denominator = factorial(s) * factorial((n + m) // 2 - s) * factorial((n - m) // 2 - s)
        out[(n - m) // 2 - s] = (-1) ** s * factorial(n - s) / denominator
    return out


@kernel
def _power_sums(starts, rows, cols, circles, degree):
    """Sums of ``z^m |z|^(2j)`` over each object: every moment up to ``degree`` is a combination of them."""
    count = len(starts) - 1
    out = np.zeros((count, degree + 1, degree // 2 + 1), np.complex128)
    for k in range(count):
        row, col, radius = circles[k]
        for p in range(starts[k], starts[k + 1]):
            y, x = (rows[p] - row) / radius, (cols[p] - col) / radius
            square = x * x + y * y
            if square > 1:
                continue
            real, imaginary = 1.0, 0.0
            for m in range(degree + 1):
                scale = 1.0
                for j in range((degree - m) // 2 + 1):
                    out[k, m, j] += complex(real * scale, imaginary * scale)
                    scale *= square
                real, imaginary = real * y - imaginary * x, real * x + imaginary * y
    return out
