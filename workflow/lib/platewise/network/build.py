"""From profiles to the compound network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import CONTROL_TYPE, MOA, PERTURBATION, PLATE
from platewise.config.network import NetworkConfig
from platewise.network.edges import connect
from platewise.network.export import write_graphml, write_network_h5ad
from platewise.network.layout import build_graph, find_communities, place_nodes
from platewise.network.nodes import Nodes, build_nodes, node_members, pool_doses
from platewise.network.null import Null, shuffled_null
from platewise.profiles.consensus import combine
from platewise.profiles.frame import split_profiles, treatment_codes
from platewise.tables import read_table, write_table


@dataclass(frozen=True)
class Network:
    """A network: tables of nodes and edges as docs/architecture.md has them, and the node profiles."""

    nodes: pd.DataFrame
    edges: pd.DataFrame
    profiles: Nodes


def run_build_network(
    profiles_path: str, consensus_path: str, out_folder: str, config: NetworkConfig, consensus_method: str
) -> None:
    """Write ``nodes.parquet``, ``edges.parquet``, ``network.graphml`` and ``network.h5ad``.

    Parameters
    ----------
    profiles_path
        ``{features}.{correction}.parquet`` (level 4c): the wells whose labels are shuffled for the null.
    consensus_path
        ``{features}.{correction}.consensus.parquet`` (level 5).
    out_folder
        ``C/network/{features}.{correction}``.
    config
        Section ``network``.
    consensus_method
        ``profiles.consensus.method``: the null is made as the profiles were.
    """
    network = build_network(read_table(profiles_path), read_table(consensus_path), config, consensus_method)
    folder = Path(out_folder)
    facts = {"stage": "network", "algorithm": ALGORITHMS["network"], "parameters": config.model_dump()}
    write_table(network.edges, folder / "edges.parquet", facts)
    write_table(network.nodes, folder / "nodes.parquet", facts)
    write_graphml(network.nodes, network.edges, folder / "network.graphml")
    profiles = network.profiles
    write_network_h5ad(network.nodes, network.edges, profiles.values, profiles.features, folder / "network.h5ad")


def build_network(
    wells: pd.DataFrame, consensus: pd.DataFrame, config: NetworkConfig, consensus_method: str
) -> Network:
    """Connect the perturbations of a campaign.

    Parameters
    ----------
    wells
        Level 4c.
    consensus
        Level 5 of the same wells.
    config
        Section ``network``.
    consensus_method
        How ``consensus`` was made.

    Returns
    -------
    network
        With fewer than two perturbations, or when nothing is significant, its edges are empty.
    """
    profiles = build_nodes(consensus, config)
    names = profiles.metadata[PERTURBATION].to_numpy(dtype=object)
    shared = shared_plates(wells, names)
    null = _null(wells, len(names), shared, config, consensus_method)
    moas = profiles.metadata[MOA].to_numpy(dtype=object)
    edges = connect(profiles.values, names, moas, shared, null, config)
    graph = build_graph(names, edges)
    communities = find_communities(graph, config.seed)
    places = place_nodes(graph, profiles.values, config.seed)
    nodes = profiles.metadata.assign(
        Degree=np.array([graph.degree(name) for name in names], dtype=np.int32),
        Community=np.array([communities[name] for name in names], dtype=np.int32),
        X=places[:, 0],
        Y=places[:, 1],
    )
    return Network(nodes, edges, profiles)


def shared_plates(wells: pd.DataFrame, names: np.ndarray) -> np.ndarray:
    """Return whether two perturbations have wells on a common plate, bool ``(nodes, nodes)``."""
    plates, plate = np.unique(wells[PLATE].to_numpy(dtype=str), return_inverse=True)
    place = {name: index for index, name in enumerate(names)}
    node = wells[PERTURBATION].map(place).fillna(-1).to_numpy(dtype=int)
    present = np.zeros((len(names), len(plates)), dtype=np.float32)
    present[node[node >= 0], plate[node >= 0]] = 1.0
    return present @ present.T > 0


def _null(wells: pd.DataFrame, nodes: int, shared: np.ndarray, config: NetworkConfig, method: str) -> Null:
    # Controls are shuffled with the rest: many plates hold too few treatments to be shuffled among themselves.
    metadata, values, _ = split_profiles(wells)
    codes, treatments = treatment_codes(metadata)
    treatments[CONTROL_TYPE] = metadata.groupby(codes)[CONTROL_TYPE].first().to_numpy()
    profile = partial(_profile_nodes, values, treatments, nodes, config, method)
    plates = metadata[PLATE].to_numpy(dtype=str)
    return shuffled_null(profile, codes, plates, shared, config.shuffles, config.null_size, config.seed)


def _profile_nodes(
    values: np.ndarray, treatments: pd.DataFrame, nodes: int, config: NetworkConfig, method: str, labels: np.ndarray
) -> np.ndarray:
    profiles = combine(values, labels, len(treatments), method)
    return pool_doses(profiles, node_members(treatments, profiles, config), nodes, config.doses)
