"""How similar two perturbations are by chance: the labels of wells shuffled within their plate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from platewise.network.nodes import unit_rows

# Pairs with a plate in common resemble each other through it, so they are judged among themselves.
APART, SHARED = 0, 1


@dataclass(frozen=True)
class Null:
    """Sorted similarities under shuffled labels, of pairs without (``APART``) and with (``SHARED``) a common plate."""

    values: tuple[np.ndarray, np.ndarray]

    def exceeding(self, similarities: np.ndarray, stratum: int) -> np.ndarray:
        """Return b: how many null similarities of the stratum are at least as large, same shape."""
        null = self.values[stratum]
        return len(null) - np.searchsorted(null, similarities, side="left")

    def p_values(self, stratum: int) -> np.ndarray:
        """Return (b + 1) / (m + 1) for b = 0..m."""
        size = len(self.values[stratum])
        return (np.arange(size + 1) + 1) / (size + 1)


def shuffled_null(
    profile_nodes: Callable[[np.ndarray], np.ndarray],
    labels: np.ndarray,
    plates: np.ndarray,
    shared: np.ndarray,
    shuffles: int,
    size: int,
    seed: int,
) -> Null:
    """Draw the null distribution of similarities.

    A well keeps its profile and is given the label of another well of its plate; consensus, doses and cosine follow as
    for the real labels. What plates and layout do to similarity stays in the null. The hypothesis is that labels say
    nothing, so two strong perturbations that differ from the controls in a common way (both toxic) are connected too.
    Wells of a plate with a single label cannot be shuffled and keep it, which makes p-values larger, not smaller.

    Parameters
    ----------
    profile_nodes
        From a label per well to the node profiles ``(nodes, features)``.
    labels
        Treatment of each well, ``(wells,)``.
    plates
        Plate of each well, ``(wells,)``.
    shared
        Whether two nodes have a plate in common, bool ``(nodes, nodes)``.
    shuffles
        How often to shuffle.
    size
        At most this many similarities a stratum are kept, drawn evenly from the shuffles.
    seed
        Same seed, same null.
    """
    rng = np.random.default_rng(seed)
    upper = [np.argwhere(np.triu(shared == bool(stratum), k=1)) for stratum in (APART, SHARED)]
    per_shuffle = max(1, size // shuffles)
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for _ in range(shuffles):
        unit = unit_rows(profile_nodes(shuffle_within(labels, plates, rng)))
        for stratum, pairs in enumerate(upper):
            chosen = pairs
            if len(pairs) > per_shuffle:
                chosen = pairs[rng.choice(len(pairs), per_shuffle, replace=False)]
            found[stratum].append(np.einsum("ij,ij->i", unit[chosen[:, 0]], unit[chosen[:, 1]]))
    return Null(tuple(np.sort(np.concatenate(parts)) for parts in found))


def shuffle_within(labels: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``labels`` permuted among the members of each group."""
    # Sorting by (group, random) and by (group, position) pairs every place with a random place of its group.
    places = np.lexsort([np.arange(len(labels)), groups])
    random = np.lexsort([rng.random(len(labels)), groups])
    shuffled = np.empty_like(labels)
    shuffled[places] = labels[random]
    return shuffled
