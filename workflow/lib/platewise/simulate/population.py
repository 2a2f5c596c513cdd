"""The cells of a field before anything is drawn: where they lie, their cycle, and how they respond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platewise.simulate.mechanisms import M, Mechanism
from platewise.simulate.noise import smooth_noise

PHASES = ("G1", "S", "G2", "M", "polyploid", "dying")
G1, S, G2, MITOTIC, POLYPLOID, DYING = range(len(PHASES))

# Shares of untreated cells (those of a culture that divides once a day), as logits.
_SHARES = np.log([0.56, 0.17, 0.21, 0.022, 0.008, 0.014])
# How far a strong effect moves the logit of a phase.
_PHASE_GAIN = {
    (G1, M.G1_ARREST): 2.0,
    (G2, M.G2_ARREST): 2.4,
    (MITOTIC, M.MITOTIC_ARREST): 3.0,
    (POLYPLOID, M.POLYPLOIDY): 6.2,
    (DYING, M.DEATH): 2.6,
}
_NUCLEUS_2N = 860.0  # px2, the modal nucleus of the real fields
_CROWDING = 1.0  # deviation of the logarithm of the density of cells over a field
_GRID = 8  # px
_CELL_RADIUS = 39.0  # px, of a cell without its protrusions


@dataclass
class Cells:
    """The cells of one canvas; every attribute has one value a cell, lengths in pixels, angles in radians.

    Attributes
    ----------
    effects
        (cell, mechanism): the treatment's effect times the cell's own response.
    content
        DNA content in N (2 in G1, 4 in G2).
    stain_content
        What the DNA stain shows of it: content times the staining error.
    axis
        Direction of the long axis, measured from x towards y.
    major, minor
        Half axes of the nucleus.
    reach
        Radius of the cell body without protrusions.
    """

    y: np.ndarray
    x: np.ndarray
    effects: np.ndarray
    response: np.ndarray
    phase: np.ndarray
    content: np.ndarray
    stain_content: np.ndarray
    axis: np.ndarray
    major: np.ndarray
    minor: np.ndarray
    reach: np.ndarray
    stretch: np.ndarray
    brightness: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def effect(self, mechanism: Mechanism) -> np.ndarray:
        """Return one mechanism's effect, a value a cell."""
        return self.effects[:, mechanism]

    @property
    def rounded(self) -> np.ndarray:
        """Whether a cell has let go of the ground: dividing or dying."""
        return (self.phase == MITOTIC) | (self.phase == DYING)


def sample_cells(shape: tuple[int, int], expected: float, effect: np.ndarray, rng: np.random.Generator) -> Cells:
    """Draw the cells of a canvas.

    Parameters
    ----------
    shape
        Of the canvas, pixels.
    expected
        Expected number of nuclei without the treatment's effect on growth.
    effect
        Of the treatment, shape (mechanisms,).
    rng
        Of the field.
    """
    wanted = rng.poisson(expected * np.exp(1.1 * effect[M.CELL_COUNT]))
    size = float(np.exp(0.2 * effect[M.CELL_SIZE] + 0.12 * effect[M.POLYPLOIDY]))
    y, x = _place(shape, int(wanted), size, rng)
    count = len(y)
    response = _responses(count, rng)
    effects = response[:, None] * effect[None, :]
    phase = _phases(effects, rng)
    content = _contents(phase, rng)
    major, minor = _nuclear_axes(content, phase, effects, rng)
    cells = Cells(
        y=y,
        x=x,
        effects=effects,
        response=response,
        phase=phase,
        content=content,
        stain_content=content * np.exp(rng.normal(0, 0.045, count)),
        axis=_axes(y, x, shape, rng),
        major=major,
        minor=minor,
        reach=_reaches(content, phase, effects, rng),
        stretch=np.exp(np.clip(rng.normal(0.42, 0.22, count) + 0.35 * effects[:, M.CELL_ELONGATION], 0, 1.1)),
        brightness=np.exp(rng.normal(0, 0.16, count)),
    )
    return _split_anaphases(cells, rng)


