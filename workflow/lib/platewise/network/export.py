"""The network as files that other programs open."""

from __future__ import annotations

import re
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from platewise.columns import CELL_COUNT, MOA, PERTURBATION
from platewise.correction.correct import plain_obs, save_h5ad
from platewise.files import whole_file

_NUMBERS = {
    "cell_count": CELL_COUNT,
    "strength": "Strength",
    "stability": "Stability",
    "within_z": "WithinZ",
    "participation": "Participation",
    "x": "X",
    "y": "Y",
}
# XML 1.0 has no way to write these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_graphml(nodes: pd.DataFrame, edges: pd.DataFrame, path: str | Path) -> None:
    """Write the network for Cytoscape and Gephi.

    Nodes are named for their perturbation and carry ``moa``, ``cell_count``, ``community``, ``stability``, ``degree``,
    ``strength``, ``within_z``, ``participation``, ``hub``, ``bridge``, ``x`` and ``y`` (numbers that are not known are
    left out); edges carry ``weight`` (the similarity), ``p_value``, ``q_value`` and ``shared_moa``.
    Characters that XML cannot hold become U+FFFD.
    """
    graph = nx.Graph()
    for row in nodes.to_dict("records"):
        facts = {
            "moa": xml_text(row[MOA]),
            "community": int(row["Community"]),
            "degree": int(row["Degree"]),
            "hub": bool(row["Hub"]),
            "bridge": bool(row["Bridge"]),
        }
        facts |= {name: float(row[column]) for name, column in _NUMBERS.items() if np.isfinite(row[column])}
        graph.add_node(xml_text(row[PERTURBATION]), **facts)
    for row in edges.to_dict("records"):
        graph.add_edge(
            xml_text(row["Source"]),
            xml_text(row["Target"]),
            weight=float(row["Similarity"]),
            p_value=float(row["PValue"]),
            q_value=float(row["QValue"]),
            shared_moa=bool(row["SharedMOA"]),
        )
    with whole_file(path) as temporary:
        nx.write_graphml_xml(graph, temporary, encoding="utf-8", prettyprint=True)


def xml_text(text: str) -> str:
    """Return ``text`` with what XML cannot hold replaced; markup is escaped by the writer."""
    return _NOT_XML.sub("\ufffd", str(text))


def write_network_h5ad(
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    values: np.ndarray,
    features: list[str],
    umap: np.ndarray,
    path: str | Path,
) -> None:
    """Write the network as AnnData, as scanpy leaves it after ``pp.neighbors`` and ``tl.umap``.

    ``X`` holds the node profiles, ``obs`` the nodes (``Community`` as categories), ``obsm["X_umap"]`` the UMAP of the
    profiles and ``obsm["X_network"]`` the layout of the network; ``obsp["connectivities"]`` the similarities of
    connected nodes and ``obsp["distances"]`` one minus them.
    """
    import anndata
    from scipy import sparse

    place = {name: index for index, name in enumerate(nodes[PERTURBATION])}
    first = edges["Source"].map(place).to_numpy(dtype=np.intp)
    second = edges["Target"].map(place).to_numpy(dtype=np.intp)
    ends = (np.concatenate([first, second]), np.concatenate([second, first]))
    weights = np.tile(edges["Similarity"].to_numpy(dtype=np.float64), 2)
    shape = (len(nodes), len(nodes))
    obs = plain_obs(nodes).set_index(nodes[PERTURBATION].astype(str))
    obs.index.name = None
    numbers = [str(number) for number in sorted(nodes["Community"].unique())]
    obs["Community"] = pd.Categorical(obs["Community"].astype(str), categories=numbers)
    data = anndata.AnnData(np.asarray(values, dtype=np.float32), obs=obs, var=pd.DataFrame(index=features))
    data.obsm["X_umap"] = umap.astype(np.float32)
    data.obsm["X_network"] = nodes[["X", "Y"]].to_numpy(dtype=np.float32)
    data.obsp["connectivities"] = sparse.csr_matrix((weights, ends), shape=shape)
    data.obsp["distances"] = sparse.csr_matrix((1.0 - weights, ends), shape=shape)
    data.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        # Those with the most have so many: their numbers differ, since only significant ones are kept.
        "params": {
            "method": "umap",
            "metric": "cosine",
            "n_neighbors": int(nodes["Degree"].max()) + 1 if len(nodes) else 1,
            "use_rep": "X",
        },
    }
    save_h5ad(data, path)
