"""What each stain shows of the cells of a canvas: five images of light, before any optics.

Levels are camera counts above background in the middle of a field of a plate without batch effect. They were set by eye
and by quantiles against the real U2OS fields of CPJUMP1 (see ``benchmarks/compare_rendered.py``).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from platewise.simulate.mechanisms import M, Mechanism
from platewise.simulate.noise import smooth_noise, splat, walk
from platewise.simulate.population import DYING, MITOTIC, Cells
from platewise.simulate.shapes import Shapes

CHANNELS = ("Mito", "AGP", "RNA", "ER", "DNA")
_OVERLAP = 2.5  # px
# Nucleoli exclude DNA. The real fields do not show it at 20x: there, spots that are bright in RNA are on the whole a
# little brighter in DNA too (see ``nucleus RNA-DNA correlation`` in the table of ``benchmarks/compare_rendered.py``).
_NUCLEOLAR_DNA_LOSS = 0.14
DNA_PER_N = 4.0e6  # counts summed over a nucleus, for one N of DNA


class Canvas:
    """The cells, their outlines and the textures that several stains share.

    ``of(values)`` spreads a value a cell over the cell's pixels (0 in the background).
    """

    def __init__(self, cells: Cells, shapes: Shapes, rng: np.random.Generator) -> None:
        self.cells, self.shapes, self.rng = cells, shapes, rng
        self.shape = shapes.cells.shape
        self.fine = smooth_noise(self.shape, 0.95, rng)
        self.grain = smooth_noise(self.shape, 2.2, rng)
        self.coarse = smooth_noise(self.shape, 9, rng)
        self.inside = shapes.nuclei > 0
        self.body = shapes.cells > 0
        self.body_weight = np.maximum(ndi.gaussian_filter(self.body.astype(np.float32), _OVERLAP, truncate=2.5), 0.05)
        self.rounded = self.of(cells.rounded) > 0
        self.golgi_side = rng.uniform(-np.pi, np.pi, len(cells)).astype(np.float32)
        self.nucleoli = self._nucleoli()
        self.vacuoles = self._vacuoles()
        self.thickness = self._thickness()

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return an image with each cell's value on its pixels, float32."""
        return np.concatenate([[0.0], values]).astype(np.float32)[self.shapes.cells]

    def soft(self, image: np.ndarray) -> np.ndarray:
        """Return the image smoothed within the cells: flat neighbours lie over each other's rim, none outside."""
        blurred = ndi.gaussian_filter(image * self.body, _OVERLAP, truncate=2.5)
        return np.where(self.rounded, image, blurred / self.body_weight) * self.body

    def effect(self, mechanism: Mechanism, gain: float) -> np.ndarray:
        """Return the factor ``exp(gain * effect)`` of each cell."""
        return np.exp(gain * self.cells.effect(mechanism))

    def _thickness(self) -> np.ndarray:
        """Return the height of the cells: flat cells thin out at their edge, rounded ones are half spheres."""
        spread = 1 - 0.72 * np.exp(-(self.shapes.edge + 0.5) / 6)
        area = np.bincount(self.shapes.cells.ravel(), minlength=len(self.cells) + 1)[1:]
        # The same cell spread over less ground is higher.
        height = np.clip(4200 / np.maximum(area, 300), 0.45, 1.8) ** 0.5
        flat = spread * self.of(height)
        dome = np.sqrt(np.clip(self.shapes.edge / np.maximum(self.of(self.cells.reach), 1), 0, 1))
        return np.where(self.rounded, dome, flat)

    def _nucleoli(self) -> np.ndarray:
        """Return the nucleoli, 1 at their middle, nothing in cells that have rounded up."""
        cells, rng = self.cells, self.rng
        expected = 6.5 * (cells.content / 2.5) ** 0.5 * np.exp(1.1 * cells.effect(M.NUCLEOLAR_NUMBER))
        count = np.where(cells.rounded, 0, 1 + rng.poisson(np.clip(expected - 1, 0.05, 30)))
        owner = np.repeat(np.arange(len(cells)), count)
        radius = 0.74 * np.sqrt(rng.random(len(owner)))
        angle = rng.uniform(0, 2 * np.pi, len(owner))
        u, v = radius * np.cos(angle) * cells.major[owner], radius * np.sin(angle) * cells.minor[owner]
        cosine, sine = np.cos(cells.axis[owner]), np.sin(cells.axis[owner])
        y, x = cells.y[owner] + u * sine + v * cosine, cells.x[owner] + u * cosine - v * sine
        # Each is a short crooked thread of material; few nucleoli are larger ones.
        length = np.maximum(rng.gamma(1.5, 1.3, len(owner)) * (5.0 / np.maximum(count[owner], 1)) ** 0.3, 1)
        ys, xs, line = walk(y, x, rng.uniform(0, 6.3, len(owner)), length, 0.9, rng)
        size = rng.uniform(0.6, 1.4, len(owner))
        image = splat(self.shape, ys, xs, size[line], self.shapes.nuclei, owner[line] + 1)
        return np.minimum(ndi.gaussian_filter(image, 0.75) / 0.17, 1.7) * self.inside

    def _vacuoles(self) -> np.ndarray:
        """Return the share of the cytoplasm that vacuoles leave."""
        amount = np.clip(self.of(self.cells.effect(M.VACUOLES)), 0, 1.6)
        holes = 1 / (1 + np.exp(-6 * (smooth_noise(self.shape, 2.6, self.rng) - 1.9 + 1.1 * amount)))
        return 1 - np.minimum(0.75 * amount, 0.75) * holes * ~self.inside


