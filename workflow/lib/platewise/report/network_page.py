"""The interactive page of the network: search a perturbation, see what is like it, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from platewise.columns import CONTROL_TYPE, MOA, metadata_columns
from platewise.report.html import render_page, write_page
from platewise.report.network_data import NetworkFacts, network_data
from platewise.report.network_evidence import Evidence
from platewise.tables import read_columns, read_provenance, read_table

# In templates/network, in this order.
SCRIPTS = ("data", "dom", "drawing", "controls", "search", "why", "panel", "start")


@dataclass(frozen=True)
class NetworkTables:
    """The files that the page is made from.

    Parameters
    ----------
    nodes, edges, neighbours, shortlist
        The preset's network.
    profiles
        Its level 4c, of which the metadata is read.
    activity
        Its activity (``screens.activity``).
    treatments, movers
        Kind of features to what moved under each treatment.
    """

    nodes: str | Path
    edges: str | Path
    neighbours: str | Path
    shortlist: str | Path
    profiles: str | Path
    activity: str | Path
    treatments: Mapping[str, str | Path] = field(default_factory=dict)
    movers: Mapping[str, str | Path] = field(default_factory=dict)


def report_network(
    target: str | Path,
    *,
    campaign: str,
    preset: tuple[str, str],
    tables: NetworkTables,
    max_nodes: int,
    channels: Sequence[str] = (),
    plate_pages: Sequence[str] = (),
) -> None:
    """Write the interactive page of a network.

    Parameters
    ----------
    target
        The page, ``R/report/network.html``; written whole or not at all.
    campaign
        Its name.
    preset
        (features, correction) of the network.
    tables
        The files to read.
    max_nodes
        Nodes that are drawn at most; all can be searched.
    channels
        Names of the channels, for words.
    plate_pages
        Plates that have a page, ``plates/{plate}.html``.

    Raises
    ------
    DataError
        If a table cannot be read.
    """
    asked = read_provenance(tables.neighbours)["parameters"]
    facts = NetworkFacts(
        campaign, tuple(preset), float(asked["max_q"]), int(asked["neighbours"]), str(asked["doses"]), max_nodes
    )
    evidence = Evidence(
        _read(tables.profiles, metadata_columns(read_columns(tables.profiles))),
        read_table(tables.activity),
        *({kind: read_table(path) for kind, path in paths.items()} for paths in (tables.treatments, tables.movers)),
        channels,
        plate_pages,
        bool(asked["include_negcon"]),
    )
    network = (_read(path) for path in (tables.nodes, tables.edges, tables.neighbours, tables.shortlist))
    data = network_data(*network, evidence, facts)
    about = data["about"]
    page = render_page(
        "network.html.j2",
        data=data,
        scripts=[f"network/{name}.js" for name in SCRIPTS],
        facts=facts,
        nodes=len(data["names"]),
        edges=about["edges"],
        drawn=about["drawn"],
        cut=about["neighbours_cut"],
        limits=about["limits"],
        stable=about["stable"],
        features=data["most_features"],
        moved_q=data["moved_q"],
    )
    write_page(page, target)


def _read(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table; missing words are empty."""
    table = read_table(path, columns)
    return table.assign(**{name: table[name].fillna("") for name in (MOA, CONTROL_TYPE) if name in table})
