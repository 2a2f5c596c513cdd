"""Are batches mixed? Metrics on one group of wells that should look the same, one value a well."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

# Wells below which a neighbourhood or a regression says nothing.
FEWEST_WELLS = 10
# The test looks at neighbourhoods of at least 10 wells: more than a quarter of a group has the group's proportions
# whatever the batches do.
KBET_WELLS = 40
_MOST_COMPONENTS = 50
_ALPHA = 0.05


def silhouettes(values: np.ndarray, labels: np.ndarray, metric: str) -> np.ndarray:
    """Return the silhouette width of each row, -1 to 1, ``(rows,)``: large when it is close to its own label.

    Parameters
    ----------
    values
        ``(rows, features)``.
    labels
        At least two, and fewer than rows, ``(rows,)``.
    metric
        ``euclidean`` or ``cosine``.
    """
    from sklearn.metrics import silhouette_samples

    return silhouette_samples(values, labels, metric=metric)


def chance_silhouettes(
    values: np.ndarray, labels: np.ndarray, metric: str, rounds: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the mean silhouette width of each row with the labels dealt to the rows anew, ``(rows,)``.

    What a silhouette is by chance is not 0: it is the lower, the fewer rows a label has, the more labels there are, and
    the fewer directions the values take, whatever the labels mean. See `silhouettes` for the other parameters.
    """
    dealt = [silhouettes(values, rng.permutation(labels), metric) for _ in range(rounds)]
    return np.mean(dealt, axis=0)


def kbet_acceptance(values: np.ndarray, batches: np.ndarray) -> np.ndarray:
    """Return for each row whether its neighbourhood has the batches in the group's proportions (1) or not (0).

    kBET (Büttner et al. 2019): Pearson's chi-squared test at 0.05 of the batches of the k nearest rows, itself left
    out, against those of the group; k is a quarter of the mean batch size, from 10 to 100.
    """
    names, codes = np.unique(batches, return_inverse=True)
    k = int(np.clip(round(0.25 * len(values) / len(names)), 10, 100))
    k = min(k, len(values) - 1)
    from sklearn.neighbors import NearestNeighbors

    # Without rows to ask for, each row's own neighbours come back without itself.
    nearest = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(values).kneighbors(return_distance=False)
    counts = (codes[nearest][:, :, None] == np.arange(len(names))).sum(axis=1)
    expected = k * np.bincount(codes) / len(codes)
    statistic = ((counts - expected) ** 2 / expected).sum(axis=1)
    return (chi2.sf(statistic, len(names) - 1) >= _ALPHA).astype(float)


def ilisi(values: np.ndarray, batches: np.ndarray) -> np.ndarray:
    """Return how many batches there effectively are around each row, 1 to the number of batches, ``(rows,)``.

    The inverse Simpson index of Korsunsky et al. 2019 (LISI) as harmonypy computes it, at perplexity 30 or what a third
    of the rows allow.
    """
    import pandas as pd
    from harmonypy import compute_lisi

    perplexity = min(30, max(1, (len(values) - 1) // 3))
    return compute_lisi(values, pd.DataFrame({"batch": batches}), ["batch"], perplexity)[:, 0]


def regression_share(values: np.ndarray, batches: np.ndarray) -> float:
    """Return the share of variance that batches explain, 0 to 1: principal-component regression (Büttner et al. 2019).

    The R^2 of each of the first 50 components on the batch, weighted by the component's variance. By chance it is about
    (batches - 1) / (rows - 1).
    """
    centred = values - values.mean(axis=0)
    vectors, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    scores = (vectors * sizes)[:, :_MOST_COMPONENTS]
    total = (scores**2).sum()
    if total == 0:
        return 0.0
    names, codes = np.unique(batches, return_inverse=True)
    means = np.zeros((len(names), scores.shape[1]))
    np.add.at(means, codes, scores)
    counts = np.bincount(codes)
    means /= counts[:, None]
    return float((counts[:, None] * means**2).sum() / total)