def dna(canvas: Canvas) -> np.ndarray:
    """Return the DNA stain: each nucleus sums to its DNA content times ``DNA_PER_N``."""
    cells, shapes = canvas.cells, canvas.shapes
    labels = shapes.nuclei
    # A cap instead of a step at the nuclear border, as of a flat ellipsoid.
    dome = np.clip((1 - shapes.radial) * 5, 0, 1) ** 0.5 * 0.45 + 0.55
    texture = canvas.effect(M.CHROMATIN_TEXTURE, 0.8) * np.exp(canvas.rng.normal(0.1, 0.3, len(cells)))
    condensed = cells.phase == MITOTIC
    clumps = canvas.of(np.where(condensed, 1.6, texture))
    chromatin = 1 + clumps * (0.15 * canvas.fine + 0.065 * canvas.grain)
    image = (
        dome
        * np.clip(chromatin, 0.25, None)
        * (1 - _NUCLEOLAR_DNA_LOSS * np.minimum(canvas.nucleoli, 1))
        * (labels > 0)
    )
    total = np.bincount(labels.ravel(), image.ravel(), minlength=len(cells) + 1)
    scale = DNA_PER_N * np.concatenate([[0], cells.stain_content]) / np.maximum(total, 1e-9)
    cytoplasm = 170 * canvas.thickness * canvas.body
    return image * scale.astype(np.float32)[labels] + cytoplasm


def _asymmetry(canvas: Canvas, side: np.ndarray, amount: float) -> np.ndarray:
    return 1 + np.float32(amount) * np.cos(canvas.shapes.angle - canvas.of(side))


def _rounded_level(canvas: Canvas, dividing: float, dying: float) -> np.ndarray:
    """Return the brightness of a cell for having rounded up; 1 for flat cells."""
    phase = canvas.cells.phase
    level = np.where(phase == MITOTIC, dividing, np.where(phase == DYING, dying, 1.0))
    spread = np.where(phase == DYING, np.exp(canvas.rng.normal(0, 0.4, len(phase))), 1.0)
    return level * spread


def er(canvas: Canvas) -> np.ndarray:
    """Return the ER stain: dense around the nucleus, netlike and thinner outwards, weak in the nucleus."""
    cells, shapes, rng = canvas.cells, canvas.shapes, canvas.rng
    reach = canvas.of(11.0 * canvas.effect(M.ER_SPREAD, 0.7) * np.exp(rng.normal(0, 0.2, len(cells))))
    profile = 0.16 + 0.98 * np.exp(-shapes.outside / np.maximum(reach, 1)) * _asymmetry(canvas, canvas.golgi_side, 0.4)
    net = 1 + 0.16 * canvas.fine + 0.11 * canvas.grain + 0.08 * canvas.coarse
    nucleus = 0.47 * (1 + 0.05 * canvas.grain) + 0.10 * canvas.nucleoli
    flat = np.where(canvas.inside, nucleus, profile * net * canvas.vacuoles)
    return _fill_rounded(canvas, flat, 0.75) * _levels(canvas, 7600, M.ER_AMOUNT, 0.55, (1.7, 3.4), 0.18)


