"""Uneven illumination: estimated once a plate and channel from its own fields, divided out when a field is read.

The light a camera sees is (even light) x (flat field). The flat field is the same in every field of a plate and
channel; cells are not. It is therefore estimated as the smooth surface common to the logarithms of all fields, by a
robust regression on Legendre polynomials with one level a field, and each polynomial degree is kept only so far as
fields agree on it. The camera's own offset is not told apart from light.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from platewise import __version__
from platewise.algorithms import ALGORITHMS
from platewise.columns import SITE, WELL
from platewise.config.illumination import NoIllumination, RetrospectiveIllumination
from platewise.errors import DataError
from platewise.fields import BadFieldError, read_channel
from platewise.files import whole_folder
from platewise.inventory import OK, field_status
from platewise.tables import read_tables

if TYPE_CHECKING:
    import dask.array as da

GRID = 64
BOUNDS = (0.1, 10.0)
# Huber's constant: 95 % efficient on a normal distribution.
_HUBER = 1.345
# Part of the usual residual scale added to each field's own, so that one empty field does not outweigh all others.
_SCALE_FLOOR = 0.5
# A degree survives when its energy is twice its sampling noise, as Akaike's criterion asks.
_NOISE_FACTOR = 2.0
_ROUNDS, _TOLERANCE = 50, 1e-4
# Blocks darker than this share of their field's median carry no usable logarithm.
_DARK = 0.01


@dataclass(frozen=True)
class FlatField:
    """The flat field of one channel.

    Parameters
    ----------
    flat
        (y, x) float32, mean 1.
    fields
        Number of fields it rests on.
    note
        Why it is even, or was clipped; empty otherwise.
    """

    flat: np.ndarray
    fields: int
    note: str = ""


def reduce_image(image: np.ndarray, grid: int = GRID) -> np.ndarray:
    """Average an image over a coarse grid.

    Parameters
    ----------
    image
        (y, x).
    grid
        Blocks along each axis; no more than pixels.

    Returns
    -------
    numpy.ndarray
        (min(grid, y), min(grid, x)) float32 block means. Where the size is no multiple of the grid, blocks differ by
        one pixel.
    """
    rows, columns = (_edges(length, grid) for length in image.shape)
    sums = np.add.reduceat(image, rows[:-1], axis=0, dtype=np.float64)
    sums = np.add.reduceat(sums, columns[:-1], axis=1)
    return (sums / np.outer(np.diff(rows), np.diff(columns))).astype(np.float32)


def estimate_flat(
    stack: np.ndarray, shape: tuple[int, int], *, degree: int = 4, min_fields: int = 6, grid: int = GRID
) -> FlatField:
    """Estimate the flat field of one channel from its fields.

    For field f and block p the model is ``log I[f, p] = a[f] + s[p] + noise``, s a polynomial of total degree at most
    ``degree``. It is fitted by Huber's M-estimator with each field's own residual scale, so that bright cells, debris
    and crowded fields count less. The sampling covariance of s takes each field as one observation (a sandwich
    estimator), because neighbouring blocks share cells. Each degree is then shrunk by
    ``max(0, 1 - 2 noise / energy)``.

    Parameters
    ----------
    stack
        (field, gy, gx) block means as ``reduce_image`` makes them with the same ``grid``.
    shape
        (y, x) of the images.
    degree, min_fields
        See ``RetrospectiveIllumination``.

    Returns
    -------
    FlatField
        Even (all 1) with a note when fewer than ``min_fields`` fields are usable.
    """
    values = stack.reshape(len(stack), -1).astype(np.float64)
    level = np.median(values, axis=1) if len(values) else np.empty(0)
    values, level = values[level > 0], level[level > 0]
    if len(values) < min_fields:
        note = f"not corrected: {len(values)} usable fields, {min_fields} are needed (illumination: min_fields)"
        return FlatField(np.ones(shape, np.float32), len(values), note)
    logs = np.log(np.maximum(values, _DARK * level[:, None]) / level[:, None])
    design, triangle, degrees = _design(shape, grid, degree)
    coefficients, noise = _fit(logs, design)
    kept = np.linalg.solve(triangle, coefficients * _shrinkage(coefficients, noise, degrees))
    flat = np.exp(_surface(kept, shape, degree))
    flat /= flat.mean()
    clipped = np.clip(flat, *BOUNDS)
    note = "" if np.array_equal(flat, clipped) else f"clipped to {BOUNDS[0]} to {BOUNDS[1]} of its mean"
    return FlatField((clipped / clipped.mean()).astype(np.float32), len(values), note)


def stack_fields(inventory: pd.DataFrame, channels: Sequence[str], grid: int = GRID) -> tuple[da.Array, list[str]]:
    """Return the block means of fields as a lazy array, one chunk a field.

    A chunk reads one image after the other and keeps only its block means. Computing the array with t threads
    therefore holds at most t images (file, pixels and float32 at once, about 10 bytes a pixel for uint16) and
    ``fields x channels x grid^2 x 4`` bytes, however large the plate.

    Parameters
    ----------
    inventory
        Rows of good fields only.
    channels
        In the order wanted.

    Returns
    -------
    dask.array.Array
        (field, channel, gy, gx) float32. A field that turns out bad when it is read is NaN throughout.
    list of str
        The fields, as ``A01 site 1``.
    """
    import dask
    import dask.array as da

    first = inventory.iloc[0]
    shape = (len(channels), min(grid, int(first["Height"])), min(grid, int(first["Width"])))
    chunks, names = [], []
    for (well, site), rows in inventory.groupby([WELL, SITE], sort=False):
        rows_by_channel = rows.set_index("Channel", drop=False).loc[list(channels)]
        images = [row for _, row in rows_by_channel.iterrows()]
        chunk = dask.delayed(_reduce_field, pure=False)(images, shape, grid)
        chunks.append(da.from_delayed(chunk, shape, dtype=np.float32))
        names.append(f"{well} site {site}")
    return da.stack(chunks), names


def run_illumination(
    inventories: Sequence[str | Path],
    output: str | Path,
    *,
    channels: Sequence[str],
    config: NoIllumination | RetrospectiveIllumination,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Estimate a plate's illumination and store it.

    Parameters
    ----------
    inventories
        The plate's inventory files, all blocks.
    output
        ``illumination.zarr``: a Zarr v3 group with ``flat`` (channel, y, x) float32 and the attributes ``channels``,
        ``method``, ``fields`` and ``notes`` (one a channel), ``left_out`` (fields found bad on reading, with their
        number), ``flat_sha256`` and ``provenance``. With ``method: none``, or without any good field, there is no
        array. Written under another name and renamed.
    channels
        Names and order of the config.
    config
        The config's ``illumination`` section.
    seed
        Draws the fields when there are more than ``config.max_fields``.
    threads
        Fields read at a time.

    Raises
    ------
    DataError
        If the inventories cannot be read.
    """
    parameters = config.model_dump(mode="json")
    provenance = {
        "version": __version__,
        "stage": "illumination",
        "algorithm": ALGORITHMS["illumination"],
        "parameters": parameters,
        "seed": seed,
    }
    attributes: dict[str, Any] = {"channels": list(channels), "method": config.method, "provenance": provenance}
    if isinstance(config, NoIllumination):
        _write(Path(output), attributes, None)
        return
    good = _good_fields(read_tables(inventories))
    if good.empty:
        attributes["notes"] = ["not corrected: the plate has no good field"] * len(channels)
        _write(Path(output), attributes, None)
        return
    chosen = _sample(good, config.max_fields, seed)
    lazy, _ = stack_fields(chosen, channels)
    stack = lazy.compute(scheduler="threads", num_workers=max(1, threads))
    sound = np.isfinite(stack).all(axis=(1, 2, 3))
    first = good.iloc[0]
    shape = (int(first["Height"]), int(first["Width"]))
    flats = [
        estimate_flat(stack[sound, index], shape, degree=config.degree, min_fields=config.min_fields)
        for index in range(len(channels))
    ]
    attributes["fields"] = [estimate.fields for estimate in flats]
    attributes["notes"] = [estimate.note for estimate in flats]
    attributes["left_out"] = int((~sound).sum())
    _write(Path(output), attributes, np.stack([estimate.flat for estimate in flats]))


