"""The microscope and the staining run: what lies between the cells and the camera counts."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from platewise.simulate.noise import smooth_noise
from platewise.simulate.stains import CHANNELS

CAMERA_OFFSET = 100.0
# Variance over mean and standard deviation without light, both measured on the empty parts of real fields.
_SHOT = 0.45
_READ = 6.5
_BACKGROUND = np.array([1200.0, 670.0, 600.0, 330.0, 600.0])
_BLUR = np.array([0.8, 0.85, 0.95, 0.9, 1.0])
_CORNER = np.array([0.42, 0.42, 0.4, 0.38, 0.34])  # light in the corner of a field over that in its middle
_HALO_SHARE, _HALO_WIDTH = 0.07, 14.0  # stray light: the long tail of the point spread


@dataclass(frozen=True)
class Optics:
    """The state of microscope and stain for one plate; one value a channel in the order of ``CHANNELS``.

    Attributes
    ----------
    gain
        Factor on all light of the channel.
    background
        Counts of light without cells in the middle of a field.
    blur
        Deviation of the point spread, pixels.
    bleed
        Share of the RNA dye's light that the ER channel sees, and the AGP channel.
    flat
        Illumination over the field, 1 at its brightest, shape (5, y, x).
    slope
        Change of the stain from one end of the plate to the other: down the rows, along the columns.
    edge_loss
        Share of cells that edge wells lack; a third of that of the light.
    """

    gain: np.ndarray
    background: np.ndarray
    blur: np.ndarray
    bleed: np.ndarray
    flat: np.ndarray
    slope: np.ndarray
    edge_loss: float


def key(*parts: str | int) -> list[int]:
    """Return entropy for a generator of its own: numbers as they are, names by their checksum."""
    return [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in parts]


def plate_optics(seed: int, batch: str, plate: str, field_size: int, batch_effect: float = 1.0) -> Optics:
    """Draw the optics of a plate: a large shift shared by its batch, and a small one of its own.

    ``batch_effect`` multiplies the deviations of the shared shift.
    """
    run = np.random.default_rng(key(seed, "batch", batch))
    own = np.random.default_rng(key(seed, "plate", plate))
    channels, far = len(CHANNELS), batch_effect
    gain = np.exp(run.normal(0, 0.2 * far, channels) + own.normal(0, 0.06, channels))
    background = _BACKGROUND * np.exp(run.normal(0, 0.15 * far, channels) + own.normal(0, 0.05, channels))
    blur = _BLUR * np.exp(run.normal(0.05, 0.18 * far) + own.normal(0, 0.05, channels))
    bleed = np.clip(np.array([0.06, 0.08]) * np.exp(run.normal(0, 0.6 * far, 2)), 0, 0.3)
    flat = np.stack([_flat_field(field_size, corner, far, run, own) for corner in _CORNER])
    return Optics(gain, background, blur, bleed, flat, own.normal(0, 0.05, 2), float(own.uniform(0.1, 0.3)))


def _flat_field(size: int, corner: float, far: float, run: np.random.Generator, own: np.random.Generator) -> np.ndarray:
    """Return vignetting that falls off from a centre near the middle, with a weak ripple."""
    centre = 0.5 + run.normal(0, 0.04 * far, 2) + own.normal(0, 0.01, 2)
    y, x = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size), indexing="ij")
    squared = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 0.5
    flat = corner + (1 - corner) * np.exp(-1.15 * squared) * (1 - 0.25 * squared**2)
    flat = flat + 0.006 * smooth_noise((size, size), size / 10, own)
    return (flat / flat.max()).astype(np.float32)


def well_gain(optics: Optics, row: float, column: float, at_edge: bool, rng: np.random.Generator) -> np.ndarray:
    """Return the factor on a well's light, one a channel.

    Parameters
    ----------
    row, column
        Place on the plate from 0 to 1.
    at_edge
        Whether the well lies on the plate's rim.
    """
    slope = 1 + optics.slope[0] * (row - 0.5) + optics.slope[1] * (column - 0.5)
    edge = 1 - optics.edge_loss / 3 if at_edge else 1.0
    return slope * edge * np.exp(rng.normal(0, 0.035, len(CHANNELS)))


def expose(light: np.ndarray, optics: Optics, gain: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what the camera records.

    Parameters
    ----------
    light
        (channel, y, x) stain light; larger than a field by an equal margin on every side.
    optics
        Of the plate.
    gain
        Of the well, one a channel.
    rng
        Of the field.

    Returns
    -------
    ndarray
        (channel, y, x) uint16 counts of the field.
    """
    size = optics.flat.shape[1]
    margin = (light.shape[1] - size) // 2
    inner = slice(margin, margin + size)
    light = _bleed(light, optics.bleed)
    images = np.empty((len(CHANNELS), size, size), np.uint16)
    for index in range(len(CHANNELS)):
        sharp = ndi.gaussian_filter(light[index], optics.blur[index], truncate=3)
        seen = (1 - _HALO_SHARE) * sharp + _HALO_SHARE * _halo(light[index])
        seen = seen[inner, inner] * np.float32(gain[index]) + optics.background[index] * _haze((size, size), index, rng)
        counts = seen * optics.flat[index] * np.float32(optics.gain[index])
        noise = rng.standard_normal(counts.shape, dtype=np.float32)
        recorded = CAMERA_OFFSET + counts + noise * np.sqrt(_SHOT * counts + _READ**2)
        images[index] = np.clip(np.rint(recorded), 0, 65535)
    return images


def _bleed(light: np.ndarray, share: np.ndarray) -> np.ndarray:
    light = light.copy()
    source = light[CHANNELS.index("RNA")].copy()
    light[CHANNELS.index("ER")] += share[0] * source
    light[CHANNELS.index("AGP")] += share[1] * source
    return light


def _halo(light: np.ndarray) -> np.ndarray:
    step = 6
    coarse = ndi.zoom(ndi.uniform_filter(light, step), 1 / step, order=1)
    coarse = ndi.gaussian_filter(coarse, _HALO_WIDTH / step, mode="nearest")
    return ndi.zoom(coarse, np.array(light.shape) / np.array(coarse.shape), order=1)


def _haze(shape: tuple[int, int], channel: int, rng: np.random.Generator) -> np.ndarray:
    """Return the background's relative unevenness; the dye of the live stain leaves more on the ground."""
    amount = 0.035 if CHANNELS[channel] == "Mito" else 0.008
    return 1 + amount * (0.75 * smooth_noise(shape, 14, rng) + 0.5 * smooth_noise(shape, 3, rng))