def rna(canvas: Canvas) -> np.ndarray:
    """Return the RNA stain: cytoplasm like the ER, but fuller, and nucleoli."""
    cells, shapes, rng = canvas.cells, canvas.shapes, canvas.rng
    reach = canvas.of(19.0 * np.exp(0.25 * cells.effect(M.ER_SPREAD) + rng.normal(0, 0.15, len(cells))))
    profile = 0.27 + 0.78 * np.exp(-shapes.outside / np.maximum(reach, 1)) * _asymmetry(canvas, canvas.golgi_side, 0.15)
    net = 1 + 0.09 * canvas.fine + 0.08 * canvas.grain + 0.06 * canvas.coarse
    nucleoli = canvas.of(canvas.effect(M.NUCLEOLAR_RNA, 1.0)) * canvas.nucleoli
    nucleus = 0.52 * (1 + 0.05 * canvas.grain) + 0.55 * nucleoli
    flat = np.where(canvas.inside, nucleus, profile * net * canvas.vacuoles)
    return _fill_rounded(canvas, flat, 0.8) * _levels(canvas, 13000, M.RNA_AMOUNT, 0.6, (1.9, 4.8), 0.16)


def agp(canvas: Canvas) -> np.ndarray:
    """Return the actin, Golgi and plasma membrane stain."""
    cells, shapes = canvas.cells, canvas.shapes
    cytoplasm = 0.45 + 0.3 * np.exp(-shapes.outside / 14)
    rim = 0.45 * canvas.of(canvas.effect(M.ACTIN_EDGE, 0.8)) * np.exp(-(((shapes.edge - 1.0) / 1.2) ** 2))
    # Ruffles: parts of the outline where actin piles up.
    rim = rim * np.clip(0.55 + 0.75 * canvas.coarse, 0.1, None)
    flat = np.where(canvas.inside, 1.05 + 0.05 * canvas.grain, cytoplasm * (1 + 0.09 * canvas.fine) * canvas.vacuoles)
    flat = flat + rim * ~canvas.inside + _fibres(canvas)
    image = _fill_rounded(canvas, flat, 0.9) * _levels(canvas, 3300, None, 0, (2.1, 6.0), 0.14)
    return image + _golgi(canvas) * canvas.of(cells.brightness)


def _fibres(canvas: Canvas) -> np.ndarray:
    """Return stress fibres along the cell's axis, in units of the cell's actin level."""
    cells, rng = canvas.cells, canvas.rng
    count = np.where(cells.rounded, 0, rng.poisson(13 * canvas.effect(M.ACTIN_FIBRES, 0.9)))
    owner = np.repeat(np.arange(len(cells)), count)
    spread = cells.reach[owner]
    y = cells.y[owner] + rng.normal(0, 0.5, len(owner)) * spread
    x = cells.x[owner] + rng.normal(0, 0.5, len(owner)) * spread
    heading = cells.axis[owner] + rng.normal(0, 0.14, len(owner)) + np.pi * rng.integers(0, 2, len(owner))
    ys, xs, line = walk(y, x, heading, rng.uniform(12, 42, len(owner)), 0.02, rng)
    weight = rng.gamma(2.0, 0.18, len(owner)) * np.minimum(canvas.effect(M.ACTIN_FIBRES, 0.35), 1.6)[owner]
    return ndi.gaussian_filter(splat(canvas.shape, ys, xs, weight[line], canvas.shapes.cells, owner[line] + 1), 0.7)


