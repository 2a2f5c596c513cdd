import numpy as np
import pytest
from small_run import edges_table, neighbours_table, nodes_table

from platewise.compare.network import compare_networks, count_edges, match_edges, match_neighbours
from platewise.tables import write_table

EDGES = "campaign/network/classical.none/edges.parquet"
NEIGHBOURS = "campaign/network/classical.none/neighbours.parquet"
NODES = "campaign/network/classical.none/nodes.parquet"


def test_kept_lost_and_new_connections():
    old = edges_table([("X", "Y", 0.9, 0.01, True), ("X", "Z", 0.5, 0.02, False), ("W", "X", 0.4, 0.03, True)])
    new = edges_table([("Y", "X", 0.8, 0.02, True), ("Y", "Z", 0.7, 0.01, False)])
    edges = match_edges(old, new, {"W", "X", "Y", "Z"}, {"X", "Y", "Z"})
    rows = edges[["Source", "Target", "Change", "SimilarityOld", "SimilarityNew", "SharedMOA"]].fillna(-1)
    assert rows.to_numpy().tolist() == [
        ["X", "Z", "lost", 0.5, -1, False],
        ["W", "X", "lost, no such perturbation", 0.4, -1, True],
        ["Y", "Z", "new", -1, 0.7, False],
        # Whichever end comes first, it is the same connection.
        ["X", "Y", "kept", 0.9, 0.8, True],
    ]
    found = count_edges(edges)
    assert found["largest_change"] == pytest.approx(0.1)
    del found["largest_change"]
    assert found == {"kept": 1, "lost": 2, "new": 1, "without_perturbation": 1, "jaccard": 0.25}


def test_the_same_network(pair):
    section = compare_networks(pair())
    assert section.moved is False
    assert section.facts["classical.none"] == {
        "kept": 1,
        "lost": 0,
        "new": 0,
        "without_perturbation": 0,
        "largest_change": 0.0,
        "jaccard": 1.0,
        "neighbours_of": 3,
        "neighbours_kept": 1.0,
    }
    assert section.sentences == [
        "classical.none: 1 connection kept, 0 lost, 0 new (Jaccard 1.000). Of the nearest of 3 perturbations, 100 % "
        "are the same."
    ]


def test_neighbours_kept_and_lost():
    old = neighbours_table([("X", "Y"), ("X", "Z"), ("Y", "X"), ("Y", "Z"), ("Z", "X"), ("Z", "Y"), ("W", "X")])
    new = neighbours_table([("X", "Z"), ("X", "W"), ("Y", "Z"), ("Y", "X"), ("Z", "V"), ("Z", "W"), ("U", "X")])
    # One of two of X, both of Y in another order, none of Z; W and U are in one run only.
    assert match_neighbours(old, new) == {"neighbours_of": 3, "neighbours_kept": 0.5}
    # Where a run lists fewer, the nearest of each count: none of X and Y is the same.
    one = neighbours_table([("X", "Z"), ("Y", "Z"), ("Z", "X")])
    assert match_neighbours(old, one) == {"neighbours_of": 3, "neighbours_kept": pytest.approx(1 / 3)}
    assert match_neighbours(one, old) == match_neighbours(old, one)


def test_neighbours_that_moved_are_a_change_without_any_connection(pair):
    none = {EDGES: edges_table([])}
    found = pair(tables=none | {NEIGHBOURS: neighbours_table([("X", "Z"), ("Y", "X"), ("Z", "Y")])})
    write_table(edges_table([]), found.old.folder / EDGES)
    section = compare_networks(found)
    assert section.moved is True
    assert section.sentences == [
        "classical.none: no connection in either network. Of the nearest of 3 perturbations, 67 % are the same."
    ]


def test_a_run_of_an_older_version_lists_no_neighbours(pair):
    found = pair()
    (found.old.folder / NEIGHBOURS).unlink()
    section = compare_networks(found)
    assert section.moved is False
    assert section.sentences == ["classical.none: 1 connection kept, 0 lost, 0 new (Jaccard 1.000)."]


def test_networks_without_connections(pair):
    found = pair(tables={EDGES: edges_table([])})
    section = compare_networks(found)
    assert section.moved is True
    assert section.facts["classical.none"]["lost"] == 1
    none = count_edges(match_edges(edges_table([]), edges_table([]), set(), set()))
    assert none["kept"] == none["lost"] == none["new"] == 0
    assert np.isnan(none["jaccard"])


def test_perturbations_of_one_network_and_missing_networks(pair):
    section = compare_networks(pair(tables={NODES: nodes_table(["X", "Z"]), EDGES: edges_table([])}))
    assert section.rows("classical.none.edges")["Change"].tolist() == ["lost, no such perturbation"]
    found = pair()
    (found.new.folder / NODES).unlink()
    section = compare_networks(found)
    assert section.moved is None
    assert section.sentences == ["classical.none: no network in NEW.", "No networks could be compared."]
