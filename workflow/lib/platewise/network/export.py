"""The network as files that other programs open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pandas as pd

from platewise.columns import CELL_COUNT, MOA, PERTURBATION
from platewise.correction.correct import plain_obs, save_h5ad
from platewise.files import whole_file

# Name in the file: its type and the column.
_NODE = {
    "moa": ("string", MOA),
    "community": ("long", "Community"),
    "degree": ("long", "Degree"),
    "hub": ("boolean", "Hub"),
    "bridge": ("boolean", "Bridge"),
    "cell_count": ("double", CELL_COUNT),
    "strength": ("double", "Strength"),
    "stability": ("double", "Stability"),
    "within_z": ("double", "WithinZ"),
    "participation": ("double", "Participation"),
    "x": ("double", "X"),
    "y": ("double", "Y"),
}
_EDGE = {
    "weight": ("double", "Similarity"),
    "p_value": ("double", "PValue"),
    "q_value": ("double", "QValue"),
    "shared_moa": ("boolean", "SharedMOA"),
}
_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
"""
# XML 1.0 has no way to write these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_graphml(nodes: pd.DataFrame, edges: pd.DataFrame, path: str | Path) -> None:
    """Write the network for Cytoscape and Gephi, line by line: networkx holds a tree of it all.

    Nodes are named for their perturbation and carry ``moa``, ``cell_count``, ``community``, ``stability``, ``degree``,
    ``strength``, ``within_z``, ``participation``, ``hub``, ``bridge``, ``x`` and ``y`` (numbers that are not known are
    left out); edges carry ``weight`` (the similarity), ``p_value``, ``q_value`` and ``shared_moa``.
    Characters that XML cannot hold become U+FFFD.
    """
    names = {name: quoteattr(xml_text(name)) for name in nodes[PERTURBATION]}
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(_HEAD)
        for kind, facts in (("node", _NODE), ("edge", _EDGE)):
            for name, (of, _) in facts.items():
                file.write(f'<key id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{of}"/>\n')
        file.write('<graph edgedefault="undirected">\n')
        for name, data in zip(nodes[PERTURBATION], _data(nodes, "node", _NODE), strict=True):
            file.write(f"<node id={names[name]}>{data}</node>\n")
        for source, target, data in zip(edges["Source"], edges["Target"], _data(edges, "edge", _EDGE), strict=True):
            file.write(f"<edge source={names[source]} target={names[target]}>{data}</edge>\n")
        file.write("</graph>\n</graphml>\n")


def xml_text(text: str) -> str:
    """Return ``text`` with what XML cannot hold replaced; markup is not escaped."""
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


def _data(table: pd.DataFrame, kind: str, facts: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """Yield the facts of each row as elements."""
    columns = [_texts(table[column], of) for of, column in facts.values()]
    for row in zip(*columns, strict=True):
        yield "".join(
            f'<data key="{kind}_{name}">{text}</data>'
            for name, text in zip(facts, row, strict=True)
            if text is not None
        )


def _texts(column: pd.Series, of: str) -> Iterator[str | None]:
    if of == "string":
        return (escape(xml_text(text), {"\r": "&#13;"}) for text in column)
    if of == "boolean":
        return ("true" if value else "false" for value in column)
    if of == "long":
        return (str(int(value)) for value in column)
    return (repr(float(value)) if np.isfinite(value) else None for value in column)
