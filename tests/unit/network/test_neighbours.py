"""The nearest of every perturbation, with the test that decides on edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_network import NAMES, campaign

from platewise.columns import PERTURBATION
from platewise.config.network import NetworkConfig
from platewise.network.build import Network, build_network, run_build_network
from platewise.network.neighbours import NEIGHBOUR_COLUMNS
from platewise.profiles.consensus import consensus
from platewise.profiles.frame import split_profiles
from platewise.tables import read_table


def built(strength: float = 8.0, **settings) -> Network:
    wells = campaign(strength=strength)
    config = NetworkConfig(**settings)
    return build_network(split_profiles(wells), split_profiles(consensus(wells, "mean")), config, "mean")


def test_the_nearest_are_those_of_a_naive_version() -> None:
    network = built(neighbours=3)
    names = network.nodes[PERTURBATION].to_numpy()
    values = network.profiles.values.astype(np.float32)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    cosine = (unit @ unit.T).astype(float)
    np.fill_diagonal(cosine, -np.inf)
    assert list(network.neighbours) == NEIGHBOUR_COLUMNS
    assert len(network.neighbours) == 3 * len(names)
    for place, (name, rows) in enumerate(network.neighbours.groupby(PERTURBATION, sort=False)):
        assert name == names[place]
        order = np.argsort(-cosine[place])[:3]
        assert rows["Rank"].tolist() == [1, 2, 3]
        assert rows["Neighbour"].tolist() == names[order].tolist()
        np.testing.assert_allclose(rows["Similarity"], cosine[place][order], atol=1e-6)


def test_connected_neighbours_are_the_edges_to_the_last_digit() -> None:
    network = built()
    found = network.neighbours[network.neighbours["Connected"]]
    edges = network.edges.set_index(["Source", "Target"])
    # Each of the three pairs is seen from both ends.
    assert len(found) == 2 * len(edges) == 6
    for row in found.to_dict("records"):
        edge = edges.loc[tuple(sorted([row[PERTURBATION], row["Neighbour"]]))]
        for column in ("Similarity", "PValue", "QValue", "SharedMOA"):
            assert row[column] == edge[column], column
    others = network.neighbours[~network.neighbours["Connected"]]
    assert (others["QValue"] >= 0.05).all()


def test_without_edges_there_are_neighbours_still() -> None:
    network = built(strength=0.0)
    assert network.edges.empty
    assert len(network.neighbours) == 6 * 5
    assert not network.neighbours["Connected"].any()
    assert network.neighbours["QValue"].between(0.05, 1).all()


def test_candidates_of_all_pairs_leave_the_neighbours_as_they_are() -> None:
    one, other = built(neighbours=2), built(neighbours=2, top_share=10.0)
    assert len(other.edges) < len(one.edges)
    columns = [name for name in NEIGHBOUR_COLUMNS if name != "Connected"]
    pd.testing.assert_frame_equal(one.neighbours[columns], other.neighbours[columns])
    connected = {frozenset(pair) for pair in other.edges[["Source", "Target"]].to_numpy()}
    expected = [frozenset(pair) in connected for pair in other.neighbours[[PERTURBATION, "Neighbour"]].to_numpy()]
    assert other.neighbours["Connected"].tolist() == expected


@pytest.mark.parametrize(("perturbations", "rows"), [(0, 0), (1, 0), (2, 2)])
def test_tiny_campaigns_have_the_table(perturbations: int, rows: int, tmp_path: Path) -> None:
    wells = campaign(perturbations, strength=0.0, plates=2)
    wells.to_parquet(tmp_path / "wells.parquet")
    consensus(wells, "median").to_parquet(tmp_path / "consensus.parquet")
    paths = str(tmp_path / "wells.parquet"), str(tmp_path / "consensus.parquet"), str(tmp_path / "network")
    run_build_network(*paths, NetworkConfig(), "median")
    table = read_table(tmp_path / "network" / "neighbours.parquet")
    assert list(table) == NEIGHBOUR_COLUMNS
    assert len(table) == rows
    assert set(table[PERTURBATION]) == set(NAMES[:rows])