def _golgi(canvas: Canvas) -> np.ndarray:
    """Return the Golgi: a ribbon of stacks beside the nucleus, and vesicles all over the cell; counts."""
    cells, rng = canvas.cells, canvas.rng
    spread = canvas.effect(M.GOLGI_SPREAD, 1.0)
    visible = np.where(cells.rounded, 0.15, np.exp(rng.normal(0, 0.55, len(cells))))
    count = rng.poisson(np.where(cells.rounded, 4, 40) * np.minimum(canvas.effect(M.GOLGI_AMOUNT, 0.4), 2))
    owner = np.repeat(np.arange(len(cells)), count)
    angle = canvas.golgi_side[owner] + rng.normal(0, 1, len(owner)) * np.minimum(0.42 * spread, 2.2)[owner]
    gap = np.abs(rng.normal(0, 1, len(owner))) * (2.6 * spread**1.4)[owner] - 0.5
    y, x = _beside_nucleus(cells, owner, angle, gap)
    length = rng.uniform(2, 8, len(owner)) / spread[owner] ** 0.7
    ys, xs, line = walk(y, x, angle + np.pi / 2 + rng.normal(0, 0.5, len(owner)), np.maximum(length, 1), 0.35, rng)
    bright = canvas.effect(M.GOLGI_AMOUNT, 0.6) * visible
    weight = rng.gamma(0.9, 4200, len(owner)) * bright[owner]
    image = splat(canvas.shape, ys, xs, weight[line], canvas.shapes.cells, owner[line] + 1)
    return ndi.gaussian_filter(image + _vesicles(canvas), 0.75)


def _vesicles(canvas: Canvas) -> np.ndarray:
    cells, rng = canvas.cells, canvas.rng
    count = rng.poisson(np.where(cells.rounded, 2, 36), len(cells))
    owner = np.repeat(np.arange(len(cells)), count)
    y, x = _beside_nucleus(cells, owner, rng.uniform(0, 6.3, len(owner)), rng.exponential(11, len(owner)))
    return splat(canvas.shape, y, x, rng.gamma(0.9, 3000, len(owner)), canvas.shapes.cells, owner + 1)


