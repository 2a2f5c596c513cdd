"""The network of a small campaign with known truth, down to its files."""

from __future__ import annotations

from pathlib import Path

import anndata
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from small_network import NAMES, campaign

from platewise.config.network import NetworkConfig
from platewise.network.build import build_network, run_build_network
from platewise.network.edges import EDGE_COLUMNS
from platewise.profiles.consensus import consensus
from platewise.profiles.frame import split_profiles
from platewise.tables import read_table


def test_the_three_true_pairs_are_connected_and_nothing_else() -> None:
    wells = campaign()
    network = build_network(split_profiles(wells), split_profiles(consensus(wells, "mean")), NetworkConfig(), "mean")
    found = {frozenset(pair) for pair in network.edges[["Source", "Target"]].to_numpy()}
    assert found == {frozenset(NAMES[:2]), frozenset(NAMES[2:4]), frozenset(NAMES[4:6])}
    assert (network.edges["Source"] < network.edges["Target"]).all()
    shared = network.edges.set_index("Source")["SharedMOA"]
    assert shared.to_dict() == {'ac"id & <b>': True, "plain": True, "e": False}
    assert (network.edges["QValue"] < 0.05).all()
    assert network.nodes["Degree"].tolist() == [1] * 6
    communities = network.nodes.set_index("Metadata_Perturbation")["Community"]
    assert len(set(communities)) == 3
    assert communities[NAMES[0]] == communities[NAMES[1]]
    # Alike nodes are drawn together.
    places = network.nodes.set_index("Metadata_Perturbation")[["X", "Y"]]
    near = np.linalg.norm(places.loc[NAMES[0]] - places.loc[NAMES[1]])
    assert near < np.linalg.norm(places.loc[NAMES[0]] - places.loc[NAMES[2]])


def test_the_same_seed_gives_the_same_network() -> None:
    wells = campaign(strength=2.0)
    tables = split_profiles(wells), split_profiles(consensus(wells, "mean"))
    first, second = (build_network(*tables, NetworkConfig(), "mean") for _ in range(2))
    pd.testing.assert_frame_equal(first.nodes, second.nodes)
    pd.testing.assert_frame_equal(first.edges, second.edges)


def test_caps_keep_the_strongest() -> None:
    wells = campaign()
    wells, table = split_profiles(wells), split_profiles(consensus(wells, "mean"))
    every = build_network(wells, table, NetworkConfig(max_q=1.0), "mean").edges
    assert len(every) == 15
    assert every["Similarity"].is_monotonic_decreasing
    top = build_network(wells, table, NetworkConfig(max_q=1.0, max_edges=2), "mean").edges
    pd.testing.assert_frame_equal(top, every[:2])
    one = build_network(wells, table, NetworkConfig(max_q=1.0, neighbours=1), "mean").edges
    assert {frozenset(pair) for pair in one[["Source", "Target"]].to_numpy()} == {
        frozenset(NAMES[index : index + 2]) for index in (0, 2, 4)
    }


