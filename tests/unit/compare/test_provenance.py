import json

import pandas as pd
from small_run import VARIANT, batches_table, edges_table, nodes_table, profiles_table, scores_table

from platewise.columns import PLATE
from platewise.compare.provenance import (
    changed_facts,
    compare_provenance,
    flatten,
    join_absent,
    join_versions,
    page_facts,
)
from platewise.compare.results import Results
from platewise.config.report import ReportConfig
from platewise.evaluation.differences import DIFFERENCE_COLUMNS
from platewise.evaluation.evaluate import ENRICHMENT_COLUMNS
from platewise.network.shortlist import SHORTLIST_COLUMNS
from platewise.report.campaign_page import report_campaign
from platewise.report.campaign_tables import CampaignTables
from platewise.tables import write_table


def test_nested_facts_become_dotted_keys():
    facts = {
        "a": {"b": 1, "c": []},
        "e": {},
        "groups": [{"group": "Texture", "levels": 64}, {"group": "Intensity"}],
        "d": "x",
    }
    assert flatten(facts) == {
        "a.b": "1",
        "a.c": "[]",
        "groups.Texture.levels": "64",
        "groups.Intensity": "on",
        "d": "x",
    }
    # Groups go by name: their order is no parameter.
    assert flatten({"groups": facts["groups"][::-1]}).items() <= flatten(facts).items()


def test_a_changed_added_and_removed_key():
    changes = changed_facts({"config a": "1", "config b": "2"}, {"config a": "3", "config c": "4"})
    assert changes.to_numpy().tolist() == [
        ["a", "config", "1", "3"],
        ["b", "config", "2", "not there"],
        ["c", "config", "not there", "4"],
    ]


def test_a_part_of_the_config_that_one_run_lacks_is_one_row():
    old = {"config a": "1", "config e.deep.width": "8", "config e.deep.kind": "weak", "config m.x": "1"}
    new = {"config a": "1", "config m.y": "2"}
    assert changed_facts(*join_absent(old, new)).to_numpy().tolist() == [
        ["e", "config", "deep.width: 8, deep.kind: weak", "not there"],
        ["m.x", "config", "1", "not there"],
        ["m.y", "config", "not there", "2"],
    ]


def test_one_new_version_is_one_row():
    rows = [["x.version", "version", "0.1", "0.2"], ["y.version", "version", "0.1", "0.2"], ["k", "config", "1", "2"]]
    changes = join_versions(pd.DataFrame(rows, columns=["Key", "Kind", "Old", "New"]))
    assert changes.to_numpy().tolist() == [["k", "config", "1", "2"], ["platewise (2 stages)", "version", "0.1", "0.2"]]


def test_parameters_and_algorithms_come_from_the_tables(pair):
    section = compare_provenance(pair(nucleus=30.0, algorithm=2))
    assert section.moved is True
    assert section.rows("asked").to_numpy().tolist() == [
        ["segment.algorithm", "algorithm", "1", "2"],
        ["segment.parameters.nuclei.nucleus_diameter", "parameter", "32.0", "30.0"],
    ]
    assert section.sentences[0] == "1 algorithm number and 1 stored parameter differ."
    assert any(sentence.startswith("OLD has no report") for sentence in section.sentences)


def test_the_same_run_has_no_changes(pair):
    section = compare_provenance(pair())
    assert section.moved is False
    assert section.sentences[0] == "Versions and parameters are the same."
    assert section.rows("asked").empty


def test_plates_made_otherwise_are_told_apart(pair):
    found = pair()
    path = found.new.folder / "plates/P2/fields/A01-A08.parquet"
    facts = {"stage": "segment", "algorithm": 1, "parameters": {"nuclei": {"nucleus_diameter": 20.0}}}
    write_table(pd.DataFrame({PLATE: ["P2"]}), path, facts)
    rows = compare_provenance(found).rows("asked").to_numpy().tolist()
    assert rows == [["segment.parameters.nuclei.nucleus_diameter", "parameter", "32.0", "20.0 | 32.0"]]


def test_other_weights_of_an_embedding_are_seen(pair):
    found = pair()
    for results, weights in ((found.old, "aa"), (found.new, "bb")):
        folder = results.folder / "campaign/embedding/deep"
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps({"algorithm": 1, "weights_sha256": weights}))
    section = compare_provenance(found)
    assert section.rows("stored").to_numpy().tolist() == [["embedding.deep.weights_sha256", "result", "aa", "bb"]]


def test_the_config_is_read_from_the_page_of_the_report(pair):
    found = pair(nucleus=30.0)
    for results, nucleus in ((found.old, 32.0), (found.new, 30.0)):
        _write_page(
            results,
            {"campaign": results.folder.name, "segmentation": {"nuclei": {"nucleus_diameter": nucleus}}, "k": "a<b"},
        )
    assert page_facts(found.old.page) == {
        "config segmentation.nuclei.nucleus_diameter": "32.0",
        "config k": "a<b",
        "library platewise": "0.1.0",
        "library torch <cpu>": "2",
    }
    section = compare_provenance(found)
    # The campaign's name differs by design, and the stored parameter repeats the config's.
    assert section.rows("asked").to_numpy().tolist() == [
        ["segmentation.nuclei.nucleus_diameter", "config", "32.0", "30.0"]
    ]
    assert section.sentences == ["1 key of the config differs."]


def _write_page(results: Results, config):
    folder = results.folder / "campaign"
    name = ".".join(VARIANT)
    write_table(scores_table(), folder / "s.parquet")
    write_table(batches_table(), folder / "b.parquet")
    write_table(edges_table(), folder / "e.parquet")
    write_table(nodes_table(), folder / "n.parquet")
    write_table(pd.DataFrame(columns=DIFFERENCE_COLUMNS), folder / "d.parquet")
    write_table(pd.DataFrame(columns=SHORTLIST_COLUMNS), folder / "l.parquet")
    curve = [*VARIANT, "", 1.0, 2.0, 1.0, 3.0, 0.1, 100.0, 20.0, 9.0, ""]
    write_table(pd.DataFrame([curve], columns=ENRICHMENT_COLUMNS), folder / "c.parquet")
    write_table(profiles_table(), folder / "p.parquet")
    report_campaign(
        results.page,
        campaign="x",
        preset=VARIANT,
        tables=CampaignTables(
            scores=[folder / "s.parquet"],
            enrichment=[folder / "c.parquet"],
            batches=[folder / "b.parquet"],
            differences=folder / "d.parquet",
            edges=folder / "e.parquet",
            nodes=folder / "n.parquet",
            shortlist=folder / "l.parquet",
            profiles={name: [folder / "p.parquet"]},
        ),
        settings=ReportConfig(),
        config=config,
        versions={"platewise": "0.1.0", "torch <cpu>": "2"},
    )
