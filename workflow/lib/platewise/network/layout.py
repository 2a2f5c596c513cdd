"""Where the nodes are drawn."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

# A spring layout takes time with the square of the nodes.
_MOST_SPRINGS = 2000
# Distance between neighbours, in units of the side of the square that each node would have to itself.
_ROOM = 0.6
_ROUNDS = 60
# Profiles of so many nodes are worked on at a time.
_ROWS = 2048


def build_graph(names: np.ndarray, edges: pd.DataFrame) -> nx.Graph:
    """Return the graph with ``weight`` (the similarity) on its edges; every node is there, connected or not."""
    graph = nx.Graph()
    graph.add_nodes_from(names)
    graph.add_weighted_edges_from(edges[["Source", "Target", "Similarity"]].itertuples(index=False, name=None))
    return graph


def place_nodes(graph: nx.Graph, start: np.ndarray, seed: int) -> np.ndarray:
    """Return x and y of each node, ``(nodes, 2)``, from -1 to 1.

    Springs (Fruchterman and Reingold 1991) along the edges, begun at the principal components of the profiles
    (``principal_plane``), so that alike perturbations without an edge start close together; above 2,000 nodes the
    components themselves.
    """
    names = list(graph)
    if len(names) < 3 or len(names) > _MOST_SPRINGS or graph.number_of_edges() == 0:
        return start
    positions = dict(zip(names, start, strict=True))
    placed = nx.spring_layout(graph, pos=positions, seed=seed, weight="weight", iterations=100)
    return part_nodes(np.array([placed[name] for name in names]), _ROOM / np.sqrt(len(names)))


def part_nodes(places: np.ndarray, least: float) -> np.ndarray:
    """Push nodes apart that lie closer than ``least``, and scale the drawing back to -1 to 1.

    Springs draw the members of a small group together until their marks hide one another.

    Parameters
    ----------
    places
        ``(nodes, 2)``.
    least
        Distance that every pair shall have, as far as a few rounds bring it.
    """
    places = places.copy()
    for _ in range(_ROUNDS):
        gap = places[:, None, :] - places[None, :, :]
        distance = np.hypot(gap[..., 0], gap[..., 1])
        np.fill_diagonal(distance, np.inf)
        if distance.min() >= least:
            break
        # Nodes on the very same place have no direction to part in: their numbers give one.
        angle = np.arange(len(places)) * 2.4
        same = (distance < 1e-9)[..., None]
        gap = np.where(same, np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None, :], gap)
        length = np.where(same[..., 0], 1.0, distance)
        push = np.clip(least - distance, 0, None) / 2
        places += (gap / length[..., None] * push[..., None]).sum(axis=1)
    return places / max(np.abs(places).max(), 1.0)


def principal_plane(unit: np.ndarray) -> np.ndarray:
    """Return the first two principal components of profiles of length 1, ``(nodes, 2)``, from -1 to 1.

    The sign of a component is arbitrary; it is set so that its largest entry is positive.
    """
    plane = np.zeros((len(unit), 2))
    if len(unit) < 2:
        return plane
    # Block by block: the features among each other are few numbers, however many the nodes.
    blocks = [slice(start, start + _ROWS) for start in range(0, len(unit), _ROWS)]
    mean = sum(unit[block].sum(axis=0, dtype=np.float64) for block in blocks) / len(unit)
    products = sum((unit[block] - mean).T @ (unit[block] - mean) for block in blocks)
    axes = np.linalg.eigh(products)[1][:, ::-1][:, :2]
    scores = np.concatenate([(unit[block] - mean) @ axes for block in blocks])
    scores = scores * np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])])
    plane[:, : scores.shape[1]] = scores
    largest = np.abs(plane).max()
    return plane / largest if largest > 0 else plane


def umap_places(nearest: np.ndarray, similarity: np.ndarray, start: np.ndarray, seed: int) -> np.ndarray:
    """Return UMAP (McInnes et al. 2018) of the profiles, from the nearest nodes of each, ``(nodes, 2)``.

    Parameters
    ----------
    nearest, similarity
        The nearest nodes of each node and their cosines, ``(nodes, neighbours)``; the distance is one minus the cosine.
    start
        Where it begins, ``(nodes, 2)``.
    seed
        Same seed, same places on the same machine.
    """
    nodes, neighbours = nearest.shape
    # Profiles along one line, such as those of a single feature, have no plane to begin in.
    if neighbours < 2 or not np.ptp(start, axis=0).all():
        return start
    from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

    random = np.random.RandomState(seed)
    own = np.arange(nodes, dtype=np.int32)[:, None]
    distance = np.clip(1 - similarity, 0, None)
    graph, _, _ = fuzzy_simplicial_set(
        start,
        neighbours + 1,
        random,
        "cosine",
        knn_indices=np.hstack([own, nearest]),
        knn_dists=np.hstack([np.zeros((nodes, 1), dtype=np.float32), distance]),
    )
    a, b = find_ab_params(1.0, 0.5)
    places, _ = simplicial_set_embedding(
        data=start,
        graph=graph.tocoo(),
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=500 if nodes <= 10_000 else 200,
        init=(10 * start).astype(np.float32),
        random_state=random,
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
    )
    return places
