"""Outlines: which pixel belongs to which nucleus and which cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from platewise.simulate.mechanisms import M
from platewise.simulate.noise import smooth_noise
from platewise.simulate.population import MITOTIC, Cells

_CLOSING = 15.0  # px; free edges of an island are arcs of about this radius, as tension makes them
_BODY = np.float32(0.68)  # of a cell's reach, between its arms
_HARMONICS = np.arange(2, 7)


@dataclass
class Shapes:
    """The label images of a canvas and each pixel's place in its own cell; all (y, x).

    Attributes
    ----------
    nuclei, cells
        int32, 0 is background, cell *i* holds nucleus *i* (*i* counts from 1 in the order of the cells).
    radial
        Distance from the nuclear centre over the nuclear radius in that direction: 1 on the nuclear outline.
    outside
        Distance in pixels from the nuclear outline, 0 inside.
    edge
        Distance in pixels from the cell's own outline.
    angle
        Direction from the nuclear centre, radians in the image frame.
    """

    nuclei: np.ndarray
    cells: np.ndarray
    radial: np.ndarray
    outside: np.ndarray
    edge: np.ndarray
    angle: np.ndarray


def outline(cells: Cells, shape: tuple[int, int], rng: np.random.Generator) -> Shapes:
    """Rasterise nuclei and cells.

    Parameters
    ----------
    cells
        The cells of the canvas.
    shape
        Of the canvas.
    rng
        Of the field.
    """
    nuclei = _nuclei(cells, shape, rng)
    labels = _cell_bodies(cells, shape, rng)
    labels = _close_gaps(labels)
    labels = np.where(nuclei > 0, nuclei, labels)
    labels = _keep_connected_to_nucleus(labels, nuclei)
    radial, outside, angle = _nuclear_frame(cells, labels)
    outside = np.where(nuclei > 0, 0, np.maximum(outside, 0.5)).astype(np.float32)
    return Shapes(nuclei, labels, radial, outside, _edge_distance(labels), angle)


def _window(
    y: float, x: float, radius: float, shape: tuple[int, int]
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray] | None:
    top, bottom = max(int(y - radius), 0), min(int(y + radius) + 2, shape[0])
    left, right = max(int(x - radius), 0), min(int(x + radius) + 2, shape[1])
    if top >= bottom or left >= right:
        return None
    dy = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
    dx = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x)
    return (slice(top, bottom), slice(left, right)), dy, dx


def _nuclei(cells: Cells, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return nuclear labels: ellipses with a few soft bumps; lobed where the effect says so."""
    labels = np.zeros(shape, np.int32)
    nearest = np.full(shape, np.inf, np.float32)
    lobes = np.clip(cells.effect(M.NUCLEAR_LOBES), 0, 1.6) * np.where(cells.rounded, 0, 1)
    for index in range(len(cells)):
        amplitude = 0.08 / (_HARMONICS - 0.6) + 0.17 * lobes[index] / np.sqrt(_HARMONICS - 1)
        if cells.phase[index] == MITOTIC:
            amplitude = np.full(len(_HARMONICS), 0.07)
        amplitude = amplitude * rng.normal(size=len(_HARMONICS))
        phases = rng.uniform(0, 2 * np.pi, len(_HARMONICS))
        spot = _window(cells.y[index], cells.x[index], 1.6 * cells.major[index] + 2, shape)
        if spot is None:
            continue
        region, dy, dx = spot
        u, v = _turn(dy, dx, cells.axis[index])
        u, v = u / cells.major[index], v / cells.minor[index]
        theta = np.arctan2(v, u)
        bumps = (amplitude * np.cos(theta[..., None] * _HARMONICS + phases)).sum(axis=-1)
        distance = np.hypot(u, v) / np.clip(1 + bumps, 0.45, 1.6)
        won = (distance < 1) & (distance < nearest[region])
        labels[region][won] = index + 1
        nearest[region][won] = distance[won]
    return labels


def _turn(dy: np.ndarray, dx: np.ndarray, axis: float) -> tuple[np.ndarray, np.ndarray]:
    cosine, sine = np.float32(np.cos(axis)), np.float32(np.sin(axis))
    return dx * cosine + dy * sine, dy * cosine - dx * sine


