"""Random textures."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi


def smooth_noise(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise smoothed over ``scale`` pixels, mean 0 and deviation 1, float32, shape ``shape``.

    Coarse noise is made on a coarser grid, which is as smooth and much cheaper.
    """
    step = max(int(scale / 2.5), 1)
    coarse = rng.standard_normal((shape[0] // step + 3, shape[1] // step + 3), dtype=np.float32)
    coarse = ndi.gaussian_filter(coarse, scale / step, mode="wrap", truncate=3)
    if step > 1:
        coarse = ndi.zoom(coarse, step, order=1)
    field = coarse[: shape[0], : shape[1]]
    return (field - field.mean()) / max(float(field.std()), 1e-9)


def splat(
    shape: tuple[int, int], y: np.ndarray, x: np.ndarray, weight: np.ndarray, labels: np.ndarray, owner: np.ndarray
) -> np.ndarray:
    """Return an image of points, each shared out over its four pixels; points outside their own cell are lost.

    Parameters
    ----------
    shape
        Of the image.
    y, x, weight
        Positions in pixels and weights of the points.
    labels
        The cells' labels.
    owner
        The label each point belongs to; 0 is drawn anywhere.
    """
    row, column = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    kept = (row >= 0) & (column >= 0) & (row < shape[0] - 1) & (column < shape[1] - 1)
    row, column, y, x, weight, owner = (array[kept] for array in (row, column, y, x, weight, owner))
    kept = (owner == 0) | (labels[row, column] == owner)
    row, column, y, x, weight = (array[kept] for array in (row, column, y, x, weight))
    down, right = y - row, x - column
    image = np.zeros(shape[0] * shape[1])
    for shift_y, shift_x, share in (
        (0, 0, (1 - down) * (1 - right)),
        (0, 1, (1 - down) * right),
        (1, 0, down * (1 - right)),
        (1, 1, down * right),
    ):
        flat = (row + shift_y) * shape[1] + column + shift_x
        image += np.bincount(flat, weight * share, minlength=image.size)
    return image.reshape(shape).astype(np.float32)


def walk(
    y: np.ndarray, x: np.ndarray, heading: np.ndarray, length: np.ndarray, bend: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points of crooked lines, one pixel apart.

    Parameters
    ----------
    y, x, heading
        Where each line starts and its direction, radians from x towards y.
    length
        Of each line in pixels.
    bend
        Deviation of the turn at each step, radians.

    Returns
    -------
    y, x, line
        Positions of the points and the line each belongs to.
    """
    steps = max(int(np.ceil(length.max())), 1) if len(length) else 1
    turns = heading[:, None] + np.cumsum(rng.normal(0, bend, (len(y), steps)), axis=1)
    ys = y[:, None] + np.cumsum(np.sin(turns), axis=1)
    xs = x[:, None] + np.cumsum(np.cos(turns), axis=1)
    line = np.broadcast_to(np.arange(len(y))[:, None], ys.shape)
    kept = np.arange(steps)[None, :] < length[:, None]
    return ys[kept], xs[kept], line[kept]
