"""Which treatment lies in which well: another random layout on every plate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platewise.plan.wells import FORMATS, well_name
from platewise.simulate.compounds import POSITIVE_CONTROL, POSITIVE_DOSE_UM, Compound
from platewise.simulate.designs import Design

_CANDIDATES = 200


@dataclass(frozen=True)
class Well:
    """A well in use: what was put in it (``None`` for the vehicle) and where it lies, counted from 0."""

    name: str
    row: int
    column: int
    at_edge: bool
    compound: Compound | None
    dose_um: float


def lay_out(design: Design, seed: int) -> dict[str, tuple[Well, ...]]:
    """Return the wells of every plate, in the order of the grid.

    Controls are spread over the plate; treatments are placed at random, and those that so far had more than their
    share of edge wells come first for an inner one, so that position does not stand in for a treatment.

    Parameters
    ----------
    design
        The campaign.
    seed
        Of the campaign.
    """
    rng = np.random.default_rng([seed, 0x1A1])
    edge_visits = np.zeros(len(design.treatments))
    plates: dict[str, tuple[Well, ...]] = {}
    for start in range(0, len(design.plates), design.plates_per_batch):
        for offset, members in enumerate(_deal(design, rng)):
            name, _ = design.plates[start + offset]
            plates[name] = _lay_out_plate(design, members, edge_visits, rng)
    return plates


def _deal(design: Design, rng: np.random.Generator) -> list[np.ndarray]:
    """Return per plate of a batch the numbers of its treatments; replicates go to different plates."""
    count = len(design.treatments)
    order = rng.permutation(count)
    turns = np.arange(count * design.replicates).reshape(count, design.replicates) % design.plates_per_batch
    return [np.repeat(order, (turns == plate).sum(axis=1)) for plate in range(design.plates_per_batch)]


def _lay_out_plate(
    design: Design, members: np.ndarray, edge_visits: np.ndarray, rng: np.random.Generator
) -> tuple[Well, ...]:
    rows, columns = FORMATS[design.plate_format].rows, FORMATS[design.plate_format].columns
    grid = np.array([(row, column) for row in range(rows) for column in range(columns)])[: design.wells]
    at_edge = (grid[:, 0] % (rows - 1) == 0) | (grid[:, 1] % (columns - 1) == 0)
    control = _spread(grid, design.controls_per_plate, rng)
    free = np.setdiff1d(np.arange(len(grid)), control)
    free = rng.permutation(free)
    free = free[np.argsort(at_edge[free], kind="stable")]
    # Edge or not; without positive controls nothing is drawn, so that older designs stay as they are.
    positive = rng.choice(free, design.positives_per_plate, replace=False) if design.positives_per_plate else free[:0]
    free = free[~np.isin(free, positive)]
    members = rng.permutation(members)
    members = members[np.argsort(-edge_visits[members], kind="stable")]
    content = dict(zip(free.tolist(), members.tolist(), strict=True))
    np.add.at(edge_visits, members, at_edge[free])
    wells = []
    for number, (row, column) in enumerate(grid.tolist()):
        compound, dose = design.treatments[content[number]] if number in content else (None, 0.0)
        if number in positive:
            compound, dose = POSITIVE_CONTROL, POSITIVE_DOSE_UM
        wells.append(Well(well_name(row, column), row, column, bool(at_edge[number]), compound, dose))
    return tuple(wells)


def _spread(grid: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the best spread of some random choices of wells: the closest two lie as far apart as can be."""
    best, best_distance = rng.choice(len(grid), count, replace=False), -1.0
    for _ in range(_CANDIDATES):
        chosen = rng.choice(len(grid), count, replace=False)
        between = np.abs(grid[chosen, None] - grid[None, chosen]).sum(axis=2)
        distance = np.sort(between[np.triu_indices(count, 1)])[: max(count // 2, 1)].sum() if count > 1 else 0.0
        if distance > best_distance:
            best, best_distance = chosen, float(distance)
    return np.sort(best)
