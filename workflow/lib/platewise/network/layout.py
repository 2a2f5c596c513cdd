"""Where the nodes are drawn, and which belong together."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

from platewise.network.nodes import unit_rows

# A spring layout takes time with the square of the nodes.
_MOST_SPRINGS = 2000


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
    return np.array([placed[name] for name in names])


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
