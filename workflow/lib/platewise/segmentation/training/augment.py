"""Random crops of annotated images: turned, scaled and bent, and seen under another light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.color import hed_from_rgb, rgb_from_hed

from platewise.config.segmenters import SegmenterAugmentConfig
from platewise.segmentation.training.pairs import Image, Label, Pair

# Stretch along one axis, as a factor of 1 + this.
_STRETCH = 0.1
# Bends have about one knot per this many pixels.
_KNOTS = 40
# Share of crops that are drawn to show an object: sparse images would mostly show none.
_WITH_OBJECT = 0.8
# Shares of crops that are unevenly lit, blurred and noisy, where any are to be.
_UNEVEN, _BLURRED, _NOISY = 0.3, 0.3, 0.5
# Shares of crops that are overexposed, and emptied but for a few objects, for networks that tell sizes.
_OVEREXPOSED, _SPARSE = 0.15, 0.1


@dataclass(frozen=True)
class Crop:
    """A piece of an annotated image.

    Attributes
    ----------
    image
        (c, side, side) float32; grey images stay grey, others have as many channels as the network sees.
    label
        (side, side) int32.
    diameter
        Median diameter of all objects of the image, in pixels of the crop; NaN if it has none. That of the objects in
        the crop is another: its border cuts large ones.
    """

    image: Image
    label: Label
    diameter: float


def draw_crop(
    pair: Pair, side: int, diameter: float, spread: float, config: SegmenterAugmentConfig, rng: np.random.Generator
) -> Crop:
    """Cut one random crop and change it at random.

    Parameters
    ----------
    pair
        The annotated image.
    side
        Of the crop, in pixels.
    diameter
        Size of the objects in the crop before ``spread``, in pixels.
    spread
        Largest factor by which they may be larger or smaller.
    config
        What else is changed, and how much.
    rng
        Source of all chance.
    """
    zoom = np.exp(rng.uniform(-1, 1) * np.log(spread))
    if not np.isnan(pair.diameter):
        zoom *= diameter / pair.diameter
    # The smallest level that still has all the detail.
    level = int(np.clip(np.floor(-np.log2(zoom)), 0, len(pair.levels) - 1))
    source, label = pair.levels[level]
    zoom *= 2**level
    centre = _centre(label, side / zoom, rng)
    places = _places(centre, side, zoom, config.elastic * diameter, rng)
    crop = np.stack([ndi.map_coordinates(part.astype(np.float32), places, order=1, mode="constant") for part in source])
    truth = ndi.map_coordinates(label, places, order=0, mode="constant")
    seen = recolour(crop, config, rng)
    return Crop(relight(seen, config, rng), truth, pair.diameter * zoom / 2**level)


def see_at_extremes(crop: Crop, rng: np.random.Generator) -> Crop:
    """Overexpose some crops, and empty others but for one to three objects.

    For a network that tells sizes: it must not go by the softness of edges, nor by how many objects there are. What it
    says decides at which size another network looks, and there is no second opinion on a field of dying cells.
    """
    if rng.uniform() < _OVEREXPOSED:
        crop = replace(crop, image=_expose(crop.image, rng))
    return _thin_out(crop, rng) if rng.uniform() < _SPARSE else crop


def _expose(image: Image, rng: np.random.Generator) -> Image:
    """Stretch a part of the range of brightness to the whole, and cut off the rest."""
    low, high = np.percentile(image, (1, 99.8))
    begin = rng.uniform(0, 0.3)
    end = rng.uniform(begin + 0.1, 1)
    begin, end = low + begin * (high - low), low + end * (high - low)
    return ((np.clip(image, begin, end) - begin) / max(end - begin, 1e-6)).astype(np.float32)


def _thin_out(crop: Crop, rng: np.random.Generator) -> Crop:
    """Paint all objects but a few over with pixels of the background."""
    numbers = np.unique(crop.label[crop.label > 0])
    chosen = rng.choice(numbers, min(len(numbers), rng.integers(1, 4)), replace=False)
    kept = np.isin(crop.label, chosen)
    # Their margins glow, too.
    painted = ndi.binary_dilation(crop.label > 0, iterations=3) & ~ndi.binary_dilation(kept, iterations=3)
    ground = crop.image[:, ndi.binary_dilation(crop.label > 0, iterations=3) == 0]
    if not ground.size:
        return crop
    image = crop.image.copy()
    image[:, painted] = ground[:, rng.integers(ground.shape[1], size=np.count_nonzero(painted))]
    return replace(crop, image=image, label=np.where(kept, crop.label, 0))


def _places(
    centre: tuple[float, float], side: int, zoom: float, bend: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return where in the image each pixel of the crop comes from, (2, side, side)."""
    turn = rng.uniform(0, 2 * np.pi)
    mirror = rng.choice((-1.0, 1.0))
    squeeze = np.exp(rng.uniform(-_STRETCH, _STRETCH))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag(
        [squeeze, mirror / squeeze]
    )
    axis = np.arange(side, dtype=np.float32) - (side - 1) / 2
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"))
    if bend > 0:
        knots = max(2, side // _KNOTS + 1)
        waves = rng.uniform(-bend, bend, (2, knots, knots))
        grid += np.stack([ndi.zoom(wave, side / knots, order=3, mode="nearest", grid_mode=True) for wave in waves])
    moved = np.tensordot(matrix / zoom, grid, axes=1)
    return (moved + np.array(centre)[:, None, None]).astype(np.float32)


def _centre(label: Label, width: float, rng: np.random.Generator) -> tuple[float, float]:
    """Draw the centre of a crop of ``width`` pixels: mostly near an object, with little from beyond the image."""
    shape = np.array(label.shape)
    inside = np.flatnonzero(label)
    if inside.size and rng.uniform() < _WITH_OBJECT:
        centre = np.array(np.unravel_index(rng.choice(inside), label.shape)) + rng.uniform(-0.4, 0.4, 2) * width
    else:
        centre = rng.uniform(0, 1, 2) * (shape - 1)
    margin = np.minimum(0.4 * width, (shape - 1) / 2)
    row, column = np.clip(centre, margin, shape - 1 - margin)
    return float(row), float(column)


def recolour(image: Image, config: SegmenterAugmentConfig, rng: np.random.Generator) -> Image:
    """Change the stains of a colour image (3, y, x), mix its channels or make it grey; leave others alone."""
    if len(image) != 3 or rng.uniform() >= config.colour:
        return image
    match rng.integers(3):
        case 0:
            return np.repeat(np.tensordot(rng.dirichlet(np.ones(3)), image, axes=1)[None], 3, axis=0).astype(np.float32)
        case 1:
            mixing = 0.7 * np.eye(3)[rng.permutation(3)] + 0.3 * rng.dirichlet(np.ones(3), size=3)
            return np.tensordot(mixing, image, axes=1).astype(np.float32)
        case _:
            return _restain(image, rng)


def _restain(image: Image, rng: np.random.Generator) -> Image:
    """Make each stain stronger or weaker in optical density (Tellez 2018, doi:10.1109/TMI.2018.2820199)."""
    density = -np.log(np.clip(image, 0, 1) * 0.95 + 0.05)
    stains = np.tensordot(hed_from_rgb.T, density, axes=1)
    stains = stains * rng.uniform(0.7, 1.4, (3, 1, 1)) + rng.uniform(-0.05, 0.05, (3, 1, 1))
    light = np.exp(-np.tensordot(rgb_from_hed.T, stains, axes=1))
    return ((light - 0.05) / 0.95).astype(np.float32)


def relight(image: Image, config: SegmenterAugmentConfig, rng: np.random.Generator) -> Image:
    """Change brightness, contrast, gamma, evenness of light, polarity, sharpness and noise of a (c, y, x) image."""
    light = config.intensity
    image = np.clip(image, -0.5, 2.0)
    positive = np.clip(image, 0, None)
    image = positive ** np.exp(rng.uniform(-1.5, 1.5) * light) + np.minimum(image, 0)
    if rng.uniform() < _UNEVEN:
        slopes = rng.uniform(-light, light, 2)
        ramp = sum(
            slope * axis
            for slope, axis in zip(
                slopes, np.ogrid[-1 : 1 : image.shape[1] * 1j, -1 : 1 : image.shape[2] * 1j], strict=True
            )
        )
        image = image * (1 + ramp) if rng.uniform() < 0.5 else image + 0.5 * ramp
    if rng.uniform() < config.invert:
        image = 1 - image
    if rng.uniform() < _BLURRED:
        blur = rng.uniform(0, config.blur)
        image = np.stack([ndi.gaussian_filter(part, blur) for part in image])
    image = image * np.exp(rng.uniform(-1, 1) * light) + rng.uniform(-0.5, 0.5) * light
    if rng.uniform() < _NOISY:
        level = rng.uniform(0, config.noise)
        grain = rng.normal(0, level, image.shape if rng.uniform() < 0.5 else image.shape[1:])
        image = image + (ndi.gaussian_filter(grain, 0.7) * 2 if rng.uniform() < 0.3 and grain.ndim == 2 else grain)
    return np.asarray(image, dtype=np.float32)