def _place(shape: tuple[int, int], wanted: int, size: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return nuclear positions in islands: few where a smooth random field is low, rarely closer than a nucleus."""
    crowd = np.exp(_CROWDING * np.clip(smooth_noise((shape[0] // _GRID + 1, shape[1] // _GRID + 1), 8, rng), -2, 1.5))
    chosen = rng.choice(crowd.size, wanted * 40, p=crowd.ravel() / crowd.sum())
    tries = np.stack(np.unravel_index(chosen, crowd.shape), axis=1) * _GRID + rng.uniform(0, _GRID, (wanted * 40, 2))
    places, count = np.empty((wanted, 2)), 0
    for place in tries[(tries < shape).all(axis=1)]:
        if count == wanted:
            break
        # Most neighbours keep a cell's distance; some nuclei touch.
        room = size * (rng.uniform(24, 31) if rng.random() < 0.24 else rng.uniform(36, 56))
        if (((places[:count] - place) ** 2).sum(axis=1) > room**2).all():
            places[count] = place
            count += 1
    return places[:count, 0].copy(), places[:count, 1].copy()


def _responses(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return how strongly each cell responds: about one on average, some cells hardly at all."""
    response = np.exp(rng.normal(0, 0.3, count))
    return np.clip(np.where(rng.random(count) < 0.1, 0.15, response), 0, 2)


def _phases(effects: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    logits = np.tile(_SHARES, (len(effects), 1))
    for (phase, mechanism), gain in _PHASE_GAIN.items():
        logits[:, phase] += gain * effects[:, mechanism]
    shares = np.exp(logits)
    shares /= shares.sum(axis=1, keepdims=True)
    return (rng.random(len(effects))[:, None] > np.cumsum(shares, axis=1)).sum(axis=1).clip(max=DYING)


def _contents(phase: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    count = len(phase)
    polyploid = rng.choice([4.0, 8.0, 16.0], count, p=[0.18, 0.76, 0.06])
    replicating = rng.random(count) < 0.2
    polyploid = np.where(replicating & (polyploid == 8.0), rng.uniform(4, 8, count), polyploid)
    options = {
        G1: np.full(count, 2.0),
        S: rng.uniform(2, 4, count),
        G2: np.full(count, 4.0),
        MITOTIC: np.full(count, 4.0),
        POLYPLOID: polyploid,
        DYING: rng.uniform(1.0, 2.4, count),
    }
    return np.choose(phase, [options[index] for index in range(len(PHASES))])


def _nuclear_axes(
    content: np.ndarray, phase: np.ndarray, effects: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    count = len(content)
    area = _NUCLEUS_2N * (content / 2) ** 0.68 * np.exp(rng.normal(0, 0.1, count))
    area *= np.exp(0.5 * effects[:, M.NUCLEAR_SIZE])
    aspect = np.exp(np.clip(rng.normal(0.40, 0.16, count) + 0.3 * effects[:, M.NUCLEAR_ELONGATION], 0.02, 0.9))
    # A metaphase plate seen from the side, or a rosette seen along the spindle.
    plate = phase == MITOTIC
    area = np.where(plate, rng.uniform(190, 330, count), area)
    aspect = np.where(plate, np.where(rng.random(count) < 0.6, rng.uniform(2.0, 3.2, count), 1.2), aspect)
    dying = phase == DYING
    area = np.where(dying, rng.uniform(130, 300, count), area)
    aspect = np.where(dying, rng.uniform(1.0, 1.25, count), aspect)
    mean = np.sqrt(area / np.pi)
    return mean * np.sqrt(aspect), mean / np.sqrt(aspect)


def _reaches(content: np.ndarray, phase: np.ndarray, effects: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    count = len(content)
    reach = _CELL_RADIUS * (content / 2.6) ** 0.22 * np.exp(rng.normal(0, 0.15, count))
    reach = reach * np.exp(0.35 * effects[:, M.CELL_SIZE])
    reach = np.where(phase == MITOTIC, rng.uniform(17, 21, count), reach)
    return np.where(phase == DYING, rng.uniform(11.5, 16, count), reach)


def _axes(y: np.ndarray, x: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return the direction of each cell; neighbours in an island tend to lie side by side."""
    waves = rng.normal(0, 1 / 110.0, (3, 2))
    turn = np.pi * np.sin(y[:, None] * waves[:, 0] + x[:, None] * waves[:, 1] + rng.uniform(0, 6.3, 3)).sum(axis=1)
    return turn * 0.5 + rng.normal(0, 0.5, len(y)) + rng.uniform(0, np.pi)


def _split_anaphases(cells: Cells, rng: np.random.Generator) -> Cells:
    """Turn a third of the dividing cells into two sisters with half the DNA each, side by side."""
    late = np.flatnonzero(
        (cells.phase == MITOTIC) & (rng.random(len(cells)) < 0.33 * np.exp(-cells.effect(M.MITOTIC_ARREST)))
    )
    if not len(late):
        return cells
    half = rng.uniform(9, 14, len(late))
    across = cells.axis[late] + np.pi / 2
    # Two bars, parallel to the division plane.
    for name, factor in (("content", 0.5), ("stain_content", 0.5), ("minor", 0.62), ("reach", 0.78)):
        getattr(cells, name)[late] *= factor
    sister = {name: value[late].copy() for name, value in vars(cells).items()}
    sister["y"], sister["x"] = cells.y[late] + half * np.sin(across), cells.x[late] + half * np.cos(across)
    cells.y[late] -= half * np.sin(across)
    cells.x[late] -= half * np.cos(across)
    return Cells(**{name: np.concatenate([value, sister[name]]) for name, value in vars(cells).items()})
