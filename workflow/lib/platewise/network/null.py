"""How similar two perturbations are by chance: the labels of wells shuffled within their plate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from platewise.network.nodes import unit_rows
from platewise.network.pairs import BINS, to_bins
from platewise.network.sharing import SharedPlates

# Profiles of so many nodes under shuffled labels are held at a time.
_NODES = 512


@dataclass(frozen=True)
class Null:
    """Sorted similarities under shuffled labels, of the pairs of each stratum (`SharedPlates`).

    Similarities are compared by their bins (``pairs.to_bins``): those in one bin count as equal.
    """

    values: tuple[np.ndarray, ...]

    def exceeding(self, similarities: np.ndarray, stratum: int) -> np.ndarray:
        """Return b: how many null similarities of the stratum are at least as large, same shape."""
        return self.exceeding_bins(stratum)[to_bins(similarities)]

    def exceeding_bins(self, stratum: int) -> np.ndarray:
        """Return b for a similarity in each bin, ``(BINS + 1,)``."""
        counts = np.bincount(to_bins(self.values[stratum]), minlength=BINS + 1)
        return counts[::-1].cumsum()[::-1]

    def p_values(self, stratum: int) -> np.ndarray:
        """Return (b + 1) / (m + 1) for b = 0..m."""
        size = len(self.values[stratum])
        return (np.arange(size + 1) + 1) / (size + 1)


def shuffled_null(
    profile_nodes: Callable[[np.ndarray, np.ndarray], np.ndarray],
    labels: np.ndarray,
    plates: np.ndarray,
    shared: SharedPlates,
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
        From a label per well and some nodes (sorted numbers) to their profiles, ``(nodes asked for, features)``. Only
        nodes of pairs that are drawn are asked for.
    labels
        Treatment of each well, ``(wells,)``.
    plates
        Plate of each well, ``(wells,)``.
    shared
        Which nodes have a plate in common, and which as many wells: the strata.
    shuffles
        How often to shuffle.
    size
        At most this many similarities a stratum are kept, drawn evenly from the shuffles. All pairs of a small stratum
        are taken: it has fewer, which makes its p-values larger.
    seed
        Same seed, same null.
    """
    rng = np.random.default_rng(seed)
    per_shuffle = max(1, size // shuffles)
    found: list[list[np.ndarray]] = [[] for _ in range(shared.strata)]
    for _ in range(shuffles):
        shuffled = shuffle_within(labels, plates, rng)
        drawn = [shared.draw_pairs(stratum, per_shuffle, rng) for stratum in range(shared.strata)]
        wanted = np.unique(np.concatenate([ends for pair in drawn for ends in pair]))
        unit = np.concatenate(
            [
                unit_rows(profile_nodes(shuffled, wanted[start : start + _NODES])).astype(np.float32)
                for start in range(0, len(wanted), _NODES)
            ]
            or [np.empty((0, 1), dtype=np.float32)]
        )
        for stratum, pair in enumerate(drawn):
            first, second = (np.searchsorted(wanted, ends) for ends in pair)
            found[stratum].append(pair_cosines(unit, first, second))
    return Null(tuple(np.sort(np.concatenate(parts)) for parts in found))


def pair_cosines(unit: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of rows of length 1, float64, ``(pairs,)``; a few pairs at a time."""
    blocks = [slice(start, start + _NODES) for start in range(0, len(first), _NODES)]
    found = [np.einsum("ij,ij->i", unit[first[block]], unit[second[block]], dtype=float) for block in blocks]
    return np.concatenate(found or [np.empty(0)])


def shuffle_within(labels: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``labels`` permuted among the members of each group, numbered from 0."""
    # Sorting by group and position pairs every place with one of its group in a random order. Numbers of 16 bits are
    # sorted by their digits, in a tenth of the time.
    groups = groups.astype(np.min_scalar_type(groups.max(initial=0)))
    order = np.argsort(rng.random(len(labels)), kind="stable")
    shuffled = np.empty_like(labels)
    shuffled[np.argsort(groups, kind="stable")] = labels[order[np.argsort(groups[order], kind="stable")]]
    return shuffled
