"""Communities of the network, how sure they are, and what part each node plays in them."""

from __future__ import annotations

import random

import numpy as np

# Guimera and Amaral 2005: a hub's connections inside its community, in standard deviations above the mean; a node is a
# bridge from this participation on, a hub already from the second one on (their connector nodes and connector hubs).
_HUB, _BRIDGE, _BRIDGE_HUB = 2.5, 0.62, 0.30

# Hennig 2007: clusters that are found again this well are stable.
STABLE = 0.75


def find_communities(ends: np.ndarray, weights: np.ndarray, nodes: int, resolution: float, seed: int) -> np.ndarray:
    """Return the community of each node; 0 is the largest, equal ones in the order of their first nodes, ``(nodes,)``.

    Leiden's algorithm (Traag et al. 2019, Scientific Reports 9, 5233) on modularity, until nothing improves. A node
    without connections is a community of its own.

    Parameters
    ----------
    ends
        Nodes of each edge, ``(edges, 2)``.
    weights
        Similarities, above 0, ``(edges,)``.
    nodes
        Number of nodes.
    resolution
        Larger values give more and smaller communities; 1 is modularity as Newman defined it.
    seed
        Same seed, same communities.
    """
    import igraph

    graph = igraph.Graph(n=nodes, edges=ends.tolist())
    igraph.set_random_number_generator(random.Random(seed))  # noqa: S311 (not for secrets)
    found = graph.community_leiden(
        objective_function="modularity", weights=weights.tolist(), resolution=resolution, n_iterations=-1
    )
    membership = np.array(found.membership, dtype=np.int64)
    if nodes == 0:
        return membership
    _, first, codes, sizes = np.unique(membership, return_index=True, return_inverse=True, return_counts=True)
    number = np.empty(len(sizes), dtype=np.int64)
    number[np.lexsort([first, -sizes])] = np.arange(len(sizes))
    return number[codes.ravel()]


def community_stability(
    ends: np.ndarray, weights: np.ndarray, communities: np.ndarray, resamples: int, resolution: float, seed: int
) -> np.ndarray:
    """Return how well each community is found again when the edges are resampled, 0 to 1, ``(communities,)``.

    The edges are drawn with replacement (an edge drawn twice weighs double), communities are found anew with another
    seed, and the Jaccard index of a community with the one that is most like it is averaged over the resamples (Hennig
    2007, Computational Statistics & Data Analysis 52, 258). Hennig calls 0.75 and more stable, and below 0.6 not to be
    trusted. NaN for a node on its own.
    """
    sizes = np.bincount(communities)
    rng = np.random.default_rng(seed)
    total = np.zeros(len(sizes))
    for _ in range(resamples):
        drawn = rng.multinomial(len(ends), np.full(len(ends), 1 / len(ends))) if len(ends) else np.zeros(0, int)
        kept = drawn > 0
        own_seed = int(rng.integers(2**31))
        found = find_communities(ends[kept], (weights * drawn)[kept], len(communities), resolution, own_seed)
        total += best_jaccard(communities, found)
    return np.where(sizes > 1, total / resamples, np.nan)


def best_jaccard(communities: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return for each community the largest Jaccard index with one of ``found``, ``(communities,)``."""
    if len(communities) == 0:
        return np.zeros(0)
    sizes, others = np.bincount(communities), np.bincount(found)
    codes, both = np.unique(communities * len(others) + found, return_counts=True)
    own, other = codes // len(others), codes % len(others)
    best = np.zeros(len(sizes))
    np.maximum.at(best, own, both / (sizes[own] + others[other] - both))
    return best


def node_roles(ends: np.ndarray, communities: np.ndarray) -> dict[str, np.ndarray]:
    """Return what part each node plays, as Guimera and Amaral 2005 (Nature 433, 895) define it.

    Returns
    -------
    roles
        ``Degree``; ``WithinZ``, a node's connections inside its community in standard deviations from the mean of that
        community (NaN where all have as many); ``Participation``, 1 minus the sum over communities of the squared share
        of its connections that lead there: 0 when all lead to one, NaN without any; ``Hub`` (``WithinZ`` of 2.5 or
        more) and ``Bridge`` (``Participation`` above 0.62, of a hub above 0.30).
    """
    nodes = len(communities)
    both = np.concatenate([ends, ends[:, ::-1]]) if len(ends) else np.empty((0, 2), dtype=np.int64)
    degree = np.bincount(both[:, 0], minlength=nodes)
    codes, links = np.unique(both[:, 0] * max(nodes, 1) + communities[both[:, 1]], return_counts=True)
    squares = np.bincount(codes // max(nodes, 1), weights=links.astype(float) ** 2, minlength=nodes)
    with np.errstate(invalid="ignore"):
        participation = 1 - squares / degree.astype(float) ** 2
    inside = np.bincount(both[:, 0], weights=communities[both[:, 0]] == communities[both[:, 1]], minlength=nodes)
    sizes = np.maximum(np.bincount(communities), 1)
    mean = np.bincount(communities, weights=inside) / sizes
    spread = np.sqrt(np.bincount(communities, weights=(inside - mean[communities]) ** 2) / sizes)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = np.where(spread[communities] > 1e-9, (inside - mean[communities]) / spread[communities], np.nan)
    hub = within >= _HUB
    bridge = participation > np.where(hub, _BRIDGE_HUB, _BRIDGE)
    return {
        "Degree": degree.astype(np.int32),
        "WithinZ": within,
        "Participation": participation,
        "Hub": hub,
        "Bridge": bridge,
    }
