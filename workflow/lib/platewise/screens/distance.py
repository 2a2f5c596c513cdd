"""How far each well lies from the negative controls: Mahalanobis distance, every control from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platewise.correction.sphering import fit_sphering
from platewise.evaluation.items import CannotScoreError

# Controls are left out one by one; of more than this, in as many parts.
FOLDS = 20
# Degrees of freedom that a covariance needs at the least.
_LEAST_FREEDOM = 4


@dataclass(frozen=True)
class Distances:
    """Distances of wells from the centre of the negative controls.

    Attributes
    ----------
    values
        In standard deviations of the controls over all dimensions, from 0 up, ``(wells,)``. A control's is that of a
        well that had no part in centre, scale and covariance.
    components
        Dimensions that they are measured in.
    by_plate
        Whether each plate has a centre of its own.
    """

    values: np.ndarray
    components: int
    by_plate: bool


def control_distances(
    values: np.ndarray, plates: np.ndarray, controls: np.ndarray, shrinkage: float = 1.0
) -> Distances:
    """Measure the Mahalanobis distance of every well from the negative controls.

    The centre is the mean of the plate's controls (of all controls, where a plate has fewer than two). Profiles were
    centred, scaled and perhaps sphered on these very controls before, so that they lie nearer to it than a well that
    was given nothing would, often by far. So whatever is learned from controls is learned again without those whose
    distance is asked for: centre, scales, sphering, covariance. A control is then like a treated well.

    The covariance is that within plates, shrunk as Ledoit and Wolf (2004) do. With fewer controls than features it is
    taken in principal components of all wells, half as many as the controls leave degrees of freedom.

    Parameters
    ----------
    values
        Profiles, ``(wells, features)``: before correction where that was sphering, since it is repeated here.
    plates
        Plate of each well, ``(wells,)``.
    controls
        Which wells are negative controls, bool ``(wells,)``.
    shrinkage
        That of the sphering, 0 to 1; 1 only scales the features.

    Raises
    ------
    CannotScoreError
        With too few controls for a covariance, or controls that do not vary.
    """
    groups, by_plate = _groups(plates, controls)
    members = np.flatnonzero(controls)
    freedom = len(members) - len(np.unique(groups[controls]))
    if freedom < _LEAST_FREEDOM + 1:
        count = f"{len(members)} negative control{' is' if len(members) == 1 else 's are'}"
        raise CannotScoreError(f"{count} too few to tell how far a well is from them")
    # Neighbours in this order share a plate, so that no part takes all controls of a plate.
    members = members[np.argsort(groups[members], kind="stable")]
    parts = np.arange(len(members)) % min(FOLDS, len(members))
    components = values.shape[1] if freedom >= values.shape[1] else freedom // 2
    found = np.zeros(len(values))
    for part in range(parts.max() + 1):
        out = np.zeros(len(values), dtype=bool)
        out[members[parts == part]] = True
        lengths = _lengths(values, groups, controls & ~out, shrinkage, components)
        # A treated well is measured in the same scales as the controls, in all of them.
        found[~controls] += lengths[~controls] / (parts.max() + 1)
        found[out] = lengths[out]
    return Distances(found, components, by_plate)


def _lengths(
    values: np.ndarray, groups: np.ndarray, controls: np.ndarray, shrinkage: float, components: int
) -> np.ndarray:
    """Return the distance of every well from some of the controls."""
    from sklearn.covariance import LedoitWolf

    sizes = np.bincount(groups[controls], minlength=groups.max() + 1)
    centres = np.zeros((len(sizes), values.shape[1]))
    np.add.at(centres, groups[controls], values[controls])
    centred = values - (centres / np.maximum(sizes, 1)[:, None])[groups]
    own = sizes[groups[controls]]
    # For having been centred on itself, a plate of n controls shows (n - 1) / n of the variance; of one, nothing.
    residuals = centred[controls][own > 1] * np.sqrt(own / np.maximum(own - 1, 1))[own > 1, None]
    if not residuals.any():
        raise CannotScoreError("the negative controls do not vary: there is no unit for a distance from them")
    # With both signs, so that no mean is taken away from what is centred by plates.
    root = fit_sphering(np.concatenate([residuals, -residuals]), shrinkage).weights
    if components < values.shape[1]:
        moment = root @ (centred.T @ centred) @ root.T
        root = np.linalg.eigh(moment)[1][:, -components:].T @ root
    covariance = LedoitWolf(assume_centered=True).fit(residuals @ root.T).covariance_
    spread, axes = np.linalg.eigh(covariance)
    return np.linalg.norm(centred @ root.T @ (axes / np.sqrt(spread)), axis=1)


def _groups(plates: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, bool]:
    """Number the plates; one group for all where a plate has fewer than two controls."""
    names, groups = np.unique(plates, return_inverse=True)
    by_plate = len(names) > 0 and bool((np.bincount(groups[controls], minlength=len(names)) >= 2).all())
    return (groups if by_plate else np.zeros(len(plates), dtype=int)), by_plate