def read_illumination(path: str | Path, channels: Sequence[str] | None = None) -> np.ndarray | None:
    """Read a plate's illumination.

    Parameters
    ----------
    path
        ``illumination.zarr``.
    channels
        The channels wanted, in the order wanted; all, as stored, by default.

    Returns
    -------
    numpy.ndarray or None
        (channel, y, x) float32, mean 1 a channel; None when the store holds no correction (``method: none``, or no
        good field).

    Raises
    ------
    DataError
        If the store is missing, damaged, or lacks a channel.
    """
    import zarr

    remedy = "Hint: remove it and run again; it will be made anew."
    try:
        group = zarr.open_group(str(path), mode="r", zarr_format=3)
        attributes = dict(group.attrs)
        if "flat_sha256" not in attributes and "channels" in attributes:
            return None
        flat = np.asarray(group["flat"][...])
    except Exception as error:  # a damaged store can fail anywhere in the decoders
        raise DataError(
            f"{path}: cannot be read as an illumination ({type(error).__name__}: {error}). {remedy}"
        ) from error
    if hashlib.sha256(flat.tobytes()).hexdigest() != attributes.get("flat_sha256"):
        raise DataError(f"{path}: its values are not those that were written. {remedy}")
    stored = list(attributes["channels"])
    wanted = stored if channels is None else list(channels)
    missing = [channel for channel in wanted if channel not in stored]
    if missing:
        raise DataError(f"{path}: found no channel {', '.join(missing)}; there are {', '.join(stored)}. {remedy}")
    return flat[[stored.index(channel) for channel in wanted]]


def _edges(length: int, grid: int) -> np.ndarray:
    blocks = min(grid, length)
    return np.arange(blocks + 1) * length // blocks


