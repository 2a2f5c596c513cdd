"""Profiles in two dimensions, by principal components."""

from __future__ import annotations

import numpy as np


def principal_components(profiles: np.ndarray, clip: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Project profiles on their first two principal components.

    Features are scaled to mean 0 and standard deviation 1 and clipped to ``clip`` standard deviations, lest one broken
    well stretch the picture; features with NaN or without variance are left out.

    Parameters
    ----------
    profiles
        (well, feature).

    Returns
    -------
    scores
        (well, 2). The sign of each component is that which makes its largest loading positive, so that it does not
        depend on the linear algebra library.
    explained
        Share of the variance on each component, 0 to 1.
    """
    values = np.asarray(profiles, np.float64)
    values = values[:, np.isfinite(values).all(axis=0)]
    spread = values.std(axis=0)
    values = (values - values.mean(axis=0))[:, spread > 1e-12] / spread[spread > 1e-12]
    values = np.clip(values, -clip, clip)
    values -= values.mean(axis=0)
    if min(values.shape) < 2:
        return np.zeros((len(values), 2)), np.zeros(2)
    left, size, right = np.linalg.svd(values, full_matrices=False)
    largest = np.abs(right[:2]).argmax(axis=1)
    signs = np.sign(right[[0, 1], largest])
    return left[:, :2] * size[:2] * signs, size[:2] ** 2 / (size**2).sum()
