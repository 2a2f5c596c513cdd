# ruff: noqa: ANN001, ANN202 - numba infers the types of kernels
"""Group Texture: the 13 features of Haralick (1973) of the grey levels of pixel pairs, as mahotas and CellProfiler.

Pairs lie ``scale`` pixels apart in one of four directions, both within the object, and count in both orders. Directions
are CellProfiler's: 00 along a row, 01 down and right, 02 along a column, 03 down and left. Logarithms are to base 2,
and DifferenceVariance is the variance of the *values* of the difference histogram, as mahotas has it.

Where we differ on purpose:

- The grey levels (module `grey_levels`): CellProfiler's are ``range: {mode: full}`` with ``levels: 256``. In the other
  modes every pixel of the object takes part, and the difference histogram has as many bins as there are levels, where
  mahotas ends it at the object's brightest pixel.
- ``directions: mean`` averages the four directions (suffix ``Mean``), leaving out one without pairs. CellProfiler gives
  up on an object that lacks pairs in any direction; here only that direction is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from platewise.config.measure import FullRange, TextureGroup
from platewise.jit import kernel
from platewise.measure.grey_levels import grey_levels
from platewise.measure.objects import Compartment, Objects


def measure(
    parts: Mapping[str, Compartment], channels: Sequence[str], settings: TextureGroup
) -> dict[str, NDArray[np.float64]]:
    """Return ``(objects, features)`` of each compartment; entropies in bits, the rest without unit."""
    tables: dict[str, list[NDArray[np.float64]]] = {name: [] for name in parts}
    for levels in level_images(parts, channels, settings):
        for name, part in parts.items():
            for scale in settings.scales:
                each = haralick(part.objects, levels, scale, difference_bins(settings))
                tables[name].append(in_columns(each, settings))
    return {name: np.concatenate(columns, axis=1) for name, columns in tables.items()}


def level_images(
    parts: Mapping[str, Compartment], channels: Sequence[str], settings: TextureGroup
) -> Iterator[NDArray[np.uint16]]:
    """Yield the ``(y, x)`` grey levels of each channel, which the compartments share."""
    whole = next(iter(parts.values()))
    for channel, plane in zip(channels, whole.image, strict=True):
        yield grey_levels(plane, channel, settings.levels, settings.range, whole.full_scale)


def difference_bins(settings: TextureGroup) -> int:
    """Return the ``bins`` of `haralick`."""
    return 0 if isinstance(settings.range, FullRange) else settings.levels


def in_columns(table: NDArray[np.float64], settings: TextureGroup) -> NDArray[np.float64]:
    """Return what `haralick` found of a channel and scale as ``(objects, columns)``."""
    if settings.directions == "each":
        return table.reshape(len(table), table.shape[1] * table.shape[2])
    paired = ~np.isnan(table[:, :, :1])
    total = np.where(paired, table, 0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return total / paired.sum(axis=1)


def haralick(objects: Objects, levels: NDArray[np.uint16], scale: int, bins: int) -> NDArray[np.float64]:
    """Return ``(objects, 4 directions, 13 features)``; NaN where a direction has no pair.

    Parameters
    ----------
    objects
        The objects.
    levels
        ``(y, x)`` grey levels; pixels of level 0 take no part.
    scale
        Distance of a pair in pixels along each axis that it crosses.
    bins
        Length of the difference histogram for DifferenceVariance; 0: the object's highest level + 1, as in mahotas.
    """
    return _haralick(objects.labels, objects.starts, objects.rows, objects.cols, levels, scale, bins)


@kernel
def _haralick(labels, starts, rows, cols, levels, scale, bins):
    count = len(starts) - 1
    out = np.full((count, 4, 13), np.nan)
    steps = ((0, 1), (1, 1), (1, 0), (1, -1))
    pairs = np.zeros((257, 257))
    for k in range(count):
        begin, end = starts[k], starts[k + 1]
        low, high = _level_range(levels, rows[begin:end], cols[begin:end])
        for direction in range(4):
            step = steps[direction]
            window = pairs[: high - low + 1, : high - low + 1]
            total = _count_pairs(
                labels, levels, rows[begin:end], cols[begin:end], scale * step[0], scale * step[1], low, window
            )
            if total > 0:
                window /= total
                _features(window, low, bins if bins > 0 else high + 1, out[k, direction])
    return out


@kernel
def _level_range(levels, rows, cols):
    """Lowest and highest level above 0; an empty range if there is none."""
    low, high = 256, -1
    for p in range(len(rows)):
        level = np.int64(levels[rows[p], cols[p]])
        high = max(high, level)
        if level > 0:
            low = min(low, level)
    return min(low, max(high, 0)), max(high, 0)


@kernel
def _count_pairs(labels, levels, rows, cols, dr, dc, low, window):
    window[:] = 0
    total = 0
    for p in range(len(rows)):
        row, col = rows[p] + dr, cols[p] + dc
        if row < 0 or col < 0 or row >= labels.shape[0] or col >= labels.shape[1]:
            continue
        if labels[row, col] != labels[rows[p], cols[p]]:
            continue
        one, two = levels[rows[p], cols[p]], levels[row, col]
        if one > 0 and two > 0:
            window[one - low, two - low] += 1
            window[two - low, one - low] += 1
            total += 2
    return total


@kernel
def _features(window, low, bins, out):
    """All 13 features of a symmetric matrix of shares whose first row is level ``low``."""
    size = len(window)
    single = np.zeros(size)
    sums = np.zeros(2 * size - 1)
    differences = np.zeros(size)
    entropy, squares = 0.0, 0.0
    for i in range(size):
        for j in range(size):
            share = window[i, j]
            if share > 0:
                single[i] += share
                sums[i + j] += share
                differences[abs(i - j)] += share
                squares += share * share
                entropy -= share * np.log2(share)
    mean, variance, product = _correlated(window, single, low)
    out[0] = squares
    out[1], out[4] = _difference_moments(differences)
    out[2] = (product - mean * mean) / variance if variance > 0 else 1.0
    out[3] = variance
    out[5], out[6] = _sum_moments(sums, low)
    out[7], out[8], out[10] = _entropy(sums), entropy, _entropy(differences)
    out[9] = (differences * differences).sum() / bins - (1.0 / bins) ** 2
    out[11], out[12] = _information(entropy, _entropy(single))


@kernel
def _correlated(window, single, low):
    """Mean and variance of the level, and the mean product of a pair's levels."""
    mean, square, product = 0.0, 0.0, 0.0
    for i in range(len(single)):
        mean += (low + i) * single[i]
        square += (low + i) ** 2 * single[i]
        for j in range(len(single)):
            product += (low + i) * (low + j) * window[i, j]
    variance = square - mean * mean
    # One level only: what is left is rounding.
    return mean, variance if variance > 1e-12 * square else 0.0, product


@kernel
def _difference_moments(differences):
    contrast, homogeneity = 0.0, 0.0
    for d in range(len(differences)):
        contrast += d * d * differences[d]
        homogeneity += differences[d] / (1.0 + d * d)
    return contrast, homogeneity


@kernel
def _sum_moments(sums, low):
    mean, square = 0.0, 0.0
    for s in range(len(sums)):
        level = 2 * low + s
        mean += level * sums[s]
        square += level * level * sums[s]
    return mean, square - mean * mean


@kernel
def _entropy(shares):
    total = 0.0
    for share in shares:
        if share > 0:
            total -= share * np.log2(share)
    return total


@kernel
def _information(joint, single):
    """Both measures of correlation; rows and columns have the same distribution, so HXY1 = HXY2 = 2 HX."""
    first = (joint - 2 * single) / single if single > 0 else joint - 2 * single
    return first, np.sqrt(max(0.0, 1.0 - np.exp(-2.0 * (2 * single - joint))))
