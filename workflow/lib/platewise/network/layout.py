"""Where the nodes are drawn, and which belong together."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

from platewise.network.nodes import unit_rows

# A spring layout takes time with the square of the nodes.
_MOST_SPRINGS = 2000
# Distance between neighbours, in units of the side of the square that each node would have to itself.
_ROOM = 0.6
_ROUNDS = 60


def build_graph(names: np.ndarray, edges: pd.DataFrame) -> nx.Graph:
    """Return the graph with ``weight`` (the similarity) on its edges; every node is there, connected or not."""
    graph = nx.Graph()
    graph.add_nodes_from(names)
    graph.add_weighted_edges_from(edges[["Source", "Target", "Similarity"]].itertuples(index=False, name=None))
    return graph


def find_communities(graph: nx.Graph, seed: int) -> dict[str, int]:
    """Return the community of each node by Louvain's method; 0 is the largest, ties in the order of names."""
    if graph.number_of_nodes() == 0:
        return {}
    found = nx.community.louvain_communities(graph, weight="weight", seed=seed)
    found = sorted(found, key=lambda members: (-len(members), min(members)))
    return {name: number for number, members in enumerate(found) for name in members}


def place_nodes(graph: nx.Graph, values: np.ndarray, seed: int) -> np.ndarray:
    """Return x and y of each node, ``(nodes, 2)``, from -1 to 1.

    Springs (Fruchterman and Reingold 1991) along the edges, begun at the principal components of the profiles, so that
    alike perturbations without an edge start close together; above 2,000 nodes the components themselves.
    """
    names = list(graph)
    start = principal_plane(values)
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


def principal_plane(values: np.ndarray) -> np.ndarray:
    """Return the first two principal components of the unit profiles, ``(nodes, 2)``, from -1 to 1.

    The sign of a component is arbitrary; it is set so that its largest entry is positive.
    """
    plane = np.zeros((len(values), 2))
    if len(values) < 2:
        return plane
    unit = unit_rows(values)
    vectors, sizes, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    scores = (vectors * sizes)[:, :2]
    scores = scores * np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])])
    plane[:, : scores.shape[1]] = scores
    largest = np.abs(plane).max()
    return plane / largest if largest > 0 else plane