def _cell_bodies(cells: Cells, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return cell labels: each pixel to the cell that reaches it best; cells that rounded up lie on top."""
    labels = np.zeros(shape, np.int32)
    nearest = np.full(shape, np.inf, np.float32)
    wobble_y = 2.2 * smooth_noise(shape, 7, rng)
    wobble_x = 2.2 * smooth_noise(shape, 7, rng)
    for index in range(len(cells)):
        rounded = bool(cells.rounded[index])
        arms = _arms(float(cells.effects[index, M.PROTRUSIONS]), rng)
        longest = 1.0 if rounded else _BODY + arms[1].max()
        spot = _window(cells.y[index], cells.x[index], cells.reach[index] * cells.stretch[index] * longest + 6, shape)
        if spot is None:
            continue
        region, dy, dx = spot
        amount = np.float32(0.3 if rounded else 1.0)
        u, v = _turn(dy + amount * wobble_y[region], dx + amount * wobble_x[region], cells.axis[index])
        if rounded:
            distance = 0.5 * np.hypot(u, v) / np.float32(cells.reach[index])
            inside = distance < 0.5
        else:
            stretch = np.float32(np.sqrt(cells.stretch[index]))
            u, v = u / stretch, v * stretch
            distance = np.hypot(u, v) / (np.float32(cells.reach[index]) * _outline(np.arctan2(v, u), *arms))
            inside = distance < 1
        won = inside & (distance < nearest[region])
        labels[region][won] = index + 1
        nearest[region][won] = distance[won]
    return labels


def _arms(protrusions: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return direction, length and width of a cell's arms; the first two lie along its axis."""
    count = int(rng.integers(2, 5))
    angles = np.concatenate([np.array([0, np.pi]) + rng.normal(0, 0.25, 2), rng.uniform(-np.pi, np.pi, count)])
    lengths = rng.gamma(2.2, 0.36, count + 2) * np.exp(0.55 * np.clip(protrusions, -1.5, 1.2))
    widths = rng.uniform(0.2, 0.5, count + 2) * np.exp(-0.35 * np.clip(protrusions, -1.2, 1.2))
    return angles.astype(np.float32), np.minimum(lengths, 2.0).astype(np.float32), widths.astype(np.float32)


def _outline(theta: np.ndarray, angles: np.ndarray, lengths: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return the radius in a direction: a round body with arms whose sides are concave."""
    radius = np.full(theta.shape, _BODY, np.float32)
    for angle, length, width in zip(angles, lengths, widths, strict=True):
        apart = np.abs(np.mod(theta - angle + np.pi, 2 * np.pi) - np.pi)
        radius = np.maximum(radius, _BODY + length * np.exp(-apart / width) - np.float32(0.1) * apart)
    return radius


def _close_gaps(labels: np.ndarray) -> np.ndarray:
    """Close narrow gaps between cells (a morphological closing) and give their pixels to the nearest cell."""
    far, nearest = ndi.distance_transform_edt(labels == 0, return_indices=True)
    closed = ndi.distance_transform_edt(far <= _CLOSING) > _CLOSING
    return np.where(closed & (labels == 0), labels[tuple(nearest)], labels)


def _keep_connected_to_nucleus(labels: np.ndarray, nuclei: np.ndarray) -> np.ndarray:
    """Drop the parts of a cell that another one cut off from its nucleus."""
    lines = _borders(labels)
    parts, _ = ndi.label((labels > 0) & (~lines | (nuclei > 0)))
    with_nucleus = np.zeros(parts.max() + 1, bool)
    with_nucleus[np.unique(parts[nuclei > 0])] = True
    kept = np.where(with_nucleus[parts] & (parts > 0), labels, 0)
    _, nearest = ndi.distance_transform_edt(kept == 0, return_indices=True)
    # The lines that parted the cells go back to the nearest part that stayed.
    return np.where((labels > 0) & lines & (kept == 0), kept[tuple(nearest)], kept)


def _borders(labels: np.ndarray) -> np.ndarray:
    """Return where a pixel's right or lower neighbour has another label."""
    lines = np.zeros(labels.shape, bool)
    lines[:-1] |= labels[:-1] != labels[1:]
    lines[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    return lines


def _edge_distance(labels: np.ndarray) -> np.ndarray:
    return ndi.distance_transform_edt((labels > 0) & ~_borders(labels)).astype(np.float32)


def _nuclear_frame(cells: Cells, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return radial position, distance from the nuclear outline and direction of each pixel in its own cell."""

    def of(values: np.ndarray) -> np.ndarray:
        return np.concatenate([[1.0], values]).astype(np.float32)[labels]

    height, width = labels.shape
    dy = np.arange(height, dtype=np.float32)[:, None] - of(cells.y)
    dx = np.arange(width, dtype=np.float32)[None, :] - of(cells.x)
    u = dx * of(np.cos(cells.axis)) + dy * of(np.sin(cells.axis))
    v = dy * of(np.cos(cells.axis)) - dx * of(np.sin(cells.axis))
    radial = np.hypot(u / of(cells.major), v / of(cells.minor))
    distance = np.hypot(u, v)
    outside = distance * (1 - 1 / np.maximum(radial, 1e-3))
    return radial, np.maximum(outside, 0), np.arctan2(dy, dx)
