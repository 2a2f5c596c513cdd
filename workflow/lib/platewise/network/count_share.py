"""How much of a profile the number of cells explains."""

from __future__ import annotations

import numpy as np


def count_shares(profiles: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """Return the share of each profile's squared length that its cell count predicts, 0 to 1, ``(perturbations,)``.

    Each feature is predicted from the logarithm of the cell count ratio by a straight line through the controls (ratio
    1, profile 0), fitted to all other perturbations. A perturbation that looks as any does that leaves as few cells has
    a share near 1; one with as many cells as the controls, or with a look of its own, near 0. NaN where the count is
    not known, or no other is; 0 for a profile of length 0.

    Parameters
    ----------
    profiles
        Relative to the controls, ``(perturbations, features)``.
    ratios
        Cells in units of the controls' of the same plates, above 0, NaN if not known, ``(perturbations,)``.
    """
    change = np.log(ratios)
    known = np.isfinite(change)
    x = np.where(known, change, 0.0)
    # Sums over all perturbations, less one's own: the fit to the others.
    products, squares = x @ profiles, (x**2).sum()
    others = squares - x**2
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = (products[None, :] - x[:, None] * profiles) / others[:, None]
    slopes[others <= 0] = 0.0
    left = ((profiles - x[:, None] * slopes) ** 2).sum(axis=1)
    length = (profiles**2).sum(axis=1)
    share = 1 - np.divide(left, length, out=np.ones_like(left), where=length > 0)
    enough = known & (known.sum() - known > 0)
    return np.where(enough, np.clip(share, 0.0, 1.0), np.nan)