def _centres(length: int, grid: int) -> np.ndarray:
    """Return the mean coordinate of each block, the image reaching from -1 to 1."""
    edges = _edges(length, grid)
    return (edges[:-1] + edges[1:]) / length - 1


def _design(shape: tuple[int, int], grid: int, degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the polynomials made orthonormal on the grid, the triangle that undoes that, and each one's degree.

    The constant is left out: each field has its own level.
    """
    rows, columns = (_centres(length, grid) for length in shape)
    vertical, horizontal = (np.polynomial.legendre.legvander(axis, degree) for axis in (rows, columns))
    raw = np.stack([np.outer(vertical[:, i], horizontal[:, j]).ravel() for i, j in _terms(degree)], axis=1)
    basis, triangle = np.linalg.qr(raw - raw.mean(axis=0))
    scale = np.sqrt(len(raw))  # a coefficient is then the root mean square of its term
    return basis * scale, triangle / scale, np.array([i + j for i, j in _terms(degree)])


def _terms(degree: int) -> list[tuple[int, int]]:
    return [(i, total - i) for total in range(1, degree + 1) for i in range(total + 1)]


def _surface(coefficients: np.ndarray, shape: tuple[int, int], degree: int) -> np.ndarray:
    """Evaluate a polynomial at every pixel's centre."""
    square = np.zeros((degree + 1, degree + 1))
    for (i, j), value in zip(_terms(degree), coefficients, strict=True):
        square[i, j] = value
    rows, columns = (_centres(length, length) for length in shape)
    return np.polynomial.legendre.leggrid2d(rows, columns, square)


def _fit(logs: np.ndarray, design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the common surface's coefficients and their sampling variances.

    Parameters
    ----------
    logs
        (field, block).
    design
        (block, term).
    """
    coefficients = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        residuals = logs - design @ coefficients
        residuals -= np.median(residuals, axis=1, keepdims=True)
        weights = _weights(residuals)
        sums = weights.sum(axis=1)
        residuals -= ((weights * residuals).sum(axis=1) / sums)[:, None]
        # The levels of the fields are profiled out: what a field's level explains is no evidence for the surface.
        means = weights @ design
        normal = design.T @ (weights.sum(axis=0)[:, None] * design) - means.T @ (means / sums[:, None])
        scores = (weights * residuals) @ design
        step = np.linalg.solve(normal, scores.sum(axis=0))
        coefficients += step
        if np.abs(step).max() < _TOLERANCE:
            break
    influence = np.linalg.solve(normal, scores.T)
    return coefficients, (influence**2).sum(axis=1) * len(logs) / (len(logs) - 1)


def _weights(residuals: np.ndarray) -> np.ndarray:
    scale = 1.4826 * np.median(np.abs(residuals), axis=1, keepdims=True)
    usual = max(float(np.median(scale)), 1e-6)
    scale = np.maximum(scale, 1e-6)
    huber = np.minimum(1.0, _HUBER * scale / np.maximum(np.abs(residuals), 1e-12))
    return huber / (scale**2 + (_SCALE_FLOOR * usual) ** 2)


def _shrinkage(coefficients: np.ndarray, noise: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    energy = np.bincount(degrees, coefficients**2)
    share = _NOISE_FACTOR * np.bincount(degrees, noise) / np.maximum(energy, 1e-300)
    return np.maximum(0.0, 1.0 - share)[degrees]


def _reduce_field(images: list[pd.Series], shape: tuple[int, int, int], grid: int) -> np.ndarray:
    reduced = np.full(shape, np.nan, np.float32)
    try:
        for index, row in enumerate(images):
            reduced[index] = reduce_image(read_channel(row), grid)
    except BadFieldError:
        # Segmentation meets the same file and records the reason; here the field is only not used.
        reduced[:] = np.nan
    return reduced


def _good_fields(inventory: pd.DataFrame) -> pd.DataFrame:
    status = field_status(inventory)
    return inventory.merge(status.loc[status["Status"] == OK, [WELL, SITE]], on=[WELL, SITE])


def _sample(good: pd.DataFrame, max_fields: int, seed: int) -> pd.DataFrame:
    fields = good[[WELL, SITE]].drop_duplicates()
    if len(fields) <= max_fields:
        return good
    drawn = np.random.default_rng(seed).choice(len(fields), size=max_fields, replace=False)
    return good.merge(fields.iloc[np.sort(drawn)], on=[WELL, SITE])


def _write(output: Path, attributes: dict[str, Any], flat: np.ndarray | None) -> None:
    from platewise.zarr_memory import new_group, write_out

    group, contents = new_group()
    if flat is not None:
        group.create_array("flat", data=flat, chunks=(1, *flat.shape[1:]))
        attributes = {**attributes, "flat_sha256": hashlib.sha256(flat.tobytes()).hexdigest()}
    group.attrs.update(attributes)
    with whole_folder(output) as folder:
        write_out(contents, folder)
