"""Profiles in two dimensions, by principal components."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh


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
    loadings, variance = _leading_axes(values)
    largest = np.abs(loadings).argmax(axis=0)
    loadings *= np.sign(loadings[largest, [0, 1]])
    return values @ loadings, variance / (values**2).sum()


def _leading_axes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First two eigenvectors (feature, 2) of the scatter matrix, by way of the smaller of its two products."""
    wide = values.shape[1] > values.shape[0]
    product = values @ values.T if wide else values.T @ values
    last = len(product) - 1
    variance, vectors = eigh(product, subset_by_index=[last - 1, last])
    vectors = vectors[:, ::-1]
    if wide:
        vectors = values.T @ vectors
        vectors /= np.maximum(np.linalg.norm(vectors, axis=0), 1e-300)
    return vectors, np.maximum(variance[::-1], 0)
