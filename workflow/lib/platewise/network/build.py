"""From profiles to the compound network."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import CONTROL_TYPE, DOSE, MOA, PERTURBATION, PLATE
from platewise.config.network import NetworkConfig
from platewise.network.communities import community_stability, find_communities, node_roles
from platewise.network.edges import connect, count_strongest
from platewise.network.export import write_graphml, write_network_h5ad
from platewise.network.layout import build_graph, place_nodes, principal_plane, umap_places
from platewise.network.neighbours import list_neighbours
from platewise.network.nodes import (
    Nodes,
    build_nodes,
    choose_doses,
    controls_centre,
    number_nodes,
    pool_doses,
    unit_rows,
)
from platewise.network.null import Null, shuffled_null
from platewise.network.pairs import PairScan, scan_pairs
from platewise.network.sharing import SharedPlates, replicate_kinds, shared_plates
from platewise.network.staging import stage_profiles
from platewise.profiles.consensus import combine
from platewise.profiles.frame import treatment_codes
from platewise.tables import write_table

# Level 4c or 5 taken apart: metadata, values (rows, features), names of the features.
Profiles = tuple[pd.DataFrame, np.ndarray, list[str]]


@dataclass(frozen=True)
class Network:
    """A network: its tables as docs/architecture.md has them, the node profiles, and their UMAP."""

    nodes: pd.DataFrame
    edges: pd.DataFrame
    neighbours: pd.DataFrame
    profiles: Nodes
    umap: np.ndarray


@dataclass(frozen=True)
class Links:
    """Profiles of length 1, all their pairs, and the tables of those that count and of the nearest of each."""

    unit: np.ndarray
    scan: PairScan
    edges: pd.DataFrame
    neighbours: pd.DataFrame


def run_build_network(
    profiles_path: str, consensus_path: str, out_folder: str, config: NetworkConfig, consensus_method: str
) -> None:
    """Write ``nodes.parquet``, ``edges.parquet``, ``neighbours.parquet``, ``network.graphml`` and ``network.h5ad``.

    Parameters
    ----------
    profiles_path
        ``{features}.{correction}.parquet`` (level 4c): the wells whose labels are shuffled for the null.
    consensus_path
        ``{features}.{correction}.consensus.parquet`` (level 5).
    out_folder
        ``C/network/{features}.{correction}``; profiles lie beside it, on disk, while it is made.
    config
        Section ``network``.
    consensus_method
        ``profiles.consensus.method``: the null is made as the profiles were.
    """
    folder = Path(out_folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        wells, consensus = (stage_profiles(path, scratch) for path in (profiles_path, consensus_path))
        network = build_network(wells, consensus, config, consensus_method)
        facts = {"stage": "network", "algorithm": ALGORITHMS["network"], "parameters": config.model_dump()}
        facts["consensus"] = consensus_method
        write_table(network.edges, folder / "edges.parquet", facts)
        write_table(network.nodes, folder / "nodes.parquet", facts)
        write_table(network.neighbours, folder / "neighbours.parquet", facts)
        write_graphml(network.nodes, network.edges, folder / "network.graphml")
        profiles = network.profiles
        write_network_h5ad(
            network.nodes, network.edges, profiles.values, profiles.features, network.umap, folder / "network.h5ad"
        )


def build_network(wells: Profiles, consensus: Profiles, config: NetworkConfig, consensus_method: str) -> Network:
    """Connect the perturbations of a campaign.

    Parameters
    ----------
    wells
        Level 4c, taken apart.
    consensus
        Level 5 of the same wells, taken apart.
    config
        Section ``network``.
    consensus_method
        How ``consensus`` was made.

    Returns
    -------
    network
        With fewer than two perturbations, or when nothing is significant, its edges are empty.
    """
    profiles = build_nodes(*consensus, config)
    names = profiles.metadata[PERTURBATION].to_numpy(dtype=object)
    links = link_nodes(wells, profiles, config, consensus_method)
    plane = principal_plane(links.unit)
    places = place_nodes(build_graph(names, links.edges), plane, config.seed)
    nodes = profiles.metadata.assign(**_parts(links.edges, names, config), X=places[:, 0], Y=places[:, 1])
    umap = umap_places(links.scan.nearest, links.scan.similarity, plane, config.seed)
    return Network(nodes, links.edges, links.neighbours, profiles, umap)


def link_nodes(wells: Profiles, profiles: Nodes, config: NetworkConfig, consensus_method: str) -> Links:
    """Compare all pairs of nodes, and hold what is alike against what shuffled labels give.

    Parameters
    ----------
    wells
        Level 4c, taken apart.
    profiles
        The nodes, from level 5 of the same wells.
    config
        Section ``network``.
    consensus_method
        How level 5 was made.
    """
    names = profiles.metadata[PERTURBATION].to_numpy(dtype=object)
    moas = profiles.metadata[MOA].to_numpy(dtype=object)
    shared = shared_plates(wells[0], names, replicate_kinds(wells[0], names, config.doses))
    null = _null(wells, shared, config, consensus_method)
    unit = unit_rows(profiles.values.astype(np.float32))
    scan = scan_pairs(unit, shared, config.neighbours, count_strongest(len(names), config))
    edges = connect(unit, scan, names, moas, shared, null, config)
    return Links(unit, scan, edges, list_neighbours(unit, scan, names, moas, shared, null, edges))


def _parts(edges: pd.DataFrame, names: np.ndarray, config: NetworkConfig) -> dict[str, np.ndarray]:
    """Return the columns of the nodes that follow from the edges."""
    place = pd.Series(np.arange(len(names)), index=names)
    ends = np.stack([place[edges[end]].to_numpy(dtype=np.int64) for end in ("Source", "Target")], axis=1)
    # A pair that is less alike than nothing can be an edge only where max_q lets everything in.
    weights = np.maximum(edges["Similarity"].to_numpy(dtype=np.float64), 1e-6)
    communities = find_communities(ends, weights, len(names), config.resolution, config.seed)
    stability = community_stability(ends, weights, communities, config.resamples, config.resolution, config.seed)
    roles = node_roles(ends, communities)
    strength = np.bincount(ends.ravel(), weights=np.repeat(weights, 2), minlength=len(names))
    return {
        "Degree": roles.pop("Degree"),
        "Strength": strength,
        "Community": communities.astype(np.int32),
        "Stability": stability[communities],
        **roles,
    }


def _null(wells: Profiles, shared: SharedPlates, config: NetworkConfig, method: str) -> Null:
    profile, codes = null_profiles(wells, config, method)
    plates = np.unique(wells[0][PLATE].to_numpy(dtype=str), return_inverse=True)[1].ravel()
    return shuffled_null(profile, codes, plates, shared, config.shuffles, config.null_size, config.seed)


def null_profiles(
    wells: Profiles, config: NetworkConfig, method: str
) -> tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], np.ndarray]:
    """Return how nodes get their profiles when wells have other labels, and the wells' true labels.

    Parameters
    ----------
    wells
        Level 4c, taken apart.
    config
        Section ``network``.
    method
        How treatments are made of wells.

    Returns
    -------
    profile_nodes
        From labels and sorted numbers of nodes to profiles, as ``shuffled_null`` calls it.
    labels
        Treatment of each well, ``(wells,)``. Controls are shuffled with the rest: many plates hold too few treatments
        to be shuffled among themselves.
    """
    metadata, values, _ = wells
    codes, treatments = treatment_codes(metadata)
    treatments[CONTROL_TYPE] = metadata.groupby(codes)[CONTROL_TYPE].first().to_numpy()
    nodes, _ = number_nodes(treatments, config)
    doses = treatments[DOSE].to_numpy(dtype=float)
    centre = controls_centre(metadata, values)
    return partial(_profile_nodes, values, centre, nodes, doses, config, method), codes


def _profile_nodes(
    values: np.ndarray,
    centre: np.ndarray,
    nodes: np.ndarray,
    doses: np.ndarray,
    config: NetworkConfig,
    method: str,
    labels: np.ndarray,
    wanted: np.ndarray,
) -> np.ndarray:
    treatments = np.flatnonzero(np.isin(nodes, wanted))
    number = np.full(len(nodes), -1)
    number[treatments] = np.arange(len(treatments))
    wells = np.flatnonzero(number[labels] >= 0)
    profiles = combine(values, number[labels[wells]], len(treatments), method, wells)
    own = np.searchsorted(wanted, nodes[treatments])
    members = choose_doses(own, doses[treatments], profiles - centre, config.doses)
    return pool_doses(profiles, members, len(wanted), config.doses)