def _beside_nucleus(
    cells: Cells, owner: np.ndarray, angle: np.ndarray, gap: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return points at a distance ``gap`` from the nuclear outline, in a direction seen from its centre."""
    turned = angle - cells.axis[owner]
    radius = 1 / np.hypot(np.cos(turned) / cells.major[owner], np.sin(turned) / cells.minor[owner])
    return cells.y[owner] + (radius + gap) * np.sin(angle), cells.x[owner] + (radius + gap) * np.cos(angle)


def mito(canvas: Canvas) -> np.ndarray:
    """Return the mitochondria: threads around the nucleus, over a faint cytoplasm."""
    cells, shapes, rng = canvas.cells, canvas.shapes, canvas.rng
    amount = canvas.effect(M.MITO_AMOUNT, 0.9) * np.exp(rng.normal(0, 0.35, len(cells)))
    # Some cells carry many times the dye.
    hot = np.where(rng.random(len(cells)) < 0.08, rng.uniform(2.5, 9, len(cells)), 1.0)
    body = 0.85 * np.exp(-shapes.outside / 9) + 0.26
    flat = np.where(canvas.inside, 0.62, body) * (1 + 0.06 * canvas.grain) * canvas.vacuoles
    faint = _fill_rounded(canvas, flat, 1.0) * _levels(canvas, 950, M.MITO_AMOUNT, 0.4, (2.2, 7.0), 0.1)
    return faint + _threads(canvas, amount * hot, hot)


def _threads(canvas: Canvas, amount: np.ndarray, hot: np.ndarray) -> np.ndarray:
    cells, rng = canvas.cells, canvas.rng
    longer = canvas.effect(M.MITO_LENGTH, 1.0)
    count = np.where(cells.rounded, 20, 260 * (cells.reach / 40) ** 1.5 / np.clip(longer, 0.4, 1.8) ** 0.6)
    owner = np.repeat(np.arange(len(cells)), rng.poisson(count))
    far = np.minimum(6.5 * canvas.effect(M.MITO_SPREAD, 0.8), 26)
    side = canvas.golgi_side[owner] + rng.normal(0, 1.1, len(owner))
    angle = np.where(rng.random(len(owner)) < 0.4, side, rng.uniform(-np.pi, np.pi, len(owner)))
    gap = rng.gamma(1.1, far[owner] / 1.1) + 0.5
    y, x = _beside_nucleus(cells, owner, angle, gap)
    around = rng.random(len(owner)) < 0.62
    heading = angle + np.where(around, np.pi / 2, 0) + rng.normal(0, 0.5, len(owner))
    length = np.maximum(rng.gamma(1.3, 5.5, len(owner)) * longer[owner], 1.0)
    ys, xs, line = walk(y, x, heading, length, 0.42, rng)
    weight = rng.gamma(1.0, 600, len(owner)) * amount[owner] * np.where(cells.rounded[owner], 1.5, 1.0)
    # Short ones swell, so that their light is not lost with their length.
    weight = weight * np.clip(longer[owner], 0.3, 1.3) ** -0.55
    owner = owner[line]
    inside = canvas.shapes.nuclei[
        np.clip(ys.astype(int), 0, canvas.shape[0] - 1), np.clip(xs.astype(int), 0, canvas.shape[1] - 1)
    ]
    weight = weight[line] * np.where(inside > 0, 0.25, 1.0)
    thin = splat(canvas.shape, ys, xs, np.where(hot[owner] > 1, 0, weight), canvas.shapes.cells, owner + 1)
    thick = splat(canvas.shape, ys, xs, np.where(hot[owner] > 1, weight, 0), canvas.shapes.cells, owner + 1)
    return ndi.gaussian_filter(thin, 0.55) + ndi.gaussian_filter(thick, 1.3)


def _fill_rounded(canvas: Canvas, flat: np.ndarray, level: float) -> np.ndarray:
    """Return the image with the cells that have rounded up filled evenly: they have no nuclear envelope."""
    chromosomes = np.where(canvas.of(canvas.cells.phase == MITOTIC) > 0, 0.75, 1.0)
    even = level * (1 + 0.06 * canvas.grain) * np.where(canvas.inside, chromosomes, 1.0)
    return np.where(canvas.rounded, even, flat) * canvas.body


def _levels(
    canvas: Canvas, counts: float, amount: Mechanism | None, gain: float, rounded: tuple[float, float], spread: float
) -> np.ndarray:
    """Return each pixel's light for a full profile: the stain's counts, the cell's share of them, its height."""
    cells = canvas.cells
    level = counts * cells.brightness * np.exp(canvas.rng.normal(0, spread, len(cells)))
    if amount is not None:
        level = level * canvas.effect(amount, gain)
    return canvas.soft(canvas.of(level * _rounded_level(canvas, *rounded)) * canvas.thickness)


def debris(shape: tuple[int, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return specks of dead cells and dye, as images of counts a channel."""
    count = rng.poisson(9e-5 * shape[0] * shape[1])
    y, x = rng.uniform(0, shape[0], count), rng.uniform(0, shape[1], count)
    ys, xs, line = walk(y, x, rng.uniform(0, 6.3, count), rng.gamma(1.2, 2.0, count) + 1, 0.8, rng)
    nowhere = np.zeros(len(ys), int)
    strength = rng.gamma(0.7, 900, count)
    images = {}
    for channel, level in zip(CHANNELS, (0.6, 2.0, 1.0, 0.7, 0.25), strict=True):
        own = strength * level * np.exp(rng.normal(0, 0.7, count))
        images[channel] = ndi.gaussian_filter(splat(shape, ys, xs, own[line], np.zeros(shape, int), nowhere), 1.0)
    return images


def stain(cells: Cells, shapes: Shapes, rng: np.random.Generator) -> np.ndarray:
    """Return the light of all five stains, shape (5, y, x) float32 in the order of ``CHANNELS``."""
    canvas = Canvas(cells, shapes, rng)
    specks = debris(canvas.shape, rng)
    images = {"Mito": mito(canvas), "AGP": agp(canvas), "RNA": rna(canvas), "ER": er(canvas), "DNA": dna(canvas)}
    return np.stack([np.maximum(images[name], 0) + specks[name] for name in CHANNELS]).astype(np.float32)
