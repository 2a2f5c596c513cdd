import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest

from platewise.network.export import write_graphml

NUMBERS = ["Strength", "Stability", "WithinZ", "Participation", "X", "Y"]


@pytest.fixture
def network() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    names = [f"C{number} <&\"' \n\r\té☃" for number in range(40)]
    nodes = pd.DataFrame({"Metadata_Perturbation": names, "Metadata_MOA": [f"a|b & <{n}>\r\n" for n in range(40)]})
    nodes = nodes.assign(
        Metadata_CellCount=rng.normal(size=40).astype(np.float32),
        **{name: rng.normal(size=40) for name in NUMBERS},
        Community=rng.integers(0, 9, 40).astype(np.int32),
        Degree=3,
        Hub=rng.random(40) < 0.5,
        Bridge=False,
    )
    nodes.loc[::3, "WithinZ"] = np.nan
    edges = pd.DataFrame({"Source": rng.choice(names[:20], 200), "Target": rng.choice(names[20:], 200)})
    edges = edges.drop_duplicates(ignore_index=True)
    numbers = {name: rng.random(len(edges)) for name in ("Similarity", "PValue", "QValue")}
    return nodes, edges.assign(**numbers, SharedMOA=rng.random(len(edges)) < 0.5)


def test_the_graph_is_that_of_the_tables(network, tmp_path) -> None:
    """Names, types and every digit arrive, whatever a name holds."""
    nodes, edges = network
    write_graphml(nodes, edges, tmp_path / "network.graphml")
    graph = nx.read_graphml(tmp_path / "network.graphml")
    assert list(graph) == nodes["Metadata_Perturbation"].tolist()
    for row in nodes.to_dict("records"):
        expected = {
            "moa": row["Metadata_MOA"],
            "cell_count": float(row["Metadata_CellCount"]),
            "community": row["Community"],
            "degree": 3,
            "hub": row["Hub"],
            "bridge": False,
            "within_z": row["WithinZ"],
            **{name.lower(): row[name] for name in NUMBERS if name != "WithinZ"},
        }
        found = graph.nodes[row["Metadata_Perturbation"]]
        assert found == {name: value for name, value in expected.items() if value == value}
        assert [type(found[name]) for name in ("hub", "degree", "x")] == [bool, int, float]
    assert graph.number_of_edges() == len(edges)
    for row in edges.to_dict("records"):
        assert graph.edges[row["Source"], row["Target"]] == {
            "weight": row["Similarity"],
            "p_value": row["PValue"],
            "q_value": row["QValue"],
            "shared_moa": row["SharedMOA"],
        }


def test_another_reader_opens_it(network, tmp_path) -> None:
    nodes, edges = network
    write_graphml(nodes, edges, tmp_path / "network.graphml")
    graph = igraph.Graph.Read_GraphML(str(tmp_path / "network.graphml"))
    assert (graph.vcount(), graph.ecount(), graph.is_directed()) == (40, len(edges), False)
    assert graph.vs["moa"] == nodes["Metadata_MOA"].tolist()
    assert graph.vs["x"] == pytest.approx(nodes["X"].tolist())
    assert graph.es["weight"] == pytest.approx(edges["Similarity"].tolist())
