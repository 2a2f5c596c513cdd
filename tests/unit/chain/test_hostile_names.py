"""Names are data: whatever a table calls its perturbations, they come out of every file as they went in."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import anndata
import networkx as nx
import pandas as pd
import pytest
from all_stages import COLUMNS, Chain, run_chain, small_campaign
from typer.testing import CliRunner

from platewise.cli import app
from platewise.config.table import TableConfig
from platewise.errors import ConfigError, Problem
from platewise.network.export import write_graphml
from platewise.profiles.importing import check_tables, read_profiles

NAMES = [
    "a, \"b\", 'c'; DROP TABLE",
    "β-лактам 薬 🧪",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "cafe\u0301",
    "café",
    "\u202egnp.exe",
    "שלום",
    "long " + "x" * 400,
    "Taxol",
    "taxol",
    "=1+1",
    "5.0",
    "007",
    "7",
    "5.10",
    "5.1",
    "a|b",
    "{{ 7*7 }} %(x)s \\n &amp;",
]
MOA = '<b>kinase</b> & "co", inhibitor'


def named(names: list[str]) -> pd.DataFrame:
    table = small_campaign(plates=2, drugs=len(names), features=4)
    given = {f"drug {number}": name for number, name in enumerate(names)}
    moas = [f"{MOA} {moa[-1]}" if moa else "" for moa in table["moa"]]
    return table.assign(name=[given.get(name, name) for name in table["name"]], moa=moas)


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Chain:
    return run_chain(named(NAMES), tmp_path_factory.mktemp("hostile"))


def test_every_table_holds_every_name(chain: Chain) -> None:
    tables = ["evaluation/classical.none.perturbations", "evaluation/activity", "explanation/treatments"]
    tables += ["network/classical.none/nodes", "network/classical.none/shortlist"]
    for name in tables:
        assert set(chain.read(name)["Metadata_Perturbation"]) == set(NAMES), name
    assert set(chain.wells()["Metadata_Perturbation"]) == {*NAMES, "DMSO"}
    hits = chain.read("network/query").query("Kind == 'perturbation'")
    assert set(hits["Query"]) == {*NAMES, "DMSO"}
    assert set(hits["Name"]) == set(NAMES)
    assert set(chain.read("network/query").query("Kind == 'mechanism'")["Name"]) == {f"{MOA} {n}" for n in range(4)}


def test_csv_gives_the_same_wells(chain: Chain, tmp_path: Path) -> None:
    named(NAMES).to_csv(tmp_path / "wells.csv", index=False)
    config = TableConfig(paths=(str(tmp_path / "wells.csv"),), columns=COLUMNS, negcon=("DMSO",))
    wells, _ = read_profiles(config)
    given = chain.wells()
    metadata = [name for name in given if name.startswith("Metadata_")]
    pd.testing.assert_frame_equal(wells[metadata], given[metadata])


def test_exported_files_give_the_names_back(chain: Chain, tmp_path: Path) -> None:
    folder = Path(chain.path("network/classical.none/nodes")).parent
    assert set(nx.read_graphml(folder / "network.graphml")) == set(NAMES)
    network = anndata.read_h5ad(folder / "network.h5ad")
    assert set(network.obs_names) == set(network.obs["Metadata_Perturbation"]) == set(NAMES)
    wells = anndata.read_h5ad(chain.path("profiles/classical.none").replace(".parquet", ".h5ad"))
    assert wells.obs["Metadata_Perturbation"].astype(str).tolist() == chain.wells()["Metadata_Perturbation"].tolist()
    assert wells.obs_names.is_unique
    # With edges between them, too.
    nodes = chain.read("network/classical.none/nodes")
    edges = pd.DataFrame({"Source": NAMES[:-1], "Target": NAMES[1:]})
    edges = edges.assign(Similarity=0.5, PValue=0.01, QValue=0.02, SharedMOA=True)
    write_graphml(nodes, edges, tmp_path / "n.graphml")
    back = nx.read_graphml(tmp_path / "n.graphml")
    assert {frozenset(edge) for edge in back.edges} == {frozenset(pair) for pair in pairwise(NAMES)}


def test_the_query_s_csv_gives_the_names_back(chain: Chain, tmp_path: Path) -> None:
    out, queries = tmp_path / "hits.csv", chain.path("profiles/classical.none.consensus")
    done = CliRunner().invoke(app, ["query", queries, "--reference", str(chain.folder), "--out", str(out)])
    assert done.exit_code == 0, done.output
    hits = pd.read_csv(out, dtype=str, keep_default_na=False)
    assert set(hits["Query"]) == {*NAMES, "DMSO"}
    assert len(hits) == len(chain.read("network/query"))


def test_the_page_shows_names_and_runs_none(chain: Chain) -> None:
    page = chain.page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7*7 }} %(x)s \\n &amp;amp;" in page
    # What turns the direction of writing ends with the name.
    assert page.count("\u202egnp.exe") == page.count("\u2068\u202egnp.exe\u2069") > 0
    for name in ("β-лактам 薬 🧪", "../../etc/passwd", "שלום", "cafe\u0301", "café", "x" * 400, "=1+1"):
        assert name in page


def test_the_network_s_page_holds_every_name_as_data(chain: Chain) -> None:
    (text,) = re.findall(r'<script[^>]* id="data">(.*?)</script>', chain.network_page, re.DOTALL)
    assert "<" not in text
    assert set(json.loads(text)["names"]) == set(NAMES)


def test_no_name_becomes_a_path(chain: Chain) -> None:
    written = {path.name for path in chain.folder.rglob("*")}
    assert not [name for name in written if "passwd" in name or "script" in name]
    assert {path.name for path in (chain.folder / "plates").iterdir()} == {"P1", "P2"}


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\x00", "\x07", "\uffff"])
@pytest.mark.parametrize("column", ["name", "moa", "batch"])
def test_what_is_no_line_of_text_is_named(column: str, character: str, tmp_path: Path) -> None:
    table = named(NAMES)
    table[column] = table[column].where(table[column] != table.loc[8, column], f"a{character}b")
    table.to_parquet(tmp_path / "wells.parquet")
    config = TableConfig(paths=(str(tmp_path / "wells.parquet"),), columns=COLUMNS, negcon=("DMSO",))
    problems: list[Problem] = []
    check_tables(config, problems)
    words = {"name": "perturbation", "moa": "mechanism", "batch": "batch"}[column]
    row = 1 if column == "batch" else 9
    assert f"row {row}, {words}: found {f'a{character}b'!r}; expected one line of text" in "".join(map(str, problems))
    with pytest.raises(ConfigError, match="one line of text without control characters"):
        read_profiles(config)


def test_blanks_around_names_are_none_of_them(tmp_path: Path) -> None:
    table = named(["drug", " drug ", "\tdrug\n", "other"])
    table["moa"] = ""
    table.to_parquet(tmp_path / "wells.parquet")
    config = TableConfig(paths=(str(tmp_path / "wells.parquet"),), columns=COLUMNS, negcon=("DMSO",))
    wells, dropped = read_profiles(config)
    assert wells["Metadata_Perturbation"].value_counts().to_dict() == {"drug": 12, "other": 4, "DMSO": 12}
    assert dropped.empty
