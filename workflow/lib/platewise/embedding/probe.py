"""How much of a cell's origin can still be read from its features: a fresh linear probe, as a judge of adversaries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from platewise.embedding.adversary import class_weights

# The most cells a probe is fitted to and tested on.
MOST_CELLS = 4000


def probe_accuracy(
    features: NDArray[np.float32],
    origins: NDArray[np.int64],
    classes: NDArray[np.int64],
    wells: NDArray[np.int64],
    rng: np.random.Generator,
) -> float:
    """Return how well a logistic regression names the origin of cells in wells that it was not fitted to.

    An adversary's own head may have stopped learning; a probe is fitted anew to features that no longer move. In both
    halves every class counts alike in each of its origins: a probe that named the class could not name the origin.

    Parameters
    ----------
    features
        ``(n, features)``; standardised here, by the half that is fitted.
    origins
        ``(n,)`` number of the batch of each cell.
    classes
        ``(n,)`` number of what it was given; each should occur in several origins.
    wells
        ``(n,)`` number of its well.
    rng
        Source of the halves.

    Returns
    -------
    float
        Mean over origins, and in each over classes, of the share of their cells that is named right (1 / origins is
        chance); NaN if a half lacks an origin that the other has, or there are fewer than two.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    fitted = _half(origins, classes, wells, rng)
    if set(origins[fitted]) != set(origins[~fitted]) or len(np.unique(origins)) < 2:
        return float("nan")
    scaler = StandardScaler().fit(features[fitted])
    probe = LogisticRegression(max_iter=1000)
    probe.fit(scaler.transform(features[fitted]), origins[fitted], class_weights(classes[fitted], origins[fitted]))
    right = probe.predict(scaler.transform(features[~fitted])) == origins[~fitted]
    weights = class_weights(classes[~fitted], origins[~fitted])
    sums = np.bincount(origins[~fitted], weights), np.bincount(origins[~fitted], weights * right)
    return float(np.mean(sums[1][sums[0] > 0] / sums[0][sums[0] > 0]))


def _half(
    origins: NDArray[np.int64], classes: NDArray[np.int64], wells: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Tell the cells of one half of the wells: half of each class's wells in each origin, or else whole classes."""
    half = np.zeros(len(wells), bool)
    whole = []
    for name in np.unique(classes):
        own = [np.unique(wells[(classes == name) & (origins == origin)]) for origin in np.unique(origins)]
        own = [found for found in own if len(found)]
        if min(map(len, own)) > 1:
            chosen = np.concatenate([rng.permutation(found)[: len(found) // 2] for found in own])
            half |= (classes == name) & np.isin(wells, chosen)
        else:
            whole.append(name)
    return half | np.isin(classes, rng.permutation(whole)[: (len(whole) + 1) // 2])