def test_files_open_in_their_readers(tmp_path: Path) -> None:
    wells = campaign()
    wells.to_parquet(tmp_path / "wells.parquet")
    consensus(wells, "mean").to_parquet(tmp_path / "consensus.parquet")
    folder = tmp_path / "network"
    run_build_network(
        str(tmp_path / "wells.parquet"), str(tmp_path / "consensus.parquet"), str(folder), NetworkConfig(), "mean"
    )
    nodes, edges = read_table(folder / "nodes.parquet"), read_table(folder / "edges.parquet")
    assert list(edges) == EDGE_COLUMNS
    parts = ["Degree", "Strength", "Community", "Stability", "WithinZ", "Participation", "Hub", "Bridge", "X", "Y"]
    assert list(nodes) == ["Metadata_Perturbation", "Metadata_MOA", "Metadata_CellCount", *parts]
    # What lay on disk while it was made is gone.
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    graph = nx.read_graphml(folder / "network.graphml")
    # XML has no bell; everything else arrives as it was.
    readable = [name.replace("\x07", "\ufffd") for name in NAMES]
    assert sorted(graph) == sorted(readable)
    assert graph.edges['ac"id & <b>', "β-compound"]["shared_moa"] is True
    for row in nodes.to_dict("records"):
        facts = graph.nodes[row["Metadata_Perturbation"].replace("\x07", "\ufffd")]
        assert (facts["community"], facts["degree"]) == (row["Community"], row["Degree"])
        assert (facts["hub"], facts["bridge"]) == (row["Hub"], row["Bridge"])
        # All members of a pair have one connection: by how many spreads is not known, and left out.
        assert "within_z" not in facts
        assert facts["strength"] == pytest.approx(row["Strength"])
    first = edges.iloc[0]
    assert graph.edges[readable[NAMES.index(first["Source"])], readable[NAMES.index(first["Target"])]][
        "weight"
    ] == pytest.approx(first["Similarity"])

    data = anndata.read_h5ad(folder / "network.h5ad")
    assert data.obs_names.tolist() == sorted(NAMES)
    assert data.obsp["connectivities"].nnz == 2 * len(edges)
    np.testing.assert_allclose(data.obsp["connectivities"].data + data.obsp["distances"].data, 1.0, atol=1e-12)
    np.testing.assert_allclose(data.obsm["X_network"], nodes[["X", "Y"]], atol=1e-6)


def test_scanpy_takes_the_network_as_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    copies = [campaign(6, plates=4) for _ in range(2)]
    copies[1]["Metadata_Perturbation"] += " again"
    wells = pd.concat(copies, ignore_index=True)
    wells.loc[:, wells.columns.str.startswith("Cells_")] += rng.normal(scale=0.1, size=(len(wells), 10))
    wells.to_parquet(tmp_path / "wells.parquet")
    consensus(wells, "mean").to_parquet(tmp_path / "consensus.parquet")
    folder = tmp_path / "network"
    run_build_network(
        str(tmp_path / "wells.parquet"), str(tmp_path / "consensus.parquet"), str(folder), NetworkConfig(), "mean"
    )
    data = sc.read_h5ad(folder / "network.h5ad")
    assert data.obsm["X_umap"].shape == (12, 2)
    assert np.isfinite(data.obsm["X_umap"]).all()
    # Scanpy finds the communities again from the neighbours that we wrote.
    sc.tl.leiden(data, flavor="igraph", directed=False, n_iterations=-1, resolution=1.0)
    for _, members in data.obs.groupby("Community", observed=True):
        assert members["leiden"].nunique() == 1
    assert data.obs["leiden"].nunique() == data.obs["Community"].nunique() == 3
    sc.tl.umap(data, init_pos="X_umap", random_state=0)
    sc.tl.rank_genes_groups(data, "Community", method="wilcoxon")
    assert len(sc.get.rank_genes_groups_df(data, group="0")) == 10


@pytest.mark.parametrize(("perturbations", "plates"), [(0, 2), (1, 2), (2, 1), (6, 1)])
def test_tiny_campaigns_give_valid_empty_networks(perturbations: int, plates: int, tmp_path: Path) -> None:
    wells = campaign(perturbations, strength=0.0, plates=plates)
    wells.to_parquet(tmp_path / "wells.parquet")
    consensus(wells, "median").to_parquet(tmp_path / "consensus.parquet")
    folder = tmp_path / "network"
    run_build_network(
        str(tmp_path / "wells.parquet"), str(tmp_path / "consensus.parquet"), str(folder), NetworkConfig(), "median"
    )
    assert len(read_table(folder / "nodes.parquet")) == perturbations
    edges = read_table(folder / "edges.parquet")
    assert list(edges) == EDGE_COLUMNS
    assert len(edges) == 0
    assert nx.read_graphml(folder / "network.graphml").number_of_nodes() == perturbations
    assert anndata.read_h5ad(folder / "network.h5ad").n_obs == perturbations
